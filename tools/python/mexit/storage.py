"""Elements of tensors in the precision of a file. In memory they are float32."""
from __future__ import annotations

from typing import Sequence, Tuple

import numpy

from .errors import require

# In the order of mexit.Storage, which starts at 1.
STORAGES = ("f32", "f16", "bf16", "int8")
ELEMENT_BYTES = {"f32": 4, "f16": 2, "bf16": 2, "int8": 1}


def to_elements(values: numpy.ndarray, storage: str, what: str) -> Tuple[numpy.ndarray, Tuple[float, ...]]:
    """Elements in file order, little-endian, and for int8 one scale per channel (first dimension). Rounds to nearest, ties to even."""
    if storage == "f32":
        return numpy.ascontiguousarray(values, "<f4").reshape(-1), ()
    if storage == "f16":
        with numpy.errstate(over="ignore"):
            halves = values.astype("<f2")
        lost = numpy.isinf(halves) & numpy.isfinite(values)
        require(not lost.any(), f"{what} has the value {values[lost].flat[0] if lost.any() else 0}, and f16 ends at 65504; store it as bf16 or f32")
        return halves.reshape(-1), ()
    if storage == "bf16":
        bits = numpy.ascontiguousarray(values, "<f4").view("<u4").reshape(-1).astype(numpy.uint64)
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        return numpy.where(numpy.isnan(values).reshape(-1), bits >> 16 | 0x40, rounded & 0xFFFF).astype("<u2"), ()
    require(bool(numpy.isfinite(values).all()), f"{what} has a value that is not finite, which int8 cannot hold; store it as f32")
    channels = numpy.ascontiguousarray(values, numpy.float32).reshape(len(values), -1)
    scales = numpy.abs(channels).max(axis=1) / numpy.float32(127)
    # A subnormal scale would divide by next to nothing: such values are as good as zero.
    scales[scales < numpy.finfo(numpy.float32).tiny] = 0
    steps = numpy.where(scales == 0, numpy.float32(1), scales)[:, None]
    integers = numpy.where(scales[:, None] == 0, 0, numpy.clip(numpy.rint(channels / steps), -127, 127))
    return integers.astype(numpy.int8).reshape(-1), tuple(float(scale) for scale in scales)


def from_elements(data: numpy.ndarray, storage: str, scales: Sequence[float], dims: Sequence[int]) -> numpy.ndarray:
    """The float32 array of a file's bytes, element by element; writable, in the machine's byte order."""
    if storage == "f32":
        values = data.view("<f4")
    elif storage == "f16":
        values = data.view("<f2")
    elif storage == "bf16":
        values = (data.view("<u2").astype(numpy.uint32) << 16).view(numpy.float32)
    else:
        channels = data.view(numpy.int8).reshape(dims[0], -1).astype(numpy.float32)
        values = channels * numpy.array(scales, numpy.float32)[:, None]
    return values.reshape(tuple(dims)).astype(numpy.float32)
