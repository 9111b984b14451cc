"""`seedjob-operator seed-server`: its flags, and a start that says what to do next."""

import argparse
import asyncio
import ipaddress
import logging
import os
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from seedjob_operator.seedapi.wire import LIST_JOBS, path
from seedjob_operator.seedserver.access import Credential, Credentials
from seedjob_operator.seedserver.containers import Engine, find_engine
from seedjob_operator.seedserver.folders import FolderInUseError, Folders
from seedjob_operator.seedserver.inventory import Inventory, InventoryError, read_inventory
from seedjob_operator.seedserver.launch import DEFAULT_LOG_LIMIT_MIB, MIB, Launcher
from seedjob_operator.seedserver.openfiles import raise_soft_limit
from seedjob_operator.seedserver.ratelimit import PLANS
from seedjob_operator.seedserver.secretfile import read_or_make
from seedjob_operator.seedserver.serving import Serving, listen, serve
from seedjob_operator.seedserver.store import StoreError
from seedjob_operator.seedserver.tokens import NAMESPACE_PATTERN, TokensError, read_tokens

_LOG = logging.getLogger(__name__)
_UNUSABLE = 2
_ABOUT = """\
A local Seed platform: the whole Jobs API, with jobs that run for real as processes on this machine.

It runs whatever commands its users send, with the rights of whoever started it: whoever has a token can do on this
machine what you can. It listens on this machine only unless --listen says otherwise, and then demands --tokens.
"""


class _UnusableError(Exception):
    """A flag can't be used; the message is one line that names it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.description = _ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8900",
        type=_address,
        help="default 127.0.0.1:8900; port 0 takes a free one",
    )
    add(
        "--data",
        metavar="DIR",
        type=Path,
        default=Path(".seed-server"),
        help="records, logs and artifacts; default .seed-server",
    )
    add(
        "--namespace",
        metavar="NAME",
        action="append",
        type=_namespace,
        help="a namespace that the token may use, repeatable; default local",
    )
    add(
        "--token",
        metavar="TOKEN",
        help="the credential to accept, readable here for everybody who is on this machine; left out: one is made,"
        " printed, and kept in the data folder",
    )
    add(
        "--tokens",
        metavar="FILE",
        type=Path,
        help="YAML with several users, their tokens, namespaces and plans, in the place of --token and --namespace",
    )
    add(
        "--plan",
        choices=tuple(PLANS),
        default="60",
        help="requests a minute of each token; default 60, as the operator expects. 60 allows bursts of 10 a second,"
        " 300 of 30, 1000 of 100",
    )
    add("--repos", metavar="DIR", type=_folder, help="git repositories for jobs: acme/trainer is DIR/acme/trainer")
    add(
        "--inventory",
        metavar="FILE",
        type=Path,
        help="YAML with each region's GPUs, vCPUs and memory and the largest machines; default: 8 of each GPU type,"
        " 96 vCPUs and 512 GB in each region",
    )
    add("--grace-seconds", metavar="S", type=_number, default=30.0, help="from SIGTERM to SIGKILL; default 30")
    add(
        "--time-scale",
        metavar="N",
        type=_positive,
        default=1.0,
        help="a minute of timeout_minutes lasts 60/N seconds; default 1",
    )
    add(
        "--log-limit-mib",
        metavar="N",
        type=_whole,
        default=DEFAULT_LOG_LIMIT_MIB,
        help=f"how much of a job's log is kept, in MiB: the oldest part is dropped; default {DEFAULT_LOG_LIMIT_MIB}",
    )
    add(
        "--containers",
        choices=("auto", "never"),
        default="auto",
        help="jobs with an image run in podman or docker where one is usable (auto), or always as processes (never);"
        " default auto",
    )
    add(
        "--on-stop",
        choices=("keep", "end"),
        default="keep",
        help="when stopped, running jobs go on and are found again (keep), or are cancelled (end); default keep",
    )
    add(
        "--enable-faults",
        action="store_true",
        help="faults on demand and a ledger of requests below /_control, from this machine only",
    )


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
    host, port = args.listen
    if args.tokens is None and not ipaddress.ip_address(host).is_loopback:
        raise _UnusableError(f"--listen {host} is open to other machines: say with --tokens FILE who may use it")
    tokens = _tokens(args)
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
    )
    with _listening(host, port) as listener:
        url = _url(listener)
        asyncio.run(serve(serving, listener, announce=lambda: _announce(url, namespaces, made)))


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
        try:
            return read_tokens(args.tokens, default_plan=args.plan)
        except TokensError as error:
            raise _UnusableError(f"--tokens {args.tokens}: {error}") from None
    given = args.token
    if given is None:
        return None
    if not given or not given.isascii() or not given.isprintable() or " " in given:
        raise _UnusableError("--token must be of printable ASCII characters without spaces")
    return [(given, _own_credential(args))]


def _made_token(folders: Folders) -> str:
    """Give a token that is made once, and stays the same over restarts."""
    return read_or_make(folders.token, lambda: f"seed_{secrets.token_urlsafe(24)}")


def _listening(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        reason = f"can't be listened on ({os.strerror(error.errno or 0)}): stop who uses it, or give another address"
        raise _UnusableError(f"--listen {host}:{port} {reason}") from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(url: str, namespaces: Sequence[str], made_token: str | None) -> None:
    lines = [f"Seed server listening on {url} (namespaces: {', '.join(namespaces)})"]
    if made_token is not None:
        example = url + path(LIST_JOBS, namespace=namespaces[0])
        lines += [f"token: {made_token}", f"try:   curl -H 'Authorization: Bearer {made_token}' {example}"]
    print(*lines, sep="\n", flush=True)  # noqa: T201  # the command line's own output


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = {"localhost": "127.0.0.1", "": "127.0.0.1"}.get(host, host).strip("[]")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} has no port: write HOST:PORT, such as 127.0.0.1:8900")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{host!r} is no IP address: write one, such as 127.0.0.1:8900") from None
    return host, int(port)


def _namespace(text: str) -> str:
    if not re.fullmatch(NAMESPACE_PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no namespace: use letters, digits, '-', '_' and '.'")
    return text


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return Path(text).absolute()


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= number <= 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000000000")
    return number


def _positive(text: str) -> float:
    if not (number := _number(text)):
        raise argparse.ArgumentTypeError("0 would stop the clock: give a number above it")
    return number


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000000")
    return int(text)
