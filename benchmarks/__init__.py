"""What the operator costs beside two yardsticks: `make bench`, or `python -m benchmarks --help`.

`rows` says what is measured, `stage` runs the parts of one measurement, `obvious_operator` and `floor` are the yardsticks.
"""
