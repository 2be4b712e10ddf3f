local hs = {}

if obj.metadata.deletionTimestamp ~= nil then
  hs.status = "Progressing"
  hs.message = "The connector is being deleted"
  return hs
end

local status = obj.status or {}
if status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  hs.status = "Progressing"
  hs.message = "Waiting for the operator to process the connector"
  return hs
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end

local function isTrue(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

local ready = conditions.Ready or {}
hs.message = ready.message or ""

if obj.spec ~= nil and obj.spec.suspend == true then
  hs.status = "Suspended"
elseif isTrue("Stalled") then
  hs.status = "Degraded"
elseif isTrue("Ready") and not isTrue("Reconciling") then
  hs.status = "Healthy"
else
  hs.status = "Progressing"
end
return hs
