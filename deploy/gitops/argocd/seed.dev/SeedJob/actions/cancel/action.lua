-- Ends the run of this runId for good; "rerun" starts another.
obj.spec.cancel = true
return obj
