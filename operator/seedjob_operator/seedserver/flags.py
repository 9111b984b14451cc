"""The flags of `seedjob-operator seed-server`: what they are called, mean and take."""

import argparse
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import AnyHttpUrl, TypeAdapter

from seedjob_operator.seedserver.launch import DEFAULT_LOG_LIMIT_MIB
from seedjob_operator.seedserver.ratelimit import PLANS
from seedjob_operator.seedserver.tokens import NAMESPACE_PATTERN

_ABOUT = """\
A local Seed platform: the whole Jobs API, with jobs that run for real as processes on this machine.

It runs whatever commands its users send, with the rights of whoever started it: whoever has a token can do on this
machine what you can. It listens on this machine only unless --listen says otherwise.
"""
_Add = Callable[..., Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.description = _ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_place(parser.add_argument_group("the server").add_argument)
    _add_access(parser.add_argument_group("who may use it").add_argument)
    _add_machines(parser.add_argument_group("what jobs find").add_argument)
    _add_limits(parser.add_argument_group("what holds for each job").add_argument)


def _add_place(add: _Add) -> None:
    add(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8900",
        type=_address,
        help="default 127.0.0.1:8900; port 0 takes a free one",
    )
    add(
        "--public-url",
        metavar="URL",
        type=_url,
        help="what links to artifacts begin with, such as https://seed.example where a proxy stands in front; left out: the"
        " address that was asked",
    )
    add(
        "--data",
        metavar="DIR",
        type=Path,
        default=Path(".seed-server"),
        help="records, logs and artifacts; default .seed-server",
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


def _add_access(add: _Add) -> None:
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
        help="the credential to accept, readable here for everybody who is on this machine, and refused where other machines"
        " can ask; left out: one is made, printed, and kept in the data folder",
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


def _add_machines(add: _Add) -> None:
    add("--repos", metavar="DIR", type=_folder, help="git repositories for jobs: acme/trainer is DIR/acme/trainer")
    add(
        "--inventory",
        metavar="FILE",
        type=Path,
        help="YAML with each region's GPUs, vCPUs and memory and the largest machines; default: 8 of each GPU type,"
        " 96 vCPUs and 512 GB in each region",
    )
    add(
        "--containers",
        choices=("auto", "never"),
        default="auto",
        help="jobs with an image run in podman or docker where one is usable (auto), or always as processes (never);"
        " default auto",
    )


def _add_limits(add: _Add) -> None:
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


def _url(text: str) -> str:
    """Read a web address as browsers do. It isn't quoted where it is refused: it may have a password."""
    try:
        url = TypeAdapter(AnyHttpUrl).validate_python(text)
        str(url.host).encode("idna")  # a name has no empty part, and none of more than 63 characters
    except ValueError:
        url = None
    if url is None or not url.port or url.username or url.password or {"?", "#"} & set(str(url)):
        reason = "what is given is no web address of a server, without user, query and fragment"
        raise argparse.ArgumentTypeError(f"{reason}: write one such as https://seed.example")
    return str(url).rstrip("/")


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
