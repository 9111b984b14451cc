"""The verbs that a spec can ask for, and which of them this version can't carry out."""

from seedjob_operator.resources import SeedJobSpec

_DEFERRED = ("suspend", "cancel", "run_id", "update_policy", "adoption_policy", "ttl_seconds_after_finished",
             "remote_ttl_seconds_after_finished", "cost_limit")  # fmt: skip


def unsupported(spec: SeedJobSpec) -> tuple[str, ...]:
    """Name the fields that are set to something else than their default and can't be carried out yet.

    Ignoring them would do harm: a job with a `costLimit` that nobody watches costs money.
    """
    fields = SeedJobSpec.model_fields
    return tuple(
        f"spec.{fields[name].alias or name}"
        for name in _DEFERRED
        if getattr(spec, name) != fields[name].get_default(call_default_factory=True)
    )
