"""The process that runs one job and outlives the server.

It is started once per job, so it imports next to nothing: no `signal`, `json`, `re`, `subprocess`, `typing` or
`dataclasses`, each of which would double its start of about 10 ms. What it and the server say to each other stands in
the files that `files` names.
"""
