"""The server's answers as values. Fields that this client does not know are ignored, as the protocol asks."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Tuple, TypeVar, Union

from .errors import ProtocolError, RequestError

Message = Mapping[str, Any]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Ready:
    """The server's first line: what it serves.

    input_shape: (C, H, W). macs: multiply-adds that an answer of each exit costs in all.
    """

    model: str
    exits: int
    input_shape: Tuple[int, ...]
    classes: Tuple[str, ...]
    macs: Tuple[int, ...]
    policy: Mapping[str, Any]
    version: str

    @staticmethod
    def parse(message: Message) -> Ready:
        return _parsing(message, lambda: Ready(
            model=message["model"], exits=message["exits"], input_shape=tuple(message["input"]["shape"]),
            classes=tuple(message.get("classes") or ()), macs=tuple(message["macs"]), policy=message.get("policy") or {},
            version=message.get("version") or ""))


@dataclass(frozen=True)
class Top:
    """One of the most probable classes."""

    label: int
    class_name: Optional[str]
    probability: float


@dataclass(frozen=True)
class Result:
    """One sample's answer.

    exit: the exit that answered, from 0. confidence: softmax probability of the class at the policy's temperature.
    macs, macs_saved: multiply-adds done, and not done because later stages were not run. queue_ms, compute_ms: None within a
    batch. late: only with a deadline. final: False for an anytime answer that is followed by another.
    """

    exit: int
    label: int
    class_name: Optional[str]
    confidence: float
    macs: int
    macs_saved: int
    stages: int
    top: Tuple[Top, ...] = ()
    logits: Optional[Tuple[float, ...]] = None
    queue_ms: Optional[float] = None
    compute_ms: Optional[float] = None
    late: Optional[bool] = None
    final: bool = True

    @staticmethod
    def parse(message: Message) -> Result:
        logits = message.get("logits")
        return _parsing(message, lambda: Result(
            exit=message["exit"], label=message["label"], class_name=message.get("class"), confidence=message["confidence"],
            macs=message["macs"], macs_saved=message["macs_saved"], stages=message["stages"],
            top=tuple(Top(one["label"], one.get("class"), one["probability"]) for one in message.get("top") or ()),
            logits=None if logits is None else tuple(logits), queue_ms=message.get("queue_ms"),
            compute_ms=message.get("compute_ms"), late=message.get("late"), final=message.get("final", True)))


@dataclass(frozen=True)
class Batch:
    """A batch's answer. results: in the order of the samples; one that could not be decoded has its RequestError there."""

    results: Tuple[Union[Result, RequestError], ...]
    mode: str
    macs: int
    macs_saved: int
    budget_macs: Optional[float]
    queue_ms: float
    compute_ms: float

    @staticmethod
    def parse(message: Message) -> Batch:
        return _parsing(message, lambda: Batch(
            results=tuple(parse_error(one["error"]) if "error" in one else Result.parse(one) for one in message["results"]),
            mode=message["mode"], macs=message["macs"], macs_saved=message["macs_saved"], budget_macs=message.get("budget_macs"),
            queue_ms=message["queue_ms"], compute_ms=message["compute_ms"]))


def parse_error(message: Message) -> RequestError:
    return RequestError(str(message.get("code", "unknown")), str(message.get("message", "")))


def _parsing(message: Message, make: Callable[[], Value]) -> Value:
    try:
        return make()
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(
            f"cannot read the server's message of type {message.get('type')!r}: {error!r}; use the client of the server's version"
        ) from error
