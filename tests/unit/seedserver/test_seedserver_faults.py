"""Which requests a fault hits: by operation, count, probability and time; the same seed hits the same ones."""

import pytest
from pydantic import ValidationError

from seedjob_operator.seedserver.faults import FAULT, Drop, Fail, Faults


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def hit(faults: Faults, requests: int, operation: str = "get") -> list[bool]:
    return [bool(faults.due(operation, Drop)) for _ in range(requests)]


def asked(**fields: object) -> Faults:
    faults = Faults()
    faults.add(FAULT.validate_python({"operation": "get", "kind": "drop"} | fields))
    return faults


@pytest.mark.parametrize(
    ("fields", "expected", "why"),
    [
        ({}, [True, False, False], "the next one, where nothing is said"),
        ({"count": 2}, [True, True, False], "as many as are asked for"),
        ({"count": None}, [True, True, True], "all, until it is removed"),
        ({"operation": "list"}, [False, False, False], "of its own operation only"),
        ({"operation": "any"}, [True, False, False], "of any"),
    ],
)
def test_how_many(fields: dict[str, object], expected: list[bool], why: str) -> None:
    assert hit(asked(**fields), 3) == expected, why


def test_a_fault_of_another_kind_is_not_used_up() -> None:
    faults = asked()
    assert faults.due("get", Fail) == []
    assert hit(faults, 1) == [True]


def test_the_same_seed_hits_the_same_requests() -> None:
    first, second, other = (hit(asked(probability=0.3, seed=seed), 200) for seed in (7, 7, 8))
    assert first == second
    assert first != other
    assert 30 <= sum(first) <= 90


def test_a_count_counts_hits_not_requests() -> None:
    assert sum(hit(asked(probability=0.3, count=5), 200)) == 5


def test_a_fault_for_a_while() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.add(FAULT.validate_python({"operation": "any", "kind": "drop", "for_seconds": 10}))
    assert hit(faults, 3) == [True, True, True]
    clock.now = 9.9
    assert hit(faults, 1) == [True]
    clock.now = 10.0
    assert hit(faults, 1) == [False]
    assert faults.described() == []


def test_what_is_left_is_told() -> None:
    faults = asked(count=3)
    hit(faults, 1)
    assert [described["count"] for described in faults.described()] == [2]


def test_fields_of_another_kind_are_refused() -> None:
    with pytest.raises(ValidationError):
        FAULT.validate_python({"operation": "get", "kind": "drop", "status": 500})
