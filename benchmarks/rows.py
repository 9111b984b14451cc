"""The rows of the benchmark."""

from benchmarks import arriving, standing
from benchmarks.row import Row

ALL = {
    row.name: row
    for row in (
        Row(
            name="empty",
            about="a start with nothing to do",
            measure=arriving.empty,
            sizes=(0,),
            window=10.0,
            floor=False,
        ),
        Row(
            name="converge",
            about="SeedJobs created before the start, until all are submitted",
            measure=arriving.converge,
            sizes=(100, 1_000, 5_000, 10_000),
        ),
        Row(
            name="steady",
            about="running jobs, nothing changes, 300 requests/min",
            measure=standing.steady,
            sizes=(10_000,),
            window=120.0,
            plan="300",
        ),
        Row(name="progress", about="running jobs, each with new progress every 5 s", measure=standing.progress),
        Row(name="ends", about="running jobs that all end within 10 s", measure=standing.ends),
        Row(
            name="restart",
            about="a start with jobs of which 9 in 10 have ended",
            measure=standing.restart,
            sizes=(10_000,),
            window=30.0,
        ),
        Row(
            name="limited",
            about="running jobs on 60 requests/min, new progress every 30 s; every 10 s one ends and one comes",
            measure=standing.limited,
            window=300.0,
            plan="60",
            floor=False,
        ),
        Row(
            name="surge",
            about="long jobs created at once on 60 requests/min",
            measure=arriving.surge,
            window=300.0,
            plan="60",
            floor=False,
        ),
        Row(
            name="latency",
            about="from apply to the remote create, one job at a time",
            measure=arriving.latency,
            sizes=(200,),
        ),
        Row(name="life", about="from creation over the end to deletion", measure=arriving.life, sizes=(500,)),
    )
}
