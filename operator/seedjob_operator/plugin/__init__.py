"""The kubectl plugin: `kubectl seedjob status` and `kubectl seedjob wait`.

It reads SeedJobs through the caller's own kubectl, with the caller's own rights.
"""
