"""Each operation as ONNX operators."""
from __future__ import annotations

import math
from typing import Any, Dict, List, Sequence

from onnx import helper

from .errors import MexitError
from .operations import (
    Activation, Add, AveragePool, BatchNorm, Concat, Conv2d, Flatten, GlobalAveragePool, Linear, MaxPool, Operation, Resize, Upsample,
)


def emit(operation: Operation, output: str, inputs: Sequence[str], weights: Dict[str, str]) -> List[Any]:
    """Operators that compute value `output` of one node. `weights`: names of its tensors by role."""
    inputs = list(inputs)
    if isinstance(operation, Conv2d):
        return [_node(
            "Conv", output, inputs + list(weights.values()), kernel_shape=[operation.kernel_height, operation.kernel_width],
            strides=[operation.stride] * 2, pads=[operation.padding] * 4, dilations=[operation.dilation] * 2, group=operation.groups,
        )]
    if isinstance(operation, Linear):
        return [_node("Gemm", output, inputs + list(weights.values()), transB=1)]
    if isinstance(operation, BatchNorm):
        return [_node("BatchNormalization", output, inputs + list(weights.values()), epsilon=operation.epsilon)]
    if isinstance(operation, Activation):
        return _activation(operation, output, inputs[0])
    if isinstance(operation, Add):
        return _sum(output, inputs)
    if isinstance(operation, Concat):
        return [_node("Concat", output, inputs, axis=1)]
    if isinstance(operation, MaxPool):
        return [_node("MaxPool", output, inputs, **_window(operation))]
    if isinstance(operation, AveragePool):
        return [_node("AveragePool", output, inputs, count_include_pad=int(operation.count_includes_padding), **_window(operation))]
    if isinstance(operation, GlobalAveragePool):
        return [_node("GlobalAveragePool", output, inputs)]
    if isinstance(operation, Flatten):
        return [_node("Flatten", output, inputs, axis=1)]
    if isinstance(operation, Upsample):
        return [
            _constant(f"{output}/scales", [1.0, 1.0, float(operation.factor), float(operation.factor)], [4]),
            _node("Resize", output, [inputs[0], "", f"{output}/scales"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        ]
    if isinstance(operation, Resize):
        shape, sides, sizes = (f"{output}/{name}" for name in ("shape", "sides", "sizes"))
        coordinates = "align_corners" if operation.align_corners else "half_pixel"
        # Sizes, not scales, which are rounded; batch and channels are as they come.
        return [
            helper.make_node("Shape", inputs, [shape], name=shape, end=2), _integers(sides, [operation.height, operation.width]),
            helper.make_node("Concat", [shape, sides], [sizes], name=sizes, axis=0),
            _node("Resize", output, [inputs[0], "", "", sizes], mode="linear", coordinate_transformation_mode=coordinates),
        ]
    raise MexitError(f"{operation!r} has no ONNX form")


def _window(operation: "MaxPool | AveragePool") -> Dict[str, Any]:
    return {"kernel_shape": [operation.kernel] * 2, "strides": [operation.stride] * 2, "pads": [operation.padding] * 4}


def _sum(output: str, inputs: List[str]) -> List[Any]:
    # A chain of Add, from the left, as the runtime adds.
    nodes, total = [], inputs[0]
    for position, name in enumerate(inputs[1:], start=2):
        partial = output if position == len(inputs) else f"{output}/{position}"
        nodes.append(_node("Add", partial, [total, name]))
        total = partial
    return nodes


def _activation(operation: Activation, output: str, x: str) -> List[Any]:
    function = operation.function
    if function in ("relu", "sigmoid", "tanh"):
        return [_node(function.capitalize(), output, [x])]
    if function == "hard_swish":
        return [_node("HardSwish", output, [x])]
    if function == "leaky_relu":
        return [_node("LeakyRelu", output, [x], alpha=operation.slope)]
    if function == "relu6":
        low, high = f"{output}/low", f"{output}/high"
        return [_constant(low, [0.0], []), _constant(high, [6.0], []), _node("Clip", output, [x, low, high])]
    if function == "silu":
        return [_node("Sigmoid", f"{output}/sigmoid", [x]), _node("Mul", output, [x, f"{output}/sigmoid"])]
    if function == "gelu":  # by its definition: the operator Gelu is younger than our opset
        part = [f"{output}/{name}" for name in ("sqrt2", "one", "half", "scaled", "erf", "cdf2", "product")]
        return [
            _constant(part[0], [math.sqrt(2)], []), _constant(part[1], [1.0], []), _constant(part[2], [0.5], []),
            _node("Div", part[3], [x, part[0]]), _node("Erf", part[4], [part[3]]), _node("Add", part[5], [part[4], part[1]]),
            _node("Mul", part[6], [x, part[5]]), _node("Mul", output, [part[6], part[2]]),
        ]
    raise MexitError(f"activation function '{function}' has no ONNX form")


def _node(kind: str, output: str, inputs: Sequence[str], **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), [output], name=output, **attributes)


def _integers(name: str, values: List[int]) -> Any:
    tensor = helper.make_tensor(name, 7, [len(values)], values)  # 7: int64
    return helper.make_node("Constant", [], [name], name=name, value=tensor)


def _constant(name: str, values: List[float], dims: List[int]) -> Any:
    tensor = helper.make_tensor(name, 1, dims, values)  # 1: float32
    return helper.make_node("Constant", [], [name], name=name, value=tensor)
