"""Argo CD's actions: which are offered when, and that each changes one verb of the spec and nothing else."""

import re
from copy import deepcopy
from typing import Any

import lupa.lua51
import pytest

from seedjob_operator.resources import Phase, SeedJobSpec
from unit.core import given
from unit.gitops import argocd
from unit.gitops.argocd import act, enabled
from unit.gitops.objects import manifest, recorded

ENDED = [phase for phase in Phase if phase.is_terminal]
ACTIVE = [phase for phase in Phase if not phase.is_terminal and phase is not Phase.SUSPENDED]
DOES: dict[str, dict[str, Any]] = {
    "cancel": {"cancel": True},
    "suspend": {"suspend": True},
    "resume": {"suspend": False},
    "rerun": {"runId": "rerun-1", "cancel": False},
}


@pytest.mark.parametrize("library", ["string", "math", "io", "os", "debug", "coroutine", "python"])
def test_the_virtual_machine_has_what_argo_cd_opens_and_no_more(library: str) -> None:
    """A script that needs one of these would pass here and fail there."""
    machine = argocd.virtual_machine()
    assert machine.eval(f"{library} == nil and package.loaded.{library} == nil")
    assert machine.eval("(pcall(function() return (''):upper() end))") is False


class TestOffered:
    @pytest.mark.parametrize("phase", ACTIVE)
    def test_while_it_is_on_its_way(self, phase: Phase) -> None:
        assert enabled(recorded(phase)) == {"cancel", "suspend"}

    @pytest.mark.parametrize("phase", ENDED)
    def test_once_it_ended(self, phase: Phase) -> None:
        assert enabled(recorded(phase)) == {"rerun"}

    def test_before_the_operator_looked(self) -> None:
        assert enabled(manifest(given.desired())) == {"cancel", "suspend"}

    def test_while_suspended(self) -> None:
        assert enabled(recorded(Phase.SUSPENDED, spec=given.spec(suspend=True))) == {"cancel", "resume"}

    def test_while_being_cancelled(self) -> None:
        assert enabled(recorded(Phase.CANCELLING, spec=given.spec(cancel=True))) == set()

    @pytest.mark.parametrize("phase", [*ACTIVE, *ENDED])
    def test_nothing_while_it_is_deleted(self, phase: Phase) -> None:
        assert enabled(recorded(phase, deleting=True)) == set()

    def test_no_second_run_before_the_first_was_seen(self) -> None:
        """Two people press the button at once: one run is meant, and paid for."""
        assert enabled(recorded(Phase.FAILED, generation=2)) == set()


class TestDone:
    @pytest.mark.parametrize("name", argocd.ACTIONS)
    def test_it_changes_its_fields_of_the_spec_and_nothing_else(self, name: str) -> None:
        before = recorded(Phase.FAILED, spec=given.spec(logs={}, cancel=True))
        expected = deepcopy(before)
        expected["spec"] |= DOES[name]
        assert act(name, before) == expected

    def test_a_new_run_has_an_id_that_the_schema_takes(self) -> None:
        after = act("rerun", recorded(Phase.FAILED, generation=1))
        assert re.fullmatch("[!-~]{1,64}", SeedJobSpec.model_validate(after["spec"]).run_id)

    def test_no_two_runs_have_the_same_id(self) -> None:
        """A runId that ran before starts nothing. Each change of the spec raises the generation."""
        found = recorded(Phase.FAILED)
        ids = [found["spec"]["runId"]]
        for generation in range(2, 12):
            found["metadata"]["generation"] = found["status"]["observedGeneration"] = generation
            found = act("rerun", found)
            ids.append(found["spec"]["runId"])
        assert len(set(ids)) == len(ids)

    @pytest.mark.parametrize(
        "found",
        [
            recorded(Phase.RUNNING),
            recorded(Phase.FAILED, generation=2),
            recorded(Phase.FAILED, spec=given.spec(suspend=True)),
            manifest(given.desired()),
        ],
        ids=["running", "second click", "suspended", "new"],
    )
    def test_argo_cd_s_command_line_can_t_run_what_the_page_disables(self, found: dict[str, Any]) -> None:
        """Argo CD runs a disabled action when it is called by name; this one costs money."""
        with pytest.raises(lupa.lua51.LuaError, match=r"resume it first|wait for its end"):
            act("rerun", found)
