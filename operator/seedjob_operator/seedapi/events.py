"""Reads a log stream: server-sent events into lines and the end."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import httpx_sse

from seedjob_operator.seedapi import answers, errors, wire
from seedjob_operator.seedapi.wire import LogLine, StreamEnd, StreamEvent


class _BoundedEvents(httpx.AsyncByteStream):
    """The body of an event stream, ended where a single event is larger than the bound."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pending = 0
        async for chunk in self._response.aiter_bytes():
            end = max(chunk.rfind(blank_line) for blank_line in (b"\n\n", b"\r\r", b"\n\r\n"))
            pending = pending + len(chunk) if end < 0 else len(chunk) - end
            if pending > answers.MAX_BODY:
                raise errors.UnreadableAnswerError("An event of the platform's log stream is larger than 8 MiB.")
            yield chunk


async def read_events(response: httpx.Response) -> AsyncGenerator[LogLine | StreamEnd, None]:
    """Give the lines of an accepted stream, each with its `position`, and its end, which is the last.

    An event that isn't known or can't be read is passed over.

    Raises:
        UnreadableAnswerError: it isn't an event stream, or an event is too large.
        NoAnswerError: it broke off before the job's end.
    """
    content_type = response.headers.get("content-type", "")
    if not content_type.startswith(wire.EVENT_STREAM_TYPE):
        text = "The platform answered the request for a log stream with something else."
        raise errors.UnreadableAnswerError(text, status=response.status_code)
    bounded = httpx.Response(
        response.status_code, headers={"content-type": content_type}, stream=_BoundedEvents(response)
    )
    async with contextlib.aclosing(httpx_sse.EventSource(bounded).aiter_sse()) as events:
        async for event in events:
            told = _read(event)
            if told is not None:
                yield told
            if isinstance(told, StreamEnd):
                return
    raise errors.NoAnswerError("The platform's log stream broke off before the job's end.")


def _read(event: httpx_sse.ServerSentEvent) -> LogLine | StreamEnd | None:
    position = event.id or None
    try:
        if event.event == StreamEvent.LOG:
            return answers.parsed(event.data, LogLine).model_copy(update={"position": position})
        if event.event == StreamEvent.END:
            return answers.parsed(event.data, StreamEnd).model_copy(update={"position": position})
    except errors.UnreadableAnswerError:
        return StreamEnd(position=position) if event.event == StreamEvent.END else None
    return None
