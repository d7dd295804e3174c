"""Each ONNX operator as operations of the format.

A converter gets the operator's node and the values before it, and gives the operator's value: one of the network, or an array that is
the same for every input. Shapes of values are those of one sample; the batch is dimension 0 in ONNX.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

import numpy

from .errors import MexitError, require
from .graph import Exit, Graph, Node
from .onnx_patterns import bounds
from .onnx_source import Source, attributes, describe
from .operations import (
    Activation, Add, AveragePool, BatchNorm, Concat, Conv2d, Flatten, GlobalAveragePool, Input, Linear, MaxPool, Operation, Resize, Upsample,
)
from .shapes import Shape, output_shape

# 1 - 2^-20 and 2^-20 add up to exactly 1 in float32: a batch norm that only scales and shifts.
_UNIT_EPSILON = 2.0**-20


@dataclass(frozen=True)
class Value:
    """The value of a node of the graph; `padding` zeros on every side of it are still to be added by its reader.

    `short`: [N, C, 1] in ONNX, on the way from a map [N, C, 1, 1] to a vector [N, C].
    """

    node: int
    padding: int = 0
    short: bool = False


Values = Dict[str, Value]
Result = Union[Value, numpy.ndarray]


class Build:
    """The graph under construction."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.nodes: List[Node] = []
        self.shapes: List[Shape] = []
        self.tensors: Dict[str, numpy.ndarray] = {}
        self.names: Set[str] = set()
        # The ONNX value that each node computes.
        self.computes: List[str] = []

    def input(self, name: str) -> Value:
        self.nodes.append(Node(self._unique(_clean(name)), "input", (), Input(self.source.dims)))
        self.shapes.append(self.source.dims)
        self.computes.append(name)
        return Value(0)

    def add(self, node: Any, operation: Operation, inputs: Sequence[Value], weights: "Dict[str, numpy.ndarray] | None" = None, name: str = "") -> Value:
        """Append an operation that the ONNX node asks for."""
        for value in inputs:
            require(value.padding == 0, f"{describe(node)} reads a padded value; padding is possible before Conv and AveragePool only")
            require(not value.short, f"{describe(node)} reads a value [N, C, L]; [N, C, H, W] and [N, K] are supported")
        name = self._unique(_clean(name or _path(node)))
        try:
            self.shapes.append(output_shape(operation, [self.shapes[value.node] for value in inputs]))
        except MexitError as error:
            raise MexitError(f"{describe(node)}: {error}") from None
        self.computes.append(node.output[0])
        self.nodes.append(Node(name, _block(name), tuple(value.node for value in inputs), operation))
        for role, values in (weights or {}).items():
            self.tensors[f"{name}.{role}"] = numpy.ascontiguousarray(values, numpy.float32)
        return Value(len(self.nodes) - 1)

    def is_constant(self, node: Any) -> bool:
        """Whether a node's inputs are all known."""
        return not node.op_type.startswith("Random") and all(not name or name in self.source.constants for name in node.input)

    def weights(self, node: Any, position: int, rank: Optional[int] = None) -> numpy.ndarray:
        """The constant at this input, as float64."""
        values = self.source.constant(node.input[position])
        if values is None:
            raise MexitError(f"{describe(node)}: input {position} '{node.input[position]}' must be a constant")
        require(rank is None or values.ndim == rank, f"{describe(node)}: input {position} has shape {list(values.shape)}; {rank} dimensions are supported")
        return values.astype(numpy.float64)

    def finish(self, logits: Sequence[int], names: Sequence[str]) -> Tuple[Graph, Dict[str, numpy.ndarray]]:
        """The graph of what the exits need, and its tensors."""
        needed = {0}
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in logits or index in needed:
                needed |= {index, *self.nodes[index].inputs}
        order = {old: new for new, old in enumerate(sorted(needed))}
        nodes = [replace(self.nodes[old], inputs=tuple(order[source] for source in self.nodes[old].inputs)) for old in sorted(needed)]
        graph = Graph(nodes, [Exit(_clean(name), order[node]) for name, node in zip(names, logits)])
        return graph, {parameter.name: self.tensors[parameter.name] for parameter in graph.parameters()}

    def _unique(self, name: str) -> str:
        candidate, number = name, 1
        while candidate in self.names:
            number += 1
            candidate = f"{name}.{number}"
        self.names.add(candidate)
        return candidate


def _clean(name: str) -> str:
    """A name that the format allows."""
    text = "".join(character if character.isprintable() and character not in "\u200e\u200f\u061c" else "_" for character in name)
    return text.encode("utf-8")[:180].decode("utf-8", "ignore") or "node"


def _path(node: Any) -> str:
    """`/layer1/conv/Conv` of one exporter is `layer1.conv`, `node_relu_3` of another `relu_3`."""
    name = node.name or node.output[0]
    if name.startswith("/"):
        parts = name.strip("/").split("/")
        stem = parts[-1].split("_")[0]
        return ".".join(parts[:-1] if stem in ("Conv", "Gemm", "BatchNormalization") and len(parts) > 1 else parts[:-1] + [parts[-1].lower()])
    return name[5:] if name.startswith("node_") else name


def _layer_name(node: Any) -> str:
    """The name of a layer whose weights have a name of their own, such as `layer1.conv.weight`; else that of the node."""
    weight = node.input[1] if len(node.input) > 1 else ""
    return weight[: -len(".weight")] if weight.endswith(".weight") and "::" not in weight else _path(node)


def _block(name: str) -> str:
    """`blocks.3` of `blocks.3.conv1`: the first part, with the number behind it."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 and parts[1].isdigit() else parts[0]


# ---- Layers --------------------------------------------------------------------------------------------------------


def _conv(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    weight = build.weights(node, 1, rank=4)
    options = attributes(node)
    kernel = list(weight.shape[2:])
    strides, dilations = options.get("strides", [1, 1]), options.get("dilations", [1, 1])
    stride, dilation = _same(node, "strides", strides), _same(node, "dilations", dilations)
    reach = [dilation * (size - 1) + 1 for size in kernel]
    padding = _same(node, "pads", _pads(node, options, build.shapes[x.node], reach, strides)) + x.padding
    bias = build.weights(node, 2) if len(node.input) > 2 and node.input[2] else None
    operation = Conv2d(weight.shape[0], kernel[0], kernel[1], stride, padding, dilation, options.get("group", 1), bias is not None)
    return build.add(node, operation, [replace(x, padding=0)], {"weight": weight, **({"bias": bias} if bias is not None else {})}, _layer_name(node))


def _gemm(build: Build, node: Any, values: Values) -> Result:
    options = attributes(node)
    require(not options.get("transA", 0), f"{describe(node)}: transA is set; a linear layer reads [N, K]")
    weight = build.weights(node, 1, rank=2)
    weight = (weight if options.get("transB", 0) else weight.T) * options.get("alpha", 1.0)
    weights = {"weight": weight}
    if len(node.input) > 2 and node.input[2]:
        weights["bias"] = numpy.broadcast_to(build.weights(node, 2) * options.get("beta", 1.0), (1, len(weight))).reshape(-1)
    return build.add(node, Linear(len(weight), "bias" in weights), [_value(node, 0, values)], weights, _layer_name(node))


def _matmul(build: Build, node: Any, values: Values) -> Result:
    weight = build.weights(node, 1, rank=2)
    return build.add(node, Linear(weight.shape[1], False), [_value(node, 0, values)], {"weight": weight.T})


def _batch_norm(build: Build, node: Any, values: Values) -> Result:
    options = attributes(node)
    require(not options.get("training_mode", 0), f"{describe(node)} is in training mode; export the network after eval()")
    roles = ("weight", "bias", "runningMean", "runningVariance")
    weights = {role: build.weights(node, position, rank=1) for position, role in enumerate(roles, start=1)}
    return build.add(node, BatchNorm(options.get("epsilon", 1e-5)), [_value(node, 0, values)], weights, _layer_name(node))


def _affine(build: Build, node: Any, x: Value, scale: numpy.ndarray, shift: numpy.ndarray) -> Result:
    """x * scale + shift with numbers per channel: into the layer before if that has them and nobody else reads it, else a batch norm."""
    shape = build.shapes[x.node]
    try:
        scale, shift = (numpy.broadcast_to(values, (1, *shape[:1], *[1] * (len(shape) - 1))).reshape(-1) for values in (scale, shift))
    except ValueError:
        seen = list(numpy.broadcast_shapes(scale.shape, shift.shape))
        raise MexitError(f"{describe(node)} has a constant of shape {seen}; a number, or one per channel, is supported") from None
    layer = build.nodes[x.node]
    read = next(name for name in node.input if name not in build.source.constants)
    # An alias of the value may have readers of its own.
    is_private = build.computes[x.node] == read and build.source.readers.get(read, 0) == 1 and x.padding == 0
    if is_private and isinstance(layer.operation, (Conv2d, Linear)):
        weight = build.tensors[f"{layer.name}.weight"].astype(numpy.float64)
        bias = build.tensors[f"{layer.name}.bias"].astype(numpy.float64) if layer.operation.has_bias else numpy.zeros(shape[0])
        build.tensors[f"{layer.name}.weight"] = (weight * scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(numpy.float32)
        build.tensors[f"{layer.name}.bias"] = (bias * scale + shift).astype(numpy.float32)
        build.nodes[x.node] = replace(layer, operation=replace(layer.operation, has_bias=True))
        build.computes[x.node] = node.output[0]
        return x
    unit = numpy.full(shape[0], 1 - _UNIT_EPSILON)
    return build.add(node, BatchNorm(_UNIT_EPSILON), [x], {"weight": scale, "bias": shift, "runningMean": 0 * unit, "runningVariance": unit})


# ---- Joining -------------------------------------------------------------------------------------------------------


def _add(build: Build, node: Any, values: Values) -> Result:
    constants = [position for position, name in enumerate(node.input) if name in build.source.constants]
    if not constants:
        return build.add(node, Add(), [_value(node, position, values) for position in range(len(node.input))])
    require(len(node.input) == 2, f"{describe(node)}: sums of values and constants have two terms")
    return _affine(build, node, _value(node, 1 - constants[0], values), numpy.ones(1), build.weights(node, constants[0]))


def _sub(build: Build, node: Any, values: Values) -> Result:
    if node.input[0] in build.source.constants:
        return _affine(build, node, _value(node, 1, values), -numpy.ones(1), build.weights(node, 0))
    return _affine(build, node, _value(node, 0, values), numpy.ones(1), -build.weights(node, 1))


def _mul(build: Build, node: Any, values: Values) -> Result:
    constants = [position for position, name in enumerate(node.input) if name in build.source.constants]
    require(len(constants) == 1, f"{describe(node)} multiplies two values; only factors that are constants are supported")
    return _affine(build, node, _value(node, 1 - constants[0], values), build.weights(node, constants[0]), numpy.zeros(1))


def _div(build: Build, node: Any, values: Values) -> Result:
    divisor = build.weights(node, 1)
    require(bool((divisor != 0).all()), f"{describe(node)} divides by zero")
    return _affine(build, node, _value(node, 0, values), 1 / divisor, numpy.zeros(1))


def _concat(build: Build, node: Any, values: Values) -> Result:
    inputs = [_value(node, position, values) for position in range(len(node.input))]
    axis = attributes(node)["axis"]
    require(axis in (1, -len(build.shapes[inputs[0].node])), f"{describe(node)} joins along axis {axis}; channels are axis 1")
    return build.add(node, Concat(), inputs)


# ---- Pooling and shapes --------------------------------------------------------------------------------------------


def _pool(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    options = attributes(node)
    shape = build.shapes[x.node]
    require(len(shape) == 3, f"{describe(node)} pools {list(shape)}; a map [C, H, W] is supported")
    kernel = options["kernel_shape"]
    strides = options.get("strides", [1] * len(kernel))
    require(_same(node, "dilations", options.get("dilations", [1])) == 1, f"{describe(node)} has dilations; 1 is supported")
    pads = _pads(node, options, shape, kernel, strides)
    average = node.op_type == "AveragePool"
    if average and tuple(kernel) == shape[1:] and not any(pads) and not x.padding:
        return build.add(node, GlobalAveragePool(), [x])
    stride, padding = _same(node, "strides", strides), _same(node, "pads", pads)
    includes = bool(options.get("count_include_pad", 0))
    if x.padding:
        # Zeros that an operator before has put there are pixels like others.
        require(average and padding == 0, f"{describe(node)} reads a padded value; write the padding as its own pads")
        padding, includes = x.padding, True
    if options.get("ceil_mode", 0):
        for size, reach in zip(shape[1:], kernel):
            exact = (size + 2 * padding - reach) % stride == 0
            require(exact, f"{describe(node)} rounds its size up (ceil_mode) from {(size + 2 * padding - reach) / stride + 1:g}; sizes are rounded down here")
    kind = AveragePool if average else MaxPool
    return build.add(node, kind(_same(node, "kernel_shape", kernel), stride, padding, average and includes), [replace(x, padding=0)])


def _global_pool(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    if node.op_type == "GlobalMaxPool":
        _, height, width = build.shapes[x.node]
        require(height == width, f"{describe(node)} is over {height} x {width}; a square map is supported")
        return build.add(node, MaxPool(height, height), [x])
    return build.add(node, GlobalAveragePool(), [x])


def _reduce_mean(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    options = attributes(node)
    axes = build.weights(node, 1).astype(int).tolist() if len(node.input) > 1 and node.input[1] else options.get("axes", [])
    found = sorted(axis % 4 for axis in axes)
    require(len(build.shapes[x.node]) == 3 and found == [2, 3], f"{describe(node)} is over axes {axes}; the mean over height and width (2, 3) is supported")
    y = build.add(node, GlobalAveragePool(), [x])
    return y if options.get("keepdims", 1) else build.add(node, Flatten(), [y])


def _flatten(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    axis = attributes(node).get("axis", 1)
    require(axis in (1, -len(build.shapes[x.node])), f"{describe(node)} has axis {axis}; 1 is supported")
    return x if len(build.shapes[x.node]) == 1 else build.add(node, Flatten(), [replace(x, short=False)])


def _reshape(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    shape = _dims(build, x)
    wanted = [int(dim) for dim in build.weights(node, 1).reshape(-1)]
    if not attributes(node).get("allowzero", 0):
        wanted = [shape[position] if dim == 0 and position < len(shape) else dim for position, dim in enumerate(wanted)]
    if wanted.count(-1) == 1:
        known = math.prod(dim for dim in wanted if dim != -1)
        wanted = [math.prod(shape) // known if dim == -1 and known else dim for dim in wanted]
    return _view(build, node, x, tuple(wanted))


def _squeeze(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    shape = _dims(build, x)
    axes = build.weights(node, 1).astype(int).tolist() if len(node.input) > 1 and node.input[1] else attributes(node).get("axes")
    if axes is None:
        axes = [position for position, dim in enumerate(shape) if dim == 1 and position > 0]
    dropped = {axis % len(shape) for axis in axes}
    return _view(build, node, x, tuple(dim for position, dim in enumerate(shape) if position not in dropped))


def _view(build: Build, node: Any, x: Value, wanted: Tuple[int, ...]) -> Result:
    """The same numbers in another shape: none, or a vector."""
    shape = (build.source.batch, *build.shapes[x.node])
    if wanted == _dims(build, x):
        return x
    if wanted == (shape[0], math.prod(shape[1:])):
        return build.add(node, Flatten(), [replace(x, short=False)])
    if shape[2:] == (1, 1) and wanted == shape[:3]:
        return replace(x, short=True)
    show = [["N" if dim == build.source.batch else dim for dim in dims] for dims in (shape, wanted)]
    raise MexitError(f"{describe(node)} makes {show[1]} of {show[0]}; only flattening to [N, {math.prod(shape[1:])}] is supported")


def _dims(build: Build, x: Value) -> Tuple[int, ...]:
    """The shape that the value has in ONNX."""
    return (build.source.batch, *build.shapes[x.node])[: 3 if x.short else None]


def _shape(build: Build, node: Any, values: Values) -> Result:
    shape = _dims(build, _value(node, 0, values))
    options = attributes(node)
    return numpy.array(shape[options.get("start", 0) : options.get("end", len(shape))], numpy.int64)


def _pad(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    options = attributes(node)
    pads = build.weights(node, 1).astype(int).tolist() if len(node.input) > 1 else options["pads"]
    value = float(build.weights(node, 2).reshape(-1)[0]) if len(node.input) > 2 and node.input[2] else options.get("value", 0.0)
    require(options.get("mode", "constant") == "constant" and value == 0, f"{describe(node)} pads with mode {options.get('mode', 'constant')} and {value}; zeros are supported")
    require(not (len(node.input) > 3 and node.input[3]), f"{describe(node)} names its axes; pads of all axes are supported")
    if not any(pads):
        return x
    sides = pads[2:4] + pads[6:8]
    same = len(pads) == 8 and not any(pads[:2] + pads[4:6]) and len(set(sides)) == 1 and sides[0] > 0
    require(same, f"{describe(node)} has pads {pads}; as many zeros on all four sides of a map are supported")
    return Value(x.node, x.padding + sides[0])


def _resize(build: Build, node: Any, values: Values) -> Result:
    x = _value(node, 0, values)
    options = attributes(node)
    mode = options.get("mode", "nearest")
    if mode == "linear":
        return _bilinear(build, node, x, options)
    require(mode == "nearest", f"{describe(node)} interpolates ({mode}); nearest and linear are supported")
    shape = (build.source.batch, *build.shapes[x.node])
    position = 1 if node.op_type == "Upsample" else 2
    if len(node.input) > 3 and node.input[3]:
        factors = [wanted / size for wanted, size in zip(build.weights(node, 3), shape)]
    else:
        factors = list(build.weights(node, position))
    factor = round(factors[-1])
    whole = len(shape) == 4 and len(factors) == 4 and list(factors) == [1, 1, factor, factor]
    require(whole, f"{describe(node)} has factors {[float(value) for value in factors]}; one whole factor for height and width is supported")
    modes = (options.get("coordinate_transformation_mode", "half_pixel"), options.get("nearest_mode", "round_prefer_floor"))
    # For whole factors these all give pixel floor(i / factor).
    supported = node.op_type == "Upsample" or modes in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"))
    require(supported, f"{describe(node)} has coordinates '{modes[0]}' and rounding '{modes[1]}'; asymmetric and floor are supported")
    return build.add(node, Upsample(factor), [x])


def _bilinear(build: Build, node: Any, x: Value, options: Dict[str, Any]) -> Result:
    require(node.op_type == "Resize" and build.source.opset >= 11, f"{describe(node)} interpolates as before opset 11; export it with a newer one")
    shape = (build.source.batch, *build.shapes[x.node])
    require(len(shape) == 4, f"{describe(node)} interpolates a vector; maps are supported")
    axes = [axis % 4 for axis in options.get("axes", range(4))]
    given = len(node.input) > 3 and node.input[3]
    wanted = build.weights(node, 3) if given else [factor * shape[axis] for factor, axis in zip(build.weights(node, 2), axes)]
    sizes = {axis: round(float(size)) for axis, size in zip(axes, wanted)}
    whole = all(abs(size - sizes[axis]) <= 1e-5 * size for axis, size in zip(axes, wanted))
    require(whole, f"{describe(node)} has scales that do not give whole sizes; give it sizes")
    height, width = sizes.get(2, shape[2]), sizes.get(3, shape[3])
    same = all(sizes.get(axis, shape[axis]) == shape[axis] for axis in (0, 1))
    require(same, f"{describe(node)} resizes batch or channels; height and width are supported")
    coordinates = options.get("coordinate_transformation_mode", "half_pixel")
    # PyTorch's half pixels are others where a side becomes 1.
    known = coordinates in ("align_corners", "half_pixel") or (coordinates == "pytorch_half_pixel" and all(
        to > 1 or size == 1 for to, size in ((height, shape[2]), (width, shape[3]))))
    require(known, f"{describe(node)} has coordinates '{coordinates}' for {shape[2]} x {shape[3]} to {height} x {width}; align_corners and half_pixel are supported")
    require(not options.get("antialias", 0), f"{describe(node)} smooths (antialias), which is not supported")
    require(options.get("keep_aspect_ratio_policy", "stretch") == "stretch", f"{describe(node)} keeps the aspect ratio; sizes as they are given are supported")
    return build.add(node, Resize(height, width, coordinates == "align_corners"), [x])


# ---- Activation functions ------------------------------------------------------------------------------------------


def _activation(function: str) -> Callable[[Build, Any, Values], Result]:
    return lambda build, node, values: build.add(node, Activation(function), [_value(node, 0, values)])


def _leaky_relu(build: Build, node: Any, values: Values) -> Result:
    if node.op_type == "PRelu":
        slopes = build.weights(node, 1).reshape(-1)
        require(bool((slopes == slopes[0]).all()), f"{describe(node)} has a slope per channel; one slope for all is supported")
        return build.add(node, Activation("leaky_relu", float(numpy.float32(slopes[0]))), [_value(node, 0, values)])
    return build.add(node, Activation("leaky_relu", attributes(node).get("alpha", 0.01)), [_value(node, 0, values)])


def _clip(build: Build, node: Any, values: Values) -> Result:
    limits = bounds(build.source, node)
    function = {(0.0, 6.0): "relu6", (0.0, math.inf): "relu"}.get(limits)
    if function is None:
        raise MexitError(f"{describe(node)} has limits {limits[0]:g} and {limits[1]:g}; 0 and 6 (ReLU6), or 0 and none, are supported")
    return build.add(node, Activation(function), [_value(node, 0, values)])


def _gelu(build: Build, node: Any, values: Values) -> Result:
    form = attributes(node).get("approximate", "none")
    require(form == "none", f"{describe(node)} approximates with {form}; the exact function is supported")
    return build.add(node, Activation("gelu"), [_value(node, 0, values)])


def _swish(build: Build, node: Any, values: Values) -> Result:
    require(attributes(node).get("alpha", 1.0) == 1.0, f"{describe(node)} has an alpha; 1 is supported")
    return build.add(node, Activation("silu"), [_value(node, 0, values)])


def _same_value(build: Build, node: Any, values: Values) -> Result:
    if node.op_type == "Dropout" and len(node.input) > 2 and node.input[2]:
        training = build.source.constant(node.input[2])
        require(training is not None and not training.any(), f"{describe(node)} is in training mode; export the network after eval()")
    return _value(node, 0, values)


def _cast(build: Build, node: Any, values: Values) -> Result:
    # 1, 10, 11, 16: float32, float16, double, bfloat16.
    require(attributes(node)["to"] in (1, 10, 11, 16), f"{describe(node)} makes integers of values; float types are supported")
    return _value(node, 0, values)


def _softmax(build: Build, node: Any, values: Values) -> Result:
    raise MexitError(f"{describe(node)}: exits give logits, and the runtime computes softmax itself; export the network without it, or name the value before it with --exits")


# ---- Helpers -------------------------------------------------------------------------------------------------------


def _value(node: Any, position: int, values: Values) -> Value:
    name = node.input[position]
    if name not in values:
        raise MexitError(f"{describe(node)}: input {position} '{name}' is a constant; it must be computed from the network's input")
    return values[name]


def _same(node: Any, what: str, numbers: Sequence[int]) -> int:
    require(len(set(numbers)) == 1, f"{describe(node)} has {what} {list(numbers)}; equal ones are supported")
    return int(numbers[0])


def _pads(node: Any, options: Dict[str, Any], shape: Shape, reach: Sequence[int], strides: Sequence[int]) -> List[int]:
    require(len(shape) == 3, f"{describe(node)} reads {list(shape)}; a map [C, H, W] is supported")
    mode = options.get("auto_pad", "NOTSET")
    if mode in ("NOTSET", "VALID"):
        return list(options.get("pads", [0] * 4)) if mode == "NOTSET" else [0] * 4
    before, after = [], []
    for size, window, stride in zip(shape[1:], reach, strides):
        total = max(0, (-(-size // stride) - 1) * stride + window - size)
        small, large = total // 2, total - total // 2
        before.append(small if mode == "SAME_UPPER" else large)
        after.append(large if mode == "SAME_UPPER" else small)
    return before + after


CONVERTERS: Dict[str, Callable[[Build, Any, Values], Result]] = {
    "Add": _add, "AveragePool": _pool, "BatchNormalization": _batch_norm, "Cast": _cast, "Clip": _clip, "Concat": _concat, "Conv": _conv,
    "Div": _div, "Dropout": _same_value, "Flatten": _flatten, "Gelu": _gelu, "Gemm": _gemm, "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool, "HardSwish": _activation("hard_swish"), "Identity": _same_value, "LeakyRelu": _leaky_relu,
    "LogSoftmax": _softmax, "MatMul": _matmul, "MaxPool": _pool, "Mul": _mul, "PRelu": _leaky_relu, "Pad": _pad, "ReduceMean": _reduce_mean,
    "Relu": _activation("relu"), "Reshape": _reshape, "Resize": _resize, "Shape": _shape, "Sigmoid": _activation("sigmoid"),
    "Softmax": _softmax, "Squeeze": _squeeze, "Sub": _sub, "Sum": _add, "Swish": _swish, "Tanh": _activation("tanh"), "Upsample": _resize,
}
