"""Held ports: parallel tests and a cluster that comes back where it was rely on nobody else getting them."""

from __future__ import annotations

import socket

import pytest

from seedjob_operator.devcluster.ports import held_ports


def test_a_server_can_listen_on_a_held_port_and_come_back_to_it() -> None:
    """Ours set SO_REUSEADDR, as this one does."""
    with held_ports(2) as ports:
        for port in (*ports, *ports):
            with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
                pass


def test_nobody_else_gets_a_held_port() -> None:
    """Neither whoever asks for any free port, nor whoever wants just this one."""
    with held_ports(1) as (port,):
        with socket.socket() as other, pytest.raises(OSError, match="already in use"):
            other.bind(("127.0.0.1", port))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
