"""How bytes reach the server: over the pipes of a process of ours, or over a socket."""
from __future__ import annotations

import collections
import logging
import signal
import socket
import subprocess
import threading
from typing import Any, BinaryIO, Deque, Optional, Sequence, Tuple, Union

from .errors import ServerGone

log = logging.getLogger("mexit")

#: A path of a Unix socket, or a host and a port.
Address = Union[str, Tuple[str, int]]


class ProcessTransport:
    """Runs the server. What it writes to stderr goes to the logger ``mexit``; the last lines are kept for error messages."""

    def __init__(self, command: Sequence[str]) -> None:
        self.name = command[0]
        try:
            self._process: "subprocess.Popen[bytes]" = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            raise ServerGone(f"cannot start {self.name}: {error.strerror}; build it (swift build -c release) and put it on PATH, "
                             "or give its path as server=") from error
        assert self._process.stdin and self._process.stdout
        self.writer: Any = self._process.stdin
        self.reader: Any = self._process.stdout
        self.pid: Optional[int] = self._process.pid
        self._said: Deque[str] = collections.deque(maxlen=5)
        self._listener = threading.Thread(target=self._listen, name="mexit-stderr", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                text = line.decode("utf-8", "replace").rstrip()
                self._said.append(text)
                log.info("%s: %s", self.name, text)

    def end_input(self) -> None:
        try:
            self.writer.close()
        except OSError:
            pass  # what was buffered cannot be written any more: the process has ended

    def kill(self) -> None:
        self._process.kill()

    def ended(self, timeout: float) -> Tuple[str, Optional[int]]:
        """How the server ended, in words, and its exit code. Called after the end of its output."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return "closed its output but goes on running", None
        self._listener.join(timeout)
        words = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        return words + "".join(f"; it said: {line}" for line in list(self._said)[-1:] if code != 0), code

    def release(self) -> None:
        self.reader.close()


class SocketTransport:
    """Talks to a server that somebody else runs, one process a connection: systemd (Accept=yes), socat, inetd."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.name = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        try:
            self._socket = _connect(address, timeout)
        except OSError as error:
            raise ServerGone(f"cannot connect to {self.name}: {error}") from error
        self._socket.settimeout(None)
        self.writer: BinaryIO = self._socket.makefile("wb")
        self.reader: BinaryIO = self._socket.makefile("rb")
        self.pid: Optional[int] = None

    def end_input(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # not connected any more

    def kill(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def ended(self, timeout: float) -> Tuple[str, Optional[int]]:
        return "closed the connection", None

    def release(self) -> None:
        self.reader.close()
        try:
            self.writer.close()
        except OSError:
            pass
        self._socket.close()


Transport = Union[ProcessTransport, SocketTransport]


def _connect(address: Address, timeout: float) -> socket.socket:
    if not isinstance(address, str):
        connected = socket.create_connection(address, timeout)
        # A request is one write; waiting to fill packets would only delay it.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(address)
    except BaseException:
        connected.close()
        raise
    return connected


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
