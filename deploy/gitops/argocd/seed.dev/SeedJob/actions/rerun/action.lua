-- Runs an ended job again, which costs money: Argo CD disables a button and still runs the action for its command line,
-- so what discovery.lua asks is asked here too. The second of two quick calls fails.

local ended_phases = { Succeeded = true, Failed = true, Cancelled = true, TimedOut = true }

local status = obj.status or {}
if obj.spec.suspend == true then
  error("The job is suspended: resume it first.", 0)
end
if not ended_phases[status.phase] or status.observedGeneration ~= obj.metadata.generation then
  error("The run hasn't ended: wait for its end, or cancel it first.", 0)
end

-- A runId that ran before starts nothing. The generation grows with every change of the spec, so each of its numbers
-- is used once, without a clock.
obj.spec.runId = "rerun-" .. obj.metadata.generation
obj.spec.cancel = false
return obj
