"""The table of pairs: what one look at a SeedJob leads to while two verbs are asked for at once.

The first verb is the stronger. `before`: nothing was submitted yet (with IfMatching a matching job has the name). `running`:
an attempt runs. `held`: it was cancelled by an earlier `suspend`, which is lifted unless the pair says it. `ended`: it
succeeded 20 minutes ago. A dash: nothing to do. `next attempt`: the ended one goes to the records, and what the stronger
verb says of the next (submit, hold, cancel) is decided in its own state, `before`.
"""

STATES = ("before", "running", "held", "ended")
TABLE = """
seed.dev/force-orphan         | seed.dev/paused               | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/force-orphan         | deletion                      | let go                     | let go, orphaned          | let go, orphaned           | let go, orphaned
seed.dev/force-orphan         | cancel                        | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | -
seed.dev/force-orphan         | costLimit                     | submit                     | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | -
seed.dev/force-orphan         | suspend                       | Suspended: Suspended       | cancel: Suspended         | -                          | -
seed.dev/force-orphan         | runId                         | submit                     | cancel: RunIdChanged      | next attempt               | next attempt
seed.dev/force-orphan         | updatePolicy Replace          | submit                     | cancel: Replaced          | next attempt               | next attempt
seed.dev/force-orphan         | ttlSecondsAfterFinished       | submit                     | Running: Running          | next attempt               | delete object
seed.dev/force-orphan         | remoteTTLSecondsAfterFinished | submit                     | Running: Running          | next attempt               | remove record
seed.dev/force-orphan         | adoptionPolicy IfMatching     | adopt                      | Running: Running          | next attempt               | -
seed.dev/force-orphan         | deleteArtifacts               | submit                     | Running: Running          | next attempt               | -
seed.dev/paused               | deletion                      | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | cancel                        | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | costLimit                     | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | suspend                       | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | runId                         | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | updatePolicy Replace          | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | ttlSecondsAfterFinished       | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | remoteTTLSecondsAfterFinished | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | adoptionPolicy IfMatching     | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
seed.dev/paused               | deleteArtifacts               | attention: Paused          | attention: Paused         | attention: Paused          | attention: Paused
deletion                      | cancel                        | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | costLimit                     | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | suspend                       | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | runId                         | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | updatePolicy Replace          | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | ttlSecondsAfterFinished       | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | remoteTTLSecondsAfterFinished | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | adoptionPolicy IfMatching     | let go                     | cancel: Deleting          | remove record              | remove record
deletion                      | deleteArtifacts               | let go                     | cancel: Deleting          | remove record, artifacts   | remove record, artifacts
cancel                        | costLimit                     | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | -
cancel                        | suspend                       | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | -
cancel                        | runId                         | Cancelled: CancelledByUser | cancel: CancelledByUser   | next attempt               | next attempt
cancel                        | updatePolicy Replace          | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | -
cancel                        | ttlSecondsAfterFinished       | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | delete object
cancel                        | remoteTTLSecondsAfterFinished | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | remove record
cancel                        | adoptionPolicy IfMatching     | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | -
cancel                        | deleteArtifacts               | Cancelled: CancelledByUser | cancel: CancelledByUser   | Cancelled: CancelledByUser | -
costLimit                     | suspend                       | Suspended: Suspended       | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | -
costLimit                     | runId                         | submit                     | cancel: CostLimitExceeded | next attempt               | next attempt
costLimit                     | updatePolicy Replace          | submit                     | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | -
costLimit                     | ttlSecondsAfterFinished       | submit                     | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | delete object
costLimit                     | remoteTTLSecondsAfterFinished | submit                     | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | remove record
costLimit                     | adoptionPolicy IfMatching     | adopt                      | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | -
costLimit                     | deleteArtifacts               | submit                     | cancel: CostLimitExceeded | Failed: CostLimitExceeded  | -
suspend                       | runId                         | Suspended: Suspended       | cancel: Suspended         | next attempt               | next attempt
suspend                       | updatePolicy Replace          | Suspended: Suspended       | cancel: Suspended         | -                          | next attempt
suspend                       | ttlSecondsAfterFinished       | Suspended: Suspended       | cancel: Suspended         | -                          | delete object
suspend                       | remoteTTLSecondsAfterFinished | Suspended: Suspended       | cancel: Suspended         | -                          | remove record
suspend                       | adoptionPolicy IfMatching     | Suspended: Suspended       | cancel: Suspended         | -                          | -
suspend                       | deleteArtifacts               | Suspended: Suspended       | cancel: Suspended         | -                          | -
runId                         | updatePolicy Replace          | submit                     | cancel: RunIdChanged      | next attempt               | next attempt
runId                         | ttlSecondsAfterFinished       | submit                     | cancel: RunIdChanged      | next attempt               | next attempt
runId                         | remoteTTLSecondsAfterFinished | submit                     | cancel: RunIdChanged      | next attempt               | next attempt
runId                         | adoptionPolicy IfMatching     | adopt                      | cancel: RunIdChanged      | next attempt               | next attempt
runId                         | deleteArtifacts               | submit                     | cancel: RunIdChanged      | next attempt               | next attempt
updatePolicy Replace          | ttlSecondsAfterFinished       | submit                     | cancel: Replaced          | next attempt               | next attempt
updatePolicy Replace          | remoteTTLSecondsAfterFinished | submit                     | cancel: Replaced          | next attempt               | next attempt
updatePolicy Replace          | adoptionPolicy IfMatching     | Pending: NameTaken         | cancel: Replaced          | next attempt               | next attempt
updatePolicy Replace          | deleteArtifacts               | submit                     | cancel: Replaced          | next attempt               | next attempt
ttlSecondsAfterFinished       | remoteTTLSecondsAfterFinished | submit                     | Running: Running          | next attempt               | delete object
ttlSecondsAfterFinished       | adoptionPolicy IfMatching     | adopt                      | Running: Running          | next attempt               | delete object
ttlSecondsAfterFinished       | deleteArtifacts               | submit                     | Running: Running          | next attempt               | delete object
remoteTTLSecondsAfterFinished | adoptionPolicy IfMatching     | adopt                      | Running: Running          | next attempt               | remove record
remoteTTLSecondsAfterFinished | deleteArtifacts               | submit                     | Running: Running          | next attempt               | remove record
adoptionPolicy IfMatching     | deleteArtifacts               | adopt                      | Running: Running          | next attempt               | -
"""
