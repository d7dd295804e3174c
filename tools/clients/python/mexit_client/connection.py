"""Pipelining: requests are written as they come, and a thread gives each answer to whoever waits for it."""
from __future__ import annotations

import json
import threading
from concurrent.futures import Future
from typing import Any, Callable, Dict, Mapping, Optional

from .errors import ClientError, ProtocolError, RequestError, ServerGone
from .messages import Message, Ready, parse_error
from .transport import Transport, log

#: Takes a message, or the error that came instead; returns whether it was the last.
Receiver = Callable[[Any], bool]


class Connection:
    """One server and the requests under way. Every method may be called from any thread.

    A request's id is the number of its line. So an error about a line of which the server could not read the id (it names the
    line then) still finds its request.
    """

    def __init__(self, transport: Transport, timeout: float) -> None:
        self._transport = transport
        self._writing = threading.Lock()  # held while a line is written: lines never mix, and their numbers follow their order
        self._state = threading.Lock()  # guards what follows; never held while something waits
        self._receivers: Dict[int, Receiver] = {}
        self._lines = 0
        self._end: Optional[ClientError] = None
        self._closing = False
        self._ready: "Future[Ready]" = Future()
        self._reader = threading.Thread(target=self._read, name="mexit-answers", daemon=True)
        self._reader.start()
        try:
            self.ready = self._ready.result(timeout)
        except BaseException as error:
            transport.kill()
            self._finish(5)
            if isinstance(error, ClientError) or not isinstance(error, Exception):
                raise
            raise ServerGone(f"cannot use {transport.name}: it was not ready within {timeout:g} s") from error

    @property
    def pid(self) -> Optional[int]:
        return self._transport.pid

    def send(self, request: Mapping[str, Any], receiver: Receiver) -> None:
        """Writes a request. Waits while the server takes nothing in. What happens to it later, the receiver is told.

        Raises ServerGone if the connection has ended, ValueError if the request is not JSON (not-a-number, say).
        """
        body = json.dumps(request, allow_nan=False, separators=(",", ":")).encode("utf-8")
        with self._writing:
            with self._state:
                if self._closing:
                    raise ServerGone("cannot send a request: the client is closed")
                if self._end:
                    raise self._end
                self._lines += 1
                line = self._lines
                self._receivers[line] = receiver
            try:
                self._transport.writer.write(b'{"id":%d,%b\n' % (line, body[1:]))
                self._transport.writer.flush()
            except OSError:
                pass  # The other side is gone. The reader sees the end of the answers, perhaps after some more, and tells everyone.
            except BaseException:
                self._transport.kill()  # interrupted, perhaps within a line: nothing can be sent behind it
                raise

    def _read(self) -> None:
        cause: Optional[ClientError] = None
        try:
            for line in self._transport.reader:
                if not line.endswith(b"\n"):
                    break  # cut off as the server died
                self._deliver(_parse(line, self._transport.name))
        except ClientError as error:
            cause = error
            self._transport.kill()
        except OSError:
            pass  # the connection broke; the same as its end
        except Exception as error:  # whatever it is, nobody may be left waiting
            cause = ProtocolError(f"cannot read the answers of {self._transport.name}: {error!r}")
            self._transport.kill()
        words, code = self._transport.ended(5)
        with self._state:
            left, self._receivers = self._receivers, {}
            self._end = cause or ServerGone(
                f"{self._transport.name} {words}" + (f", {len(left)} requests unanswered" if left else ""), code)
        if not self._ready.done():
            self._ready.set_exception(self._end)
        for receiver in left.values():
            receiver(self._end)

    def _deliver(self, message: Message) -> None:
        kind = message.get("type")
        if not self._ready.done():
            if kind != "ready":
                raise ProtocolError(f"cannot use {self._transport.name}: its first line is of type {kind!r}, not 'ready'; is it mexit-serve?")
            self._ready.set_result(Ready.parse(message))
            return
        key = message.get("id")
        if key is None:
            key = message.get("line")
        if not isinstance(key, int):
            key = 0  # no line has it
        with self._state:
            receiver = self._receivers.get(key)
        if receiver is None:
            # A message for everybody (the protocol may grow some), or an answer that nobody waits for any more.
            log.info("%s: %s", self._transport.name, message)
        elif receiver(parse_error(message) if kind == "error" else message):
            with self._state:
                del self._receivers[key]

    def close(self, timeout: float) -> None:
        """Ends the requests, waits for the answers under way and for the server's end; kills it after `timeout` seconds."""
        if threading.current_thread() is self._reader:  # it would wait for itself
            raise RuntimeError("cannot close the client from a callback of one of its futures: close it in another thread")
        with self._state:
            self._closing = True
        # Somebody may be stuck in a write to a server that takes nothing in: then killing it is what frees the lock.
        if self._writing.acquire(timeout=timeout):
            try:
                self._transport.end_input()
            finally:
                self._writing.release()
        self._finish(timeout)

    def _finish(self, timeout: float) -> None:
        self._reader.join(timeout)
        if self._reader.is_alive():
            self._transport.kill()
            self._reader.join()
        with self._writing:
            self._transport.end_input()
            self._transport.release()


def expect(future: "Future[Any]", parse: Callable[[Message], Any]) -> Receiver:
    """A receiver of one message, which becomes the future's result."""

    def receive(message: Any) -> bool:
        try:
            value = message if isinstance(message, Exception) else parse(message)
        except ClientError as error:
            value = error
        if isinstance(value, Exception):
            future.set_exception(value)
        else:
            future.set_result(value)
        return True

    # From here on cancel() does nothing: the request cannot be taken back.
    future.set_running_or_notify_cancel()
    return receive


def _parse(line: bytes, name: str) -> Message:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise ProtocolError(f"cannot use {name}: it wrote {line[:80]!r}, which is not a JSON object; is it mexit-serve?")
    return message
