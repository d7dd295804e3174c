"""The client's calls."""
from __future__ import annotations

import collections
import queue
from concurrent.futures import Future
from typing import Any, Deque, Dict, Iterable, Iterator, Mapping, Optional, Sequence, Type, Union

from .connection import Connection, expect
from .errors import RequestError
from .messages import Batch, Ready, Result
from .sample import Sample
from .transport import Address, ProcessTransport, SocketTransport

#: A policy as docs/protocol.md writes it: {"kind": "confidence", "threshold": 0.9}.
Policy = Mapping[str, Any]


class Client:
    """A connection to one mexit-serve. Use it in a ``with`` block: leaving it waits for the answers under way and ends the server.

    Any number of requests may be under way, from any number of threads: the server works on them together.
    """

    def __init__(self, model: str, *, policy: Optional[str] = None, threads: Optional[int] = None,
                 arguments: Sequence[str] = (), server: Union[str, Sequence[str]] = "mexit-serve", timeout: float = 60) -> None:
        """Starts a server for the model file `model` and waits until it is ready, at most `timeout` seconds.

        policy: the default policy as the command takes it, "confidence:0.9". arguments: more of the command's flags.
        server: name or path of the program; or a command that leads to it, such as ["ssh", "host", "mexit-serve"].
        Raises ServerGone if it does not start; the message has what it said.
        """
        command = [*([server] if isinstance(server, str) else server), model, "--quiet"]
        if policy is not None:
            command += ["--policy", policy]
        if threads is not None:
            command += ["--threads", str(threads)]
        self._connection = Connection(ProcessTransport([*command, *arguments]), timeout)

    @classmethod
    def connect(cls, address: Address, *, timeout: float = 60) -> Client:
        """Connects to a server behind a socket: the path of a Unix socket, or (host, port). Raises ServerGone."""
        client = cls.__new__(cls)
        client._connection = Connection(SocketTransport(address, timeout), timeout)
        return client

    @property
    def ready(self) -> Ready:
        """What the server said of itself and its model when it started."""
        return self._connection.ready

    @property
    def pid(self) -> Optional[int]:
        """The server's process id; None over a socket."""
        return self._connection.pid

    def submit(self, sample: Sample, *, policy: Optional[Policy] = None, deadline_ms: Optional[float] = None,
               top_k: Optional[int] = None, logits: bool = False) -> "Future[Result]":
        """Sends a sample and returns at once (it waits while the server takes nothing in). For asyncio: ``asyncio.wrap_future``.

        The future raises RequestError if the server refuses this sample, ServerGone if it ends first. A callback added to the
        future runs in the thread that reads answers, or at once in the caller's if the answer is there already: it must not wait,
        and must neither send nor close the client.
        """
        future: "Future[Result]" = Future()
        self._connection.send(_request(sample, policy, deadline_ms, top_k, logits), expect(future, Result.parse))
        return future

    def classify(self, sample: Sample, *, policy: Optional[Policy] = None, deadline_ms: Optional[float] = None,
                 top_k: Optional[int] = None, logits: bool = False) -> Result:
        """Classifies a sample. Raises RequestError and ServerGone."""
        return self.submit(sample, policy=policy, deadline_ms=deadline_ms, top_k=top_k, logits=logits).result()

    def map(self, samples: Iterable[Sample], *, window: int = 128, policy: Optional[Policy] = None,
            top_k: Optional[int] = None, logits: bool = False) -> Iterator[Union[Result, RequestError]]:
        """Classifies a stream in order with `window` samples under way; memory stays bounded however long it is.

        A sample that the server refuses has its RequestError in its place. Raises ServerGone.
        """
        if window < 1:
            raise ValueError(f"cannot keep {window} samples under way: window must be at least 1")
        under_way: Deque["Future[Result]"] = collections.deque()
        for sample in samples:
            if len(under_way) >= window:
                yield _result_or_error(under_way.popleft())
            under_way.append(self.submit(sample, policy=policy, top_k=top_k, logits=logits))
        while under_way:
            yield _result_or_error(under_way.popleft())

    def anytime(self, sample: Sample, *, policy: Optional[Policy] = None, deadline_ms: Optional[float] = None,
                top_k: Optional[int] = None, logits: bool = False) -> Iterator[Result]:
        """Sends a sample and returns its answers exit by exit as they come; the last has ``final``. The iterator raises as classify does."""
        answers: "queue.SimpleQueue[Any]" = queue.SimpleQueue()

        def receive(message: Any) -> bool:
            answers.put(message)
            return isinstance(message, Exception) or bool(message.get("final", True))

        self._connection.send({**_request(sample, policy, deadline_ms, top_k, logits), "anytime": True}, receive)

        def read() -> Iterator[Result]:
            while True:
                message = answers.get()
                if isinstance(message, Exception):
                    raise message
                result = Result.parse(message)
                yield result
                if result.final:
                    return

        return read()

    def batch(self, samples: Iterable[Sample], *, budget_macs: Optional[float] = None, mode: Optional[str] = None,
              policy: Optional[Policy] = None, top_k: Optional[int] = None, logits: bool = False) -> Batch:
        """Classifies samples together; with `budget_macs` never spending more multiply-adds than that on all of them.

        mode: "exact" or "threshold". Raises RequestError (``budget_too_small``, say) and ServerGone.
        """
        request: Dict[str, Any] = {"batch": [dict(sample.fields) for sample in samples]}
        _add(request, budget_macs=budget_macs, mode=mode, policy=policy, top_k=top_k, logits=logits or None)
        future: "Future[Batch]" = Future()
        self._connection.send(request, expect(future, Batch.parse))
        return future.result()

    def set_policy(self, policy: Policy) -> None:
        """Sets the default policy for the samples that come behind it. Raises RequestError if it does not fit the model."""
        self._operation({"op": "policy", "policy": dict(policy)})

    def stats(self) -> Mapping[str, Any]:
        """The server's counters, as the protocol names them."""
        return self._operation({"op": "stats"})

    def model(self) -> Mapping[str, Any]:
        """What the server says about its model, as the protocol names it."""
        return self._operation({"op": "model"})

    def close(self, timeout: float = 60) -> None:
        """Waits for the answers under way and for the server to end; kills it after `timeout` seconds. May be called twice.

        Raises RuntimeError, and does nothing, in the thread that reads answers: in a callback of a future.
        """
        self._connection.close(timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: object) -> None:
        # After an error nobody reads the answers under way: do not wait long for them.
        self.close(60 if kind is None else 1)

    def _operation(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        future: "Future[Mapping[str, Any]]" = Future()
        self._connection.send(request, expect(future, lambda message: message))
        return future.result()


def _request(sample: Sample, policy: Optional[Policy], deadline_ms: Optional[float], top_k: Optional[int],
             logits: bool) -> Dict[str, Any]:
    request = dict(sample.fields)
    _add(request, policy=policy, deadline_ms=deadline_ms, top_k=top_k, logits=logits or None)
    return request


def _add(request: Dict[str, Any], **options: Any) -> None:
    request.update((name, value) for name, value in options.items() if value is not None)


def _result_or_error(future: "Future[Result]") -> Union[Result, RequestError]:
    try:
        return future.result()
    except RequestError as error:
        return error
