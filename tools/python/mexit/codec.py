"""Bytes of tensors and messages: byte planes and zlib."""
from __future__ import annotations

import math
import zlib
from typing import Sequence

import numpy

from .errors import MexitError, require
from .storage import ELEMENT_BYTES, from_elements, to_elements

RAW, SHUFFLE_ZLIB = 1, 2
# Levels of zlib: messages are small, so the smallest; tensors take most of the time.
MESSAGE_LEVEL, TENSOR_LEVEL = 9, 6


def inflate(stored: bytes, raw_bytes: int, what: str) -> bytes:
    """Exactly `raw_bytes` bytes from one whole zlib stream. Takes no more memory than that, whatever the stream says."""
    stream = zlib.decompressobj()
    try:
        # One more byte than expected, to see a stream that goes on.
        raw = stream.decompress(stored, raw_bytes + 1)
    except zlib.error as error:
        raise MexitError(f"{what} is damaged: {error}") from None
    require(len(raw) == raw_bytes and stream.eof, f"{what} does not inflate to exactly {raw_bytes} bytes")
    require(not stream.unused_data, f"{what} has {len(stream.unused_data)} bytes behind its zlib stream")
    return raw


def encode_tensor(values: numpy.ndarray, storage: str, what: str, deflated: bool = True) -> "tuple[int, bytes, tuple[float, ...]]":
    """Codec, stored bytes and scales of a float32 array: shuffled and deflated where that is smaller, and allowed."""
    elements, scales = to_elements(values, storage, what)
    raw = elements.tobytes()
    if not deflated:
        return RAW, raw, scales
    planes = numpy.frombuffer(raw, numpy.uint8).reshape(-1, ELEMENT_BYTES[storage]).T.tobytes()
    packed = zlib.compress(planes, TENSOR_LEVEL)
    return (SHUFFLE_ZLIB, packed, scales) if len(packed) < len(raw) else (RAW, raw, scales)


def decode_tensor(
    codec: int, stored: bytes, storage: str, scales: Sequence[float], dims: Sequence[int], what: str
) -> numpy.ndarray:
    """The float32 array, row-major, writable, in the machine's byte order."""
    if codec == SHUFFLE_ZLIB:
        size = ELEMENT_BYTES[storage]
        planes = numpy.frombuffer(inflate(stored, math.prod(dims) * size, what), numpy.uint8).reshape(size, -1)
        raw = planes.T.copy().reshape(-1)
    else:
        raw = numpy.frombuffer(stored, numpy.uint8)
    return from_elements(raw, storage, scales, dims)
