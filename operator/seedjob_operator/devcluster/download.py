"""Downloads the archive of ready binaries that the kubebuilder project releases for tests (`envtest`)."""

import hashlib
import queue
import shutil
import tarfile
import threading
from pathlib import Path
from typing import Final

import httpx

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.console import Progress, size
from seedjob_operator.devcluster.errors import ChecksumError, DevClusterError
from seedjob_operator.devcluster.places import Places

BINARIES: Final = ("etcd", "kube-apiserver", "kubectl")
_CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 30.0


class DownloadError(DevClusterError):
    """The archive could not be had; there are other ways to get its binaries."""


def download_envtest(places: Places, *, client: httpx.Client, progress: Progress) -> None:
    """Fetch the archive, verify it and put its binaries in place.

    Raises:
        DownloadError: the network or its other end said no, or the archive holds something else than expected.
        ChecksumError: what came is not the pinned file. It has been deleted.
    """
    url = pins.ENVTEST_URL.format(version=pins.ENVTEST, platform=places.platform)
    archive = places.cache / f".{places.downloaded.name}.partial"
    places.cache.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, archive, client=client, progress=progress)
        verify(archive, sha512=pins.ENVTEST_SHA512[places.platform], url=url)
        unpack(archive, into=places.downloaded)
    except (httpx.HTTPError, OSError, tarfile.TarError) as error:
        raise DownloadError(f"{url} could not be downloaded ({type(error).__name__}: {error})") from error
    finally:
        archive.unlink(missing_ok=True)


def internet_client() -> httpx.Client:
    """The client for the download; it honours the usual proxy variables."""
    timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    return httpx.Client(timeout=timeout, follow_redirects=True)


def reachable(url: str, *, client: httpx.Client) -> bool:
    """Whether the other end answers within 3 s. A name look-up has no time-out of its own, hence the thread."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(client.head(url, timeout=_CONNECT_SECONDS).is_success)
        except httpx.HTTPError:
            answers.put(False)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=_CONNECT_SECONDS)
    except queue.Empty:
        return False


def verify(archive: Path, *, sha512: str, url: str) -> None:
    """Compare a file's SHA-512 with the pinned one.

    Raises:
        ChecksumError: they differ.
    """
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha512").hexdigest()
    if found != sha512:
        raise ChecksumError(
            f"What {url} gave has SHA-512 {found[:16]}... where {sha512[:16]}... is pinned, and was deleted unused"
        )


def unpack(archive: Path, *, into: Path) -> None:
    """Take the three binaries out of the archive, by name only; the folder appears whole or not at all."""
    unfinished = into.with_name(f".{into.name}.unpacked")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        members = {Path(member.name).name: member for member in tar if member.isfile()}
        for name in BINARIES:
            content = tar.extractfile(members[name]) if name in members else None
            if content is None:
                raise tarfile.TarError(f"it holds no {name}")
            with content, (unfinished / name).open("wb") as file:
                shutil.copyfileobj(content, file)
            (unfinished / name).chmod(0o755)
    shutil.rmtree(into, ignore_errors=True)
    unfinished.replace(into)


def _fetch(url: str, archive: Path, *, client: httpx.Client, progress: Progress) -> None:
    with client.stream("GET", url) as answer, archive.open("wb") as file:
        answer.raise_for_status()
        total = int(answer.headers.get("content-length", 0))
        progress.say(f"downloading {url}")
        for chunk in answer.iter_bytes():
            file.write(chunk)
            progress.update(f"envtest {pins.ENVTEST}: {size(file.tell())} of {size(total)} downloaded")
