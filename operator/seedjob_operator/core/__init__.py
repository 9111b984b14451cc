"""The rules about jobs: pure functions from what is desired and observed to what is to be done.

Nothing in this room does I/O, reads a clock, logs or counts. Time is passed in. `decide` is the way in;
`controller` carries out what it answers.
"""
