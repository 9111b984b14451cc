"""How Kubernetes knows the operator's resources: group, version, kinds, and the names kept in metadata."""

from __future__ import annotations

from typing import Final

GROUP: Final = "seed.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

SEEDJOB_KIND: Final = "SeedJob"
SEEDJOB_PLURAL: Final = "seedjobs"
SEEDCONNECTION_KIND: Final = "SeedConnection"
SEEDCONNECTION_PLURAL: Final = "seedconnections"

# Not kopf's own finalizer: kopf removes that one whenever it sees no need for it.
FINALIZER: Final = f"{GROUP}/job"
CONNECTION_FINALIZER: Final = f"{GROUP}/connection"

# Whose writes are ours in an object's managedFields.
FIELD_MANAGER: Final = "seedjob-operator"

INTENT_ANNOTATION: Final = f"{GROUP}/intent"
PAUSED_ANNOTATION: Final = f"{GROUP}/paused"
FORCE_ORPHAN_ANNOTATION: Final = f"{GROUP}/force-orphan"
RECONCILE_AT_ANNOTATION: Final = f"{GROUP}/reconcile-at"
