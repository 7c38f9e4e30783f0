"""Is it there, does it answer, is its port free: the small questions asked of a local address."""

import asyncio
import socket

LOOPBACK = "127.0.0.1"


async def http_ok(port: int, path: str, *, timeout: float = 2.0) -> bool:
    """True when `GET path` on a loopback port answers 2xx."""
    return (await http_status(port, path, timeout=timeout)) // 100 == 2


async def http_status(port: int, path: str, *, method: str = "GET", timeout: float = 2.0) -> int:
    """The status code of one plain HTTP request to a loopback port; 0 when nothing answers."""
    return (await http(port, path, method=method, timeout=timeout))[0]


async def http(port: int, path: str, *, method: str = "GET", timeout: float = 2.0) -> tuple[int, str]:
    """Status code and body of one plain HTTP request to a loopback port; (0, "") when nothing answers.

    The body is as it came: an answer in chunks has their sizes between its lines.
    """
    request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout):
            answer = (await exchange(port, request.encode(), -1)).decode(errors="replace")
    except (OSError, TimeoutError):
        return 0, ""
    head, _, body = answer.partition("\r\n\r\n")
    parts = head.split(maxsplit=2)
    return (int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0), body


async def exchange(port: int, request: bytes, size: int | None = None) -> bytes:
    """Sends `request` and reads one line of the answer, or `size` bytes of it; -1 reads to the end."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(request)
        await writer.drain()
        return await (reader.readline() if size is None else reader.read(size))
    finally:
        writer.close()


async def listens(port: int) -> bool:
    """True when something accepts connections on the loopback port."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def is_free(port: int) -> bool:
    """True when a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different ports nobody listens on, from the kernel's range."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
