-- Health of a RegularizationSweep for Argo CD: the value of resource.customizations.health.regsweep.dev_RegularizationSweep
-- in ConfigMap argocd-cm.
local function condition(kind)
  for _, each in ipairs(obj.status.conditions or {}) do
    if each.type == kind then
      return each
    end
  end
  return {}
end

local function health(status, message)
  return { status = status, message = message or "" }
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator.")
end
local stalled, complete, suspended = condition("Stalled"), condition("Complete"), condition("Suspended")
if stalled.status == "True" then
  return health("Degraded", stalled.message)
end
if complete.status == "True" then
  return health("Healthy", complete.message)
end
if suspended.status == "True" then
  return health("Suspended", suspended.message)
end
return health("Progressing", condition("Progressing").message)
