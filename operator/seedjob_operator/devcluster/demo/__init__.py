"""`make demo`: the whole product on one machine, with sample SeedJobs that run to their ends."""

from seedjob_operator.devcluster.demo.show import Options, run

__all__ = ["Options", "run"]
