"""The envtest archive: only the pinned file is ever used, and its folder appears whole or not at all."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from seedjob_operator.devcluster import pins
from seedjob_operator.devcluster.download import DownloadError, download_envtest
from seedjob_operator.devcluster.errors import ChecksumError
from seedjob_operator.devcluster.places import Places
from unit.devcluster.recording import Recording

WHOLE = {f"controller-tools/envtest/{name}": name.encode() for name in ("etcd", "kube-apiserver", "kubectl")}


def archive_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(platform="linux-amd64", cache=tmp_path / "cache")


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Pin the sum of some content."""

    def pin_content(content: bytes) -> None:
        monkeypatch.setitem(pins.ENVTEST_SHA512, "linux-amd64", hashlib.sha512(content).hexdigest())

    return pin_content


def download(places: Places, content: bytes, *, status: int = 200) -> Recording:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path.endswith(f"/envtest-v{pins.ENVTEST}-linux-amd64.tar.gz")
        return httpx.Response(status, content=content)

    progress = Recording()
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        download_envtest(places, client=client, progress=progress)
    return progress


def test_the_pinned_archive_gives_three_programs_that_can_be_run(places: Places, pin: Callable[[bytes], None]) -> None:
    content = archive_of(WHOLE)
    pin(content)
    progress = download(places, content)
    assert sorted(path.name for path in places.downloaded.iterdir()) == ["etcd", "kube-apiserver", "kubectl"]
    assert (places.downloaded / "etcd").read_bytes() == b"etcd"
    assert all(path.stat().st_mode & 0o777 == 0o755 for path in places.downloaded.iterdir())
    assert progress.updates, "a slow network must show that it moves"


def test_another_file_is_refused_and_leaves_nothing(places: Places) -> None:
    with pytest.raises(ChecksumError, match=r"has SHA-512 \w{16}\.\.\. where ea743186c8a799f5\.\.\. is pinned"):
        download(places, archive_of(WHOLE))
    assert list(places.cache.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"controller-tools/envtest/etcd": b"e"}, "a part is missing: half a control plane is worse than none"),
        ({}, "an empty archive"),
    ],
)
def test_an_archive_without_the_programs_leaves_nothing(
    places: Places, pin: Callable[[bytes], None], files: dict[str, bytes], why: str
) -> None:
    content = archive_of(files)
    pin(content)
    with pytest.raises(DownloadError, match="it holds no"):
        download(places, content)
    assert not places.downloaded.exists(), why


def test_names_in_the_archive_choose_no_path(places: Places, pin: Callable[[bytes], None]) -> None:
    content = archive_of({**WHOLE, "../../evil": b"x", "/etc/evil": b"x"})
    pin(content)
    download(places, content)
    assert [path.name for path in places.cache.parent.rglob("evil")] == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusing_server_is_no_reason_to_stop_as_there_are_other_ways(places: Places, status: int) -> None:
    with pytest.raises(DownloadError, match=f"could not be downloaded.*{status}"):
        download(places, b"", status=status)


def test_what_an_interrupted_unpacking_left_is_replaced(places: Places, pin: Callable[[bytes], None]) -> None:
    leftover = places.cache / f".{places.downloaded.name}.unpacked" / "etcd"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    content = archive_of(WHOLE)
    pin(content)
    download(places, content)
    assert (places.downloaded / "etcd").read_bytes() == b"etcd"
    assert not leftover.exists()
