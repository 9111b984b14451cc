"""One round of lists: which of the expected jobs the platform shows, in as few pages as will do.

Pages are offsets into lists that change meanwhile. So queued jobs are read first, then running ones in the order of their
start, each list from its last page to its first: what ends or starts shifts only what was read already, and what starts
between the two lists is at the end of the second. What the platform puts back into its queue can slip through; it is
among the missing, and a job that is missing is read by name before anything is believed.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping

from seedjob_operator.seedapi.wire import Job, JobPage, JobSort, JobStatus, SortOrder

PER_PAGE = 100
ListPage = Callable[[JobStatus, str, str, int], Awaitable[JobPage]]
"""Reads one page: status, sort, order and number."""
_ENDS = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMED_OUT)


@dataclasses.dataclass(kw_only=True)
class Rounds:
    """Makes rounds, and remembers how long the lists were. `show` hears of each job as soon as its page is there."""

    list_page: ListPage
    show: Callable[[Job], None]
    pages: dict[JobStatus, int] = dataclasses.field(default_factory=dict)
    requests: int = 0

    async def look_for(self, expected: Mapping[str, JobStatus | None]) -> set[str]:
        """Look for active jobs by the statuses they were last seen with; give the names that weren't shown."""
        missing = set(expected)
        if any(status is not JobStatus.RUNNING for status in expected.values()):
            await self._read(JobStatus.QUEUED, JobSort.CREATED_AT, missing)
        if missing:
            await self._read(JobStatus.RUNNING, JobSort.STARTED_AT, missing)
        return missing

    async def look_for_ended(self, missing: set[str]) -> None:
        """Look among the jobs that ended last, as long as pages show some that are missing."""
        for status in _ENDS:
            number, last = 1, 1
            while missing and number <= last:
                before = len(missing)
                page = await self._page(status, JobSort.COMPLETED_AT, SortOrder.DESC, number, missing)
                last = page.pagination.total_pages if len(missing) < before else 0
                number += 1

    async def _read(self, status: JobStatus, sort: str, missing: set[str]) -> None:
        """Read a list from its last page to its first, or until all were seen."""
        number = last = max(self.pages.get(status, 1), 1)
        at_the_end = False
        while number >= 1 and missing:
            page = await self._page(status, sort, SortOrder.ASC, number, missing)
            last = max(page.pagination.total_pages, 1)
            self.pages[status] = last
            if at_the_end or last == number:
                at_the_end, number = True, number - 1
            else:
                number = last  # it has grown or shrunk since the last round: begin at its end

    async def _page(self, status: JobStatus, sort: str, order: str, number: int, missing: set[str]) -> JobPage:
        self.requests += 1
        page = await self.list_page(status, sort, order, number)
        for job in page.data:
            missing.discard(job.name)
            self.show(job)
        return page
