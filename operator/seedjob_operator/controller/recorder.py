"""Writes Kubernetes Events: on transitions only, limited, and never in the way of the work itself.

Source: `events.k8s.io/v1` is for components; users read core `v1` Events in `kubectl describe`, so these are written.
"""

import logging
from collections import deque
from datetime import UTC, datetime

from seedjob_operator import metrics
from seedjob_operator.controller.kubernetes import Document, Kubernetes, KubernetesError
from seedjob_operator.core.telling import Event, EventType
from seedjob_operator.resources import API_VERSION, SEEDJOB_KIND

_log = logging.getLogger(__name__)
_MESSAGE_LENGTH = 1000
_MOST_PER_MINUTE = 600


class EventRecorder:
    """Tells what happened to an object."""

    def __init__(self, kubernetes: Kubernetes, *, component: str) -> None:
        self._kubernetes = kubernetes
        self._component = component
        self._recent: deque[float] = deque()

    async def record(self, body: Document, event: Event) -> bool:
        """Write an Event about an object, and say whether it is written; a failure is logged and forgotten."""
        metadata = body["metadata"]
        level = logging.WARNING if event.type is EventType.WARNING else logging.INFO
        _log.log(level, "%s: %s", event.reason, event.message)
        if not self._has_room():
            return False
        path = f"/api/v1/namespaces/{metadata['namespace']}/events"
        try:
            await self._kubernetes.post(path, self._event(metadata, event))
        except KubernetesError as error:
            metrics.KUBERNETES_WRITES.labels("events", "failed").inc()
            _log.info("the Event %s could not be written: %s", event.reason, error)
            return False
        else:
            metrics.KUBERNETES_WRITES.labels("events", "done").inc()
        return True

    def _has_room(self) -> bool:
        now = datetime.now(UTC).timestamp()
        while self._recent and self._recent[0] < now - 60:
            self._recent.popleft()
        if len(self._recent) >= _MOST_PER_MINUTE:
            return False
        self._recent.append(now)
        return True

    def _event(self, metadata: Document, event: Event) -> Document:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "metadata": {"generateName": f"{metadata['name'][:200]}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": SEEDJOB_KIND,
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": event.type.value,
            "reason": event.reason.value,
            "message": event.message[:_MESSAGE_LENGTH],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
        }
