"""The operations of a graph, as plain values. Names and fields are those of mexit.proto."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple, Union

ACTIVATIONS = ("relu", "relu6", "leaky_relu", "sigmoid", "tanh", "silu", "hard_swish", "gelu")


@dataclass(frozen=True)
class Input:
    """Shape of one sample: (C, H, W) or (K,)."""

    dims: Tuple[int, ...]


@dataclass(frozen=True)
class Conv2d:
    """Cross-correlation over (C, H, W); zero padding on all four sides."""

    out_channels: int
    kernel_height: int
    kernel_width: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    has_bias: bool = False


@dataclass(frozen=True)
class BatchNorm:
    """(x - runningMean) / sqrt(runningVariance + epsilon) * weight + bias, per channel."""

    epsilon: float = 1e-5


@dataclass(frozen=True)
class Activation:
    """One of `ACTIVATIONS`; `slope` is for leaky_relu only."""

    function: str
    slope: float = 0.0


@dataclass(frozen=True)
class Add:
    """Sum of two or more values of one shape."""


@dataclass(frozen=True)
class Concat:
    """One or more values joined along channels, in the order of the inputs."""


@dataclass(frozen=True)
class MaxPool:
    """Maximum over a square window; padding never wins."""

    kernel: int
    stride: int
    padding: int = 0
    count_includes_padding: bool = False


@dataclass(frozen=True)
class AveragePool:
    """Mean over a square window; `count_includes_padding` says what the divisor counts."""

    kernel: int
    stride: int
    padding: int = 0
    count_includes_padding: bool = False


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over height and width: (C, H, W) to (C, 1, 1)."""


@dataclass(frozen=True)
class Linear:
    """(I,) to (O,)."""

    out_features: int
    has_bias: bool = True


@dataclass(frozen=True)
class Flatten:
    """Any shape to a vector, row-major."""


@dataclass(frozen=True)
class Upsample:
    """Nearest neighbour by a whole factor."""

    factor: int


@dataclass(frozen=True)
class Resize:
    """Bilinear, to this height and width; `align_corners` as in torch's `interpolate`."""

    height: int
    width: int
    align_corners: bool = False


Operation = Union[
    Input, Conv2d, BatchNorm, Activation, Add, Concat, MaxPool, AveragePool, GlobalAveragePool, Linear, Flatten, Upsample, Resize
]

# The name of each operation in the `oneof` of mexit.proto.
KINDS = {
    "input": Input,
    "conv2d": Conv2d,
    "batch_norm": BatchNorm,
    "activation": Activation,
    "add": Add,
    "concat": Concat,
    "max_pool": MaxPool,
    "average_pool": AveragePool,
    "global_average_pool": GlobalAveragePool,
    "linear": Linear,
    "flatten": Flatten,
    "upsample": Upsample,
    "resize": Resize,
}
KIND_OF = {operation: kind for kind, operation in KINDS.items()}
