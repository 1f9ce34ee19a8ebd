#!/usr/bin/env python3
"""Chromium in a network namespace of its own; Playwright starts it as if it were the browser.

Chromium drops what it is loading whenever its host gains or loses a network interface, and every
stack that another test brings up makes some. In here there is `lo` alone, with a SOCKS proxy that
hands each connection to the host's own network. Where the kernel refuses a namespace, Chromium
runs in the host's. Standard library alone: this runs by whatever Python the host has.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import sys

NOT_ISOLATED = "Chromium runs in the host's own network"
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
LIBC = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Become Chromium; a child of it, left in the host's network, passes on its connections."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    host, inside = socket.socketpair()
    if os.fork() == 0:
        inside.close()
        relay(host)
    host.close()
    try:
        leave_the_network()
    except OSError as error:
        print(f"{NOT_ISOLATED}: {error}", file=sys.stderr)
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            # A socket stays in the namespace that it was made in, whoever holds it.
            socket.send_fds(inside, [b"."], [listener.fileno()])
            port = listener.getsockname()[1]
        proxy = [f"--proxy-server=socks5://127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>"]
        arguments = [*proxy, *arguments]
    inside.close()
    os.execvp(browser, [browser, *arguments])  # noqa: S606


def leave_the_network() -> None:
    """Go to a network namespace that has nothing but `lo`; OSError where that is refused."""
    user, group, root = os.geteuid(), os.getegid(), os.geteuid() == 0
    if LIBC.unshare(CLONE_NEWNET | (0 if root else CLONE_NEWUSER)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if not root:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def relay(host: socket.socket) -> None:
    """Serve SOCKS on the socket that is sent, until Chromium ends; leaves the process."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    keep_only(host.fileno())
    _, listeners, _, _ = socket.recv_fds(host, 1, 1)
    if listeners:
        asyncio.run(serve(socket.socket(fileno=listeners[0])))
    os._exit(0)


def keep_only(descriptor: int) -> None:
    """Close all others: Playwright waits for the end of the pipes that it gave to Chromium."""
    os.closerange(0, descriptor)
    os.closerange(descriptor + 1, 1024)
    for _ in range(3):
        os.open(os.devnull, os.O_RDWR)


async def serve(listener: socket.socket) -> None:
    async with await asyncio.start_server(pass_on, sock=listener) as server:
        await server.serve_forever()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, as RFC 1928 says: no log-in, CONNECT alone."""
    try:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\5\0")
        try:
            ours = await asyncio.open_connection(*await wanted(reader))
        except OSError:
            writer.write(b"\5\5" + bytes(8))
            return
        writer.write(b"\5\0\0\1" + bytes(6))
        await asyncio.gather(copy(reader, ours[1]), copy(ours[0], writer))
    except (OSError, asyncio.IncompleteReadError):
        # Either side went away.
        pass
    finally:
        writer.close()


async def wanted(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Host and port that are asked for."""
    kind = (await reader.readexactly(4))[3]
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    else:
        family, length = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, await reader.readexactly(length))
    return host, int.from_bytes(await reader.readexactly(2))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end of what is read, or of who reads it."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


if __name__ == "__main__":
    main(sys.argv[1:])
