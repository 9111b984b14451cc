"""The local Seed platform: the Jobs API over real processes, for trying, developing against and testing.

`command` starts it; `application` answers requests, `platform` owns the jobs, `store` the records, and a process of
`supervisor` runs each job, so that the server can end and start again without touching one.
"""
