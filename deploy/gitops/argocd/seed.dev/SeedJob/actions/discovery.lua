-- Which buttons a SeedJob has: what would change nothing, or needs another step first, is disabled.

local ended_phases = { Succeeded = true, Failed = true, Cancelled = true, TimedOut = true }

local status = obj.status or {}
local deleted = obj.metadata.deletionTimestamp ~= nil
local ended = ended_phases[status.phase] == true
local seen = status.observedGeneration == obj.metadata.generation
local cancelled = obj.spec.cancel == true
local suspended = obj.spec.suspend == true

return {
  cancel = {
    displayName = "Cancel",
    iconClass = "fa fa-fw fa-stop",
    disabled = deleted or ended or cancelled,
  },
  suspend = {
    displayName = "Suspend",
    iconClass = "fa fa-fw fa-pause",
    disabled = deleted or ended or cancelled or suspended,
  },
  resume = {
    displayName = "Resume",
    iconClass = "fa fa-fw fa-play",
    disabled = deleted or cancelled or not suspended,
  },
  rerun = {
    displayName = "Run again",
    iconClass = "fa fa-fw fa-redo",
    disabled = deleted or suspended or not ended or not seen,
  },
}
