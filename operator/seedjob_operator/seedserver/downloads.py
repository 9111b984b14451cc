"""Serves artifacts to whoever has a signed link: a job's index of files with their checksums, and the files."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import FileResponse, JSONResponse, Response

from seedjob_operator.seedapi.wire import Status
from seedjob_operator.seedserver import artifacts
from seedjob_operator.seedserver.errors import RefusedError
from seedjob_operator.seedserver.links import PREFIX, asked_place, public_base, shown
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.records import MICROSECONDS

_NOT_KEPT = {"Cache-Control": "no-store"}
"""A proxy that kept an answer would give it past the link's end, and when the artifacts are deleted."""
_GONE = "there are no such artifacts; they may have been deleted"


class _AnyPath(PathConvertor):
    """A path as `{...:path}` is one, but it may have line breaks, as files' names may."""

    regex = "(?s:.*)"


register_url_convertor("anypath", _AnyPath())


def downloads_router(platform: Platform) -> APIRouter:
    """Make the routes below `/_artifacts`."""
    router = APIRouter(include_in_schema=False)

    @router.get(PREFIX + "{_:anypath}")
    def download(
        request: Request,
        expires: Annotated[int, Query(ge=0, le=10**12)],
        signature: Annotated[str, Query(max_length=200)],
    ) -> Response:
        place = asked_place(request.scope["raw_path"])
        if not platform.links.is_good(place, expires=expires, signature=signature, now=platform.now // MICROSECONDS):
            message = "this link has expired or was changed: get the job again for a new one"
            raise RefusedError(Status.FORBIDDEN, message)
        namespace, job_id, *parts = place.split("/")
        tree = platform.folders.artifacts / namespace / job_id
        if parts:
            return _file(tree, "/".join(parts))
        base = public_base(request)
        return _index(tree, lambda path: base + platform.links.signed(namespace, job_id, path, expires=expires))

    return router


def _index(tree: Path, link: Callable[[str], str]) -> Response:
    found = artifacts.manifest(tree)
    if found is None:
        raise RefusedError(Status.NOT_FOUND, _GONE)
    entries = [{**entry, "path": shown(str(entry["path"])), "url": link(str(entry["path"]))} for entry in found]
    return JSONResponse({"data": entries}, headers=_NOT_KEPT)


def _file(tree: Path, path: str) -> Response:
    wanted = artifacts.kept_file(tree, path)
    if wanted is None:
        raise RefusedError(Status.NOT_FOUND, _GONE)
    return FileResponse(wanted, media_type="application/octet-stream", filename=shown(wanted.name), headers=_NOT_KEPT)
