"""How a board is served: what the command line has asked for."""

from __future__ import annotations

from ipaddress import ip_address

from deespec.records import record

LOOPBACK = "127.0.0.1"
PORT = 7433


@record
class Serving:
    address: str = LOOPBACK
    port: int = PORT
    hosts: tuple[str, ...] = ()
    """Names under which it may be asked for beside those of loopback, with or without a port."""
    password: str | None = None
    read_only: bool = False


def is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def in_url(address: str) -> str:
    """An address as URLs want it."""
    return f"[{address}]" if ":" in address else address


def is_own_host(serving: Serving, header: str) -> bool:
    """Whether a Host header names this board. Another name for its address is how a foreign page would get in."""
    name, _, port = header.lower().rpartition(":") if _has_port(header) else (header.lower(), "", "")
    if name in ("localhost", LOOPBACK, "[::1]") or (is_loopback(serving.address) and name == in_url(serving.address)):
        return port == str(serving.port) or (serving.port == 80 and not port)
    return any(one.lower() in (name, header.lower()) for one in serving.hosts)


def _has_port(header: str) -> bool:
    return header.rpartition(":")[2].isdigit() and not header.endswith("]")
