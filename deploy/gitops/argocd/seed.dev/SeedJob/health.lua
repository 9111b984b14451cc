-- What Argo CD shows of a SeedJob or SeedConnection: the conditions that kstatus reads, in kstatus' order.
-- A suspended job is Healthy, as it is Ready: as Suspended it would hold up every later sync wave, and with it the
-- very sync that resumes it.

local function condition_of(type)
  for _, condition in ipairs((obj.status or {}).conditions or {}) do
    if condition.type == type then
      return condition
    end
  end
  return { status = "Unknown", message = "" }
end

local ready = condition_of("Ready")
local said = ready.message or ""
local phase = (obj.status or {}).phase

local function health(status, message)
  if phase ~= nil then
    message = phase .. ": " .. message
  end
  local attention = condition_of("Attention")
  if attention.status == "True" then
    message = message .. " " .. (attention.message or "")
  end
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "Being deleted. " .. said)
end
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to look at it.")
end
if condition_of("Reconciling").status == "True" then
  return health("Progressing", said)
end
if condition_of("Stalled").status == "True" then
  return health("Degraded", said)
end
if ready.status == "True" then
  return health("Healthy", said)
end
return health("Progressing", said)
