"""`seedjob-operator seed-server`: a start that says what to do next, or what to put right."""

import argparse
import asyncio
import ipaddress
import logging
import os
import secrets
import shlex
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from seedjob_operator.seedapi.wire import LIST_JOBS, path
from seedjob_operator.seedserver.access import Credential, Credentials
from seedjob_operator.seedserver.containers import Engine, find_engine
from seedjob_operator.seedserver.folders import FolderInUseError, Folders
from seedjob_operator.seedserver.inventory import Inventory, InventoryError, read_inventory
from seedjob_operator.seedserver.launch import MIB, Launcher
from seedjob_operator.seedserver.openfiles import keep_inherited, raise_soft_limit
from seedjob_operator.seedserver.ratelimit import PLANS
from seedjob_operator.seedserver.secretfile import read_or_make
from seedjob_operator.seedserver.serving import Serving, listen, serve
from seedjob_operator.seedserver.store import StoreError
from seedjob_operator.seedserver.tokens import TokensError, read_tokens

_LOG = logging.getLogger(__name__)
_UNUSABLE = 2  # as `argparse` ends for a bad flag


class _UnusableError(Exception):
    """A flag can't be used; the message is one line that names it."""


def run(args: argparse.Namespace) -> int:
    """Serve until stopped; 2 for what the caller can put right."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", stream=sys.stderr)
    try:
        _serve(args)
    except (_UnusableError, StoreError) as error:
        print(f"seed-server: {error}", file=sys.stderr)  # noqa: T201  # the command line's own output
        return _UNUSABLE
    return 0


def _serve(args: argparse.Namespace) -> None:
    if args.public_url is not None and args.enable_faults:
        raise _UnusableError(
            "--enable-faults is for this machine only, and --public-url says that others ask: leave one out"
        )
    host, port = args.listen
    tokens = _tokens(args)
    keep_inherited()
    open_files = raise_soft_limit()
    folders = _prepared(args.data)
    made = None
    if tokens is None:
        made = _made_token(folders)
        tokens = [(made, _own_credential(args))]
    namespaces = sorted({name for _, credential in tokens for name in credential.namespaces})
    serving = Serving(
        folders=folders,
        launcher=Launcher(
            repos=args.repos,
            git_config=folders.git_config,
            grace_seconds=args.grace_seconds,
            time_scale=args.time_scale,
            log_limit=args.log_limit_mib * MIB,
            open_files=open_files,
            engine=_engine() if args.containers == "auto" else None,
        ),
        credentials=Credentials(tokens),
        inventory=_inventory(args.inventory),
        enable_faults=args.enable_faults,
        end_jobs=args.on_stop == "end",
        public_url=args.public_url,
    )
    opening = _opening(args)
    if opening is not None:
        _LOG.warning("%s lets others ask: whoever has a token can run commands here", opening)
    with _listening(host, port) as listener:
        words = _first_words(listener, namespaces, made_token=made, public_url=args.public_url)
        asyncio.run(serve(serving, listener, announce=lambda: print(*words, sep="\n", flush=True)))  # noqa: T201  # the command line's own output


def _prepared(data: Path) -> Folders:
    folders = Folders(data.absolute())
    try:
        folders.prepare()
    except FolderInUseError:
        raise _UnusableError(f"--data {data} is used by another Seed server: stop it, or give another folder") from None
    except OSError as error:
        raise _UnusableError(f"--data {data} can't be used: {error.strerror}") from None
    return folders


def _inventory(path: Path | None) -> Inventory:
    try:
        return Inventory() if path is None else read_inventory(path)
    except InventoryError as error:
        raise _UnusableError(
            f"--inventory {path} {error}: see `GET /_inventory` of a running server for its shape"
        ) from None


def _engine() -> Engine | None:
    """Look for a container engine, and say what was found: one that doesn't answer takes its time."""
    _LOG.info("looking for podman or docker")
    engine = find_engine()
    found = "as plain processes: neither answers here" if engine is None else f"in {engine.program}"
    _LOG.info("jobs with an image run %s", found)
    return engine


def _own_credential(args: argparse.Namespace) -> Credential:
    return Credential(namespaces=frozenset(args.namespace or ("local",)), plan=PLANS[args.plan])


def _tokens(args: argparse.Namespace) -> list[tuple[str, Credential]] | None:
    """Give the tokens that the flags say; None where one shall be made."""
    if args.tokens is not None:
        if args.token is not None or args.namespace:
            raise _UnusableError("--tokens FILE says who may use which namespaces: leave --token and --namespace out")
        _warn_of_readers(args.tokens)
        try:
            return read_tokens(args.tokens, default_plan=args.plan)
        except TokensError as error:
            raise _UnusableError(f"--tokens {args.tokens}: {error}") from None
    given = args.token
    if given is None:
        return None
    opening = _opening(args)
    if opening is not None:
        reason = f"everybody here can read a command line, and {opening} lets others ask with what stands there"
        raise _UnusableError(f"--token: {reason}: leave it out, and one is made, or give --tokens FILE")
    if not given or not given.isascii() or not given.isprintable() or " " in given:
        raise _UnusableError("--token must be of printable ASCII characters without spaces")
    return [(given, _own_credential(args))]


def _warn_of_readers(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError:  # which its reader tells
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        advice = f"chmod 600 {shlex.quote(str(file))}"
        _LOG.warning("--tokens %s can be read or changed by everybody on this machine: %s", file, advice)


def _opening(args: argparse.Namespace) -> str | None:
    """Give the flag by which others than this machine can ask; None where there is none."""
    host, port = args.listen
    if not ipaddress.ip_address(host).is_loopback:
        return f"--listen {_joined(host, port)}"
    return None if args.public_url is None else f"--public-url {args.public_url}"


def _made_token(folders: Folders) -> str:
    """Give a token that is made once, and stays the same over restarts."""
    return read_or_make(folders.token, lambda: f"seed_{secrets.token_urlsafe(24)}")


def _listening(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        reason = f"can't be listened on ({os.strerror(error.errno or 0)}): stop who uses it, or give another address"
        raise _UnusableError(f"--listen {_joined(host, port)} {reason}") from None


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _first_words(
    listener: socket.socket, namespaces: Sequence[str], *, made_token: str | None, public_url: str | None
) -> list[str]:
    """Say where the server is found from here, with which token, and from elsewhere where that is another address."""
    host, port = listener.getsockname()[:2]
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # not every system can connect to all addresses
    url = f"http://{_joined(here, port)}"
    lines = [f"Seed server listening on {url} (namespaces: {', '.join(namespaces)})"]
    if made_token is not None:
        example = shlex.quote(url + path(LIST_JOBS, namespace=namespaces[0]))  # shells read brackets as patterns
        lines += [f"token: {made_token}", f"try:   curl -H 'Authorization: Bearer {made_token}' {example}"]
    if public_url is not None:
        lines.append(f"others: {public_url}")
    elif here != host:
        lines.append(f"others: this machine's name or address in the place of {here}")
    return lines
