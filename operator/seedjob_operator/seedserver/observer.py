"""Looks at running jobs about once a second: what they use, and what their output tells of their progress."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedjob_operator.seedserver import joblog, segments
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.progress import last_progress
from seedjob_operator.seedserver.records import Sample
from seedjob_operator.seedserver.sampling import Sampler

_LOG = logging.getLogger(__name__)
_TAIL_BYTES = 65536  # looked at for progress: of a job that writes more in a second, what it wrote last


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A running job: its supervisor's process, and its vCPUs."""

    root: int
    vcpus: int


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a look has shown, by job id."""

    samples: Mapping[str, Sample]
    progress: Mapping[str, str]


class Observer:
    """Remembers between two looks how far each log was read."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._sampler = Sampler()
        self._read_to: dict[str, int] = {}

    def look(self, followed: Mapping[str, Followed]) -> Seen:
        """Look at all running jobs. Takes milliseconds: not for the event loop."""
        if not followed:
            self._read_to.clear()
            return Seen(samples={}, progress={})
        samples = self._sampler.sample({job_id: (job.root, job.vcpus) for job_id, job in followed.items()})
        self._read_to = {job_id: self._read_to.get(job_id, 0) for job_id in followed}
        told = {job_id: text for job_id in followed if (text := self._new_progress(job_id)) is not None}
        return Seen(samples=samples, progress=told)

    def _new_progress(self, job_id: str) -> str | None:
        try:
            text, self._read_to[job_id] = _progress_behind(self._folders.log(job_id), self._read_to[job_id])
        except (OSError, ValueError) as error:  # what it has put there costs the others nothing
            _LOG.debug("the progress of job %s can't be read: %s", job_id, error)
            return None
        return text


def progress_at_end(path: Path) -> str | None:
    """Give the last progress that stands near the end of a log."""
    return _progress_behind(path, 0)[0]


def _progress_behind(path: Path, position: int) -> tuple[str | None, int]:
    """Give the last progress behind a position, and how far the log was read; of much output only the end is."""
    size = segments.size_of(path)
    start = position if size - position <= _TAIL_BYTES else joblog.next_line(path, size - _TAIL_BYTES)
    lines = joblog.lines_from(path, start, most_bytes=2 * _TAIL_BYTES)
    texts = (line.message for line in lines if line.node is not None)
    return last_progress(texts), lines[-1].end if lines else start
