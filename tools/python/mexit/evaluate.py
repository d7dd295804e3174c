"""A plain evaluation of a graph with numpy: the reference that exports are compared with. Slow and simple."""
from __future__ import annotations

import math
from typing import Dict, List, Optional, Sequence

import numpy
from numpy.lib.stride_tricks import sliding_window_view

from .errors import MexitError, require
from .model import Model
from .operations import (
    Activation, Add, AveragePool, BatchNorm, Concat, Conv2d, Flatten, GlobalAveragePool, Linear, MaxPool, Resize, Upsample,
)

Array = numpy.ndarray


def evaluate(model: Model, x: Array, exits: Optional[Sequence[int]] = None, dtype: type = numpy.float64) -> List[Array]:
    """Logits [N, classes] of each exit (all unless given) for a batch `x` of normalised inputs [N, C, H, W] or [N, K].

    Batch norms use their running statistics. Raises `MexitError` for a wrong shape. Cost: every node that the exits
    need, in `dtype`.
    """
    graph = model.graph
    chosen = list(range(len(graph.exits))) if exits is None else list(exits)
    require(all(0 <= exit < len(graph.exits) for exit in chosen), f"exits {chosen}; the model has {len(graph.exits)}, from 0")
    x = numpy.asarray(x)
    require(x.shape[1:] == graph.input_shape, f"input has shape {list(x.shape)}; must be [N, {', '.join(map(str, graph.input_shape))}]")
    needed = graph.derive_stages(chosen)
    values: Dict[int, Array] = {0: x.astype(dtype)}
    for index, node in enumerate(graph.nodes):
        if needed[index] is not None:
            weights: Dict[str, Array] = {role: model.tensors[f"{node.name}.{role}"].astype(dtype) for role, _ in graph.roles(index)}
            values[index] = _run(node.operation, [values[source] for source in node.inputs], weights)
    return [values[graph.exits[exit].logits] for exit in chosen]


def _run(operation: object, inputs: List[Array], weights: Dict[str, Array]) -> Array:
    x = inputs[0]
    if isinstance(operation, Conv2d):
        return _convolution(operation, x, weights)
    if isinstance(operation, Linear):
        return x @ weights["weight"].T + weights.get("bias", x.dtype.type(0))
    if isinstance(operation, BatchNorm):
        # The file stores epsilon as float32.
        epsilon = x.dtype.type(numpy.float32(operation.epsilon))
        scale = weights["weight"] / numpy.sqrt(weights["runningVariance"] + epsilon)
        return x * _channels(scale, x) + _channels(weights["bias"] - weights["runningMean"] * scale, x)
    if isinstance(operation, Activation):
        return _activation(operation, x)
    if isinstance(operation, Add):
        return sum(inputs[1:], x)
    if isinstance(operation, Concat):
        return numpy.concatenate(inputs, axis=1)
    if isinstance(operation, MaxPool):
        return _windows(x, operation, -numpy.inf).max(axis=(-2, -1))
    if isinstance(operation, AveragePool):
        total = _windows(x, operation, 0).sum(axis=(-2, -1))
        if operation.count_includes_padding:
            return total / operation.kernel**2
        return total / _windows(numpy.ones_like(x[:1, :1]), operation, 0).sum(axis=(-2, -1))
    if isinstance(operation, GlobalAveragePool):
        return x.mean(axis=(2, 3), keepdims=True)
    if isinstance(operation, Flatten):
        return x.reshape(len(x), -1)
    if isinstance(operation, Upsample):
        return x.repeat(operation.factor, axis=2).repeat(operation.factor, axis=3)
    if isinstance(operation, Resize):
        rows = _interpolation(x.shape[2], operation.height, operation.align_corners, x.dtype)
        columns = _interpolation(x.shape[3], operation.width, operation.align_corners, x.dtype)
        return rows @ x @ columns.T
    raise MexitError(f"cannot evaluate {operation!r}")


def _interpolation(size: int, to: int, align_corners: bool, dtype: numpy.dtype) -> Array:
    """The matrix [to, size] that interpolates linearly between neighbours."""
    i = numpy.arange(to)
    if align_corners:
        position = i * ((size - 1) / (to - 1)) if to > 1 else numpy.zeros(1)
    else:
        position = numpy.maximum((i + 0.5) * size / to - 0.5, 0)
    distance = numpy.abs(numpy.minimum(position, size - 1)[:, None] - numpy.arange(size))
    return numpy.maximum(1 - distance, 0).astype(dtype)


def _channels(values: Array, x: Array) -> Array:
    return values.reshape((1, -1) + (1,) * (x.ndim - 2))


def _pad(x: Array, padding: int, value: float) -> Array:
    return numpy.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=value)


def _windows(x: Array, operation: "MaxPool | AveragePool", padding_value: float) -> Array:
    kernel, stride = operation.kernel, operation.stride
    windows = sliding_window_view(_pad(x, operation.padding, padding_value), (kernel, kernel), axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


def _convolution(operation: Conv2d, x: Array, weights: Dict[str, Array]) -> Array:
    dilation, stride, groups = operation.dilation, operation.stride, operation.groups
    reach = (dilation * (operation.kernel_height - 1) + 1, dilation * (operation.kernel_width - 1) + 1)
    windows = sliding_window_view(_pad(x, operation.padding, 0), reach, axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]
    parts = [
        numpy.tensordot(part, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        for part, weight in zip(numpy.split(windows, groups, axis=1), numpy.split(weights["weight"], groups))
    ]
    y = numpy.concatenate(parts, axis=1)
    return y + _channels(weights["bias"], y) if operation.has_bias else y


_erf = numpy.vectorize(math.erf, otypes=[numpy.float64])


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1 + numpy.tanh(0.5 * x))  # does not overflow


def _activation(operation: Activation, x: Array) -> Array:
    function = operation.function
    if function == "relu":
        return numpy.maximum(x, 0)
    if function == "relu6":
        return numpy.clip(x, 0, 6)
    if function == "leaky_relu":
        return numpy.where(x >= 0, x, x * x.dtype.type(numpy.float32(operation.slope)))
    if function == "sigmoid":
        return _sigmoid(x)
    if function == "tanh":
        return numpy.tanh(x)
    if function == "silu":
        return x * _sigmoid(x)
    if function == "hard_swish":
        return x * numpy.clip(x + 3, 0, 6) / 6
    if function == "gelu":
        return (0.5 * x * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype)
    raise MexitError(f"activation function '{function}' is not known")
