"""Artifacts by signed links: whole and with their checksums, for a while, and nothing else of the machine."""

import hashlib
import shlex

from integration.seedserver.server import SeedServer


def test_artifacts_are_downloaded_by_a_link_alone(server: SeedServer) -> None:
    server.create("weights", "mkdir -p out/deep; printf 12345 > out/a; printf é > 'out/deep/b c'", artifacts_path="out")
    kept = server.wait("weights")["artifacts"]
    assert kept["expires_at"] is not None
    plain = {"Authorization": ""}
    index = server.http.get(kept["url"], headers=plain).json()["data"]
    assert [(entry["path"], entry["size_bytes"]) for entry in index] == [("a", 5), ("deep/b c", 2)]
    for entry, content in zip(index, (b"12345", "é".encode()), strict=True):
        answer = server.http.get(entry["url"], headers=plain)
        assert (answer.status_code, answer.content) == (200, content)
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_a_file_of_any_name_is_downloaded_by_its_link(server: SeedServer) -> None:
    """A job names its files as it likes: line breaks, what means something in addresses, bytes that aren't UTF-8."""
    names = [b"a\nb", b"z\n", "50%25?#&+ ;\\é".encode(), b"\xff", b"d\xfe/\xff"]
    program = f"import os\nfor n, name in enumerate({names!r}): open(b'out/' + name, 'w').write(str(n))"
    server.create("odd", f"mkdir -p out/$(printf 'd\\376'); python -c {shlex.quote(program)}", artifacts_path="out")
    index = server.http.get(server.wait("odd")["artifacts"]["url"]).json()["data"]
    found = {entry["path"]: server.http.get(entry["url"]).text for entry in index}
    assert found == {"a\nb": "0", "z\n": "1", "50%25?#&+ ;\\é": "2", "\ufffd": "3", "d\ufffd/\ufffd": "4"}


def test_a_link_is_for_its_place_and_time_only(server: SeedServer) -> None:
    job = server.create("guarded", "mkdir out; echo 1 > out/f", artifacts_path="out")
    url = server.wait("guarded")["artifacts"]["url"]
    head, _, signature = url.rpartition("signature=")
    later = head.replace("expires=", "expires=9")
    elsewhere = url.replace(job["id"], f"{job['id']}/../../../link-key")
    for changed in (f"{head}signature={'0' * len(signature)}", f"{later}signature={signature}", elsewhere, f"{url}é"):
        assert server.http.get(changed).status_code in (403, 404), changed
    server.delete("guarded", delete_artifacts="true")
    assert server.http.get(url).status_code == 404
    left = list((server.data / "artifacts" / "acme").glob(f"{job['id']}*"))
    assert left == [], "the list of files goes with them"


def test_whatever_a_job_makes_of_its_artifacts_its_end_is_recorded(server: SeedServer) -> None:
    """A path too long for any file, links that lead round in a circle, alone and in the tree, and folders too deep.

    Deeper than Python calls itself, and with paths longer than the system takes; also in the log's own folder.
    """
    deep = "for i in 1 2 3; do d=$(printf 'a/%.0s' $(seq 700)); mkdir -p $d; cd -P $d; done"
    server.create("long", "true", artifacts_path="x" * 300)
    server.create("circle", "ln -s out out", artifacts_path="out")
    server.create("circles", "mkdir out; ln -s b out/a; ln -s a out/b; echo 1 > out/f", artifacts_path="out")
    job = server.create("deep", f"mkdir out; cd out; {deep}", artifacts_path="out")
    server.create("nested", "mkdir -p out/$(printf 'a/%.0s' $(seq 1100)); echo 1 > out/f", artifacts_path="out")
    server.create("beside", "mkdir ../log/x ../log/007; echo 1 > ../log/²; rm -f ../order; mkdir ../order")
    chain = 'python -c "import os; [os.symlink(str(i - 1), str(i)) for i in range(1, 1101)]"'
    server.create("chain", chain, artifacts_path="1100")
    names = ("chain", "long", "circle", "circles", "deep", "nested", "beside")
    assert [server.wait(name)["status"] for name in names] == ["succeeded"] * len(names)
    assert server.lines("deep")[-1] == "seed: the artifacts could not be kept: File name too long"
    assert not (server.data / "jobs" / job["id"] / "work").exists(), "its disk is discarded all the same"
    assert server.job("nested")["artifacts"]["file_count"] == 1
    nested = server.job("nested")["id"]
    server.delete("nested", delete_artifacts="true")
    assert not (server.data / "artifacts" / "acme" / nested).exists()


def test_a_job_whose_log_is_no_log_has_its_end_recorded(server: SeedServer) -> None:
    server.create("logless", "rm -rf ../log; echo 1 > ../log; mkdir out; echo 1 > out/f", artifacts_path="out")
    assert server.wait("logless")["artifacts"]["file_count"] == 1


def test_folders_that_a_job_closed_are_opened_and_an_empty_one_is_nothing(server: SeedServer) -> None:
    job = server.create(
        "closed", "mkdir -p out/a/b rest/c; echo 1 > out/a/b/f; chmod 0 out/a/b out/a rest/c rest", artifacts_path="out"
    )
    server.create("hollow", "mkdir out", artifacts_path="/out")
    assert server.wait("closed")["artifacts"]["file_count"] == 1
    kept = server.data / "artifacts" / "acme" / job["id"]
    assert [(path.stat().st_mode & 0o777) for path in (kept, kept / "a", kept / "a" / "b")] == [0o700] * 3
    assert not (server.data / "jobs" / job["id"] / "work").exists()
    assert server.wait("hollow")["artifacts"] is None, "an image's artifacts_path is always there"
    assert server.lines("hollow")[-1] == "seed: nothing was left at /out: no artifacts are kept"
