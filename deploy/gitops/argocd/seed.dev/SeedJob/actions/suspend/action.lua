-- Holds the job; an active attempt is cancelled, and "resume" starts a new one.
obj.spec.suspend = true
return obj
