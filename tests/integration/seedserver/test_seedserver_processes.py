"""A supervisor is watched and signalled with and without a pidfd, which a system or a full process may not give."""

import asyncio
import errno
import os
import signal
import subprocess
import sys

import psutil
import pytest

from seedjob_operator.seedserver.processes import Supervisor

REFUSALS = {"full": errno.EMFILE, "forbidden": errno.EPERM}


@pytest.fixture(params=["pidfd", *REFUSALS, "unknown"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch by a pidfd; without one, because none is free, a sandbox allows none, or the system has none."""

    def refuse(_pid: int) -> int:
        number = REFUSALS[request.param]
        raise OSError(number, os.strerror(number))

    if request.param in REFUSALS:
        monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)
    elif request.param == "unknown":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


def start(command: str) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", command], {})


@pytest.mark.usefixtures("way")
async def test_its_end_is_told_and_it_is_reaped() -> None:
    supervisor = Supervisor(start("exit 3"))
    async with asyncio.timeout(90):
        await supervisor.ended()
    assert not psutil.pid_exists(supervisor.pid), "no zombie is left"
    supervisor.terminate()
    supervisor.close()
    supervisor.terminate()


@pytest.mark.usefixtures("way")
async def test_it_is_told_to_end() -> None:
    supervisor = Supervisor(start("exec sleep 600"))
    waiting = asyncio.create_task(supervisor.ended())
    await asyncio.sleep(0)
    assert not waiting.done()
    supervisor.terminate()
    async with asyncio.timeout(90):
        await waiting
    supervisor.close()


@pytest.mark.usefixtures("way")
async def test_one_that_is_not_ours_has_ended_though_its_parent_does_not_reap_it() -> None:
    """An earlier server's supervisor is init's, and in a container that may be a program that reaps nothing."""
    # The child lives for a second, so that it is watched while it runs; its parent lives until the end, and never reaps it.
    script = "import os, time; pid = os.fork() or os._exit(time.sleep(1) or 0); print(pid, flush=True); time.sleep(600)"
    with subprocess.Popen(  # noqa: ASYNC220  # to start it takes no time
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        supervisor = Supervisor(int(parent.stdout.readline()))
        try:
            async with asyncio.timeout(90):
                await supervisor.ended()
            assert psutil.Process(supervisor.pid).status() == psutil.STATUS_ZOMBIE
        finally:
            supervisor.close()
            parent.send_signal(signal.SIGKILL)
