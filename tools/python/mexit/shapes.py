"""Shapes follow from operations: one function from the shapes of the inputs to the shape of the output."""
from __future__ import annotations

import math
from typing import Sequence, Tuple

from .errors import require, shortened
from .operations import (
    ACTIVATIONS, Activation, Add, AveragePool, BatchNorm, Concat, Conv2d, Flatten, GlobalAveragePool, Input, Linear,
    MaxPool, Operation, Resize, Upsample,
)

Shape = Tuple[int, ...]
MAX_ELEMENTS = (1 << 31) - 1
MAX_GEOMETRY = 1024
MAX_UPSAMPLING = 64
MAX_SIDE = 65536


def output_shape(operation: Operation, inputs: Sequence[Shape]) -> Shape:
    """Shape of the value for one sample. Raises `MexitError` where a number or an input does not fit."""
    _check_count(operation, len(inputs))
    shape = _infer(operation, inputs)
    require(math.prod(shape) <= MAX_ELEMENTS, f"output has shape {list(shape)}; at most 2^31 - 1 elements")
    return shape


def _check_count(operation: Operation, count: int) -> None:
    if isinstance(operation, Input):
        require(count == 0, f"reads {count} nodes; the input reads none")
    elif isinstance(operation, (Add, Concat)):
        least = 2 if isinstance(operation, Add) else 1
        require(count >= least, f"reads {count} nodes; needs at least {least}")
    else:
        require(count == 1, f"reads {count} nodes; needs exactly 1")


def _infer(operation: Operation, inputs: Sequence[Shape]) -> Shape:
    if isinstance(operation, Input):
        dims = tuple(operation.dims)
        require(len(dims) in (1, 3), f"shape {shortened(dims)}; must be [C, H, W] or [K]")
        require(all(dim >= 1 for dim in dims), f"shape {shortened(dims)}; each must be at least 1")
        return dims
    first = inputs[0]
    if isinstance(operation, Conv2d):
        return _convolution(operation, _maps(first))
    if isinstance(operation, BatchNorm):
        require(math.isfinite(operation.epsilon) and operation.epsilon > 0, f"epsilon {operation.epsilon}; must be finite and positive")
        return first
    if isinstance(operation, Activation):
        require(operation.function in ACTIVATIONS, f"function '{operation.function}'; must be one of {', '.join(ACTIVATIONS)}")
        require(operation.function != "leaky_relu" or math.isfinite(operation.slope), f"slope {operation.slope}; must be finite")
        return first
    if isinstance(operation, Add):
        require(all(shape == first for shape in inputs), f"inputs {shortened(inputs)}; all must have one shape")
        return first
    if isinstance(operation, Concat):
        require(all(len(s) == len(first) and s[1:] == first[1:] for s in inputs), f"inputs {shortened(inputs)}; only the first dimension may differ")
        return (sum(shape[0] for shape in inputs),) + first[1:]
    if isinstance(operation, (MaxPool, AveragePool)):
        channels, height, width = _maps(first)
        _within(operation, 1, MAX_GEOMETRY, "kernel", "stride")
        require(0 <= operation.padding <= operation.kernel // 2, f"padding {operation.padding}; at most half the kernel, {operation.kernel}")
        return (channels,) + tuple(_slide(size, operation.kernel, operation.stride, operation.padding, 1) for size in (height, width))
    if isinstance(operation, GlobalAveragePool):
        return _maps(first)[:1] + (1, 1)
    if isinstance(operation, Linear):
        require(len(first) == 1, f"input has shape {list(first)}; must be [K]")
        _within(operation, 1, MAX_ELEMENTS, "out_features")
        require(operation.out_features * first[0] <= MAX_ELEMENTS, f"{operation.out_features} x {first[0]} weights; at most 2^31 - 1")
        return (operation.out_features,)
    if isinstance(operation, Flatten):
        return (math.prod(first),)
    if isinstance(operation, Upsample):
        channels, height, width = _maps(first)
        _within(operation, 1, MAX_UPSAMPLING, "factor")
        return (channels, height * operation.factor, width * operation.factor)
    if isinstance(operation, Resize):
        channels, _, _ = _maps(first)
        _within(operation, 1, MAX_SIDE, "height", "width")
        return (channels, operation.height, operation.width)
    raise AssertionError(f"operation {operation!r} has no shape rule")


def _convolution(operation: Conv2d, shape: Shape) -> Shape:
    channels, height, width = shape
    _within(operation, 1, MAX_GEOMETRY, "kernel_height", "kernel_width", "stride", "dilation")
    _within(operation, 0, MAX_GEOMETRY, "padding")
    _within(operation, 1, MAX_ELEMENTS, "out_channels", "groups")
    require(
        channels % operation.groups == 0 and operation.out_channels % operation.groups == 0,
        f"groups {operation.groups}; must divide {channels} input and {operation.out_channels} output channels",
    )
    weights = operation.out_channels * (channels // operation.groups) * operation.kernel_height * operation.kernel_width
    require(weights <= MAX_ELEMENTS, f"{weights} weights; at most 2^31 - 1")
    return (
        operation.out_channels,
        _slide(height, operation.kernel_height, operation.stride, operation.padding, operation.dilation),
        _slide(width, operation.kernel_width, operation.stride, operation.padding, operation.dilation),
    )


def _slide(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    reach = dilation * (kernel - 1) + 1
    require(size + 2 * padding >= reach, f"window of {reach} is larger than the padded input, {size} + 2 x {padding}")
    return (size + 2 * padding - reach) // stride + 1


def _maps(shape: Shape) -> Shape:
    require(len(shape) == 3, f"input has shape {list(shape)}; must be [C, H, W]")
    return shape


def _within(operation: Operation, least: int, most: int, *fields: str) -> None:
    for field in fields:
        value = getattr(operation, field)
        require(least <= value <= most, f"{field} {value}; must be {least} to {most}")
