"""Import from ONNX: a network whose outputs are exits becomes a model.

Nodes are read in their order; what no exit needs is left out, what is constant is computed, what exporters write as several
operators is joined. `onnx_nodes.py` has one function per operator. Needs the `onnx` package.
"""
from __future__ import annotations

import os
from typing import Dict, List, Optional, Sequence, Set

import numpy

try:
    import onnx  # noqa: F401
except ImportError as error:
    raise ImportError("import from ONNX needs the package onnx: pip install onnx") from error

from .errors import MexitError, require
from .evaluate import evaluate
from .files import Path
from .model import Model, Preprocessing, Provenance
from .onnx_nodes import CONVERTERS, Build, Value
from .onnx_patterns import fused_activation
from .onnx_source import Source, describe


def load(
    path: Path, exits: Optional[Sequence[str]] = None, input_shape: Optional[Sequence[int]] = None, mean: Optional[Sequence[float]] = None,
    std: Optional[Sequence[float]] = None, class_names: Sequence[str] = (),
) -> Model:
    """The model in an ONNX file.

    `exits`: values that give logits, from the shallowest to the deepest; all outputs of the file unless given. `input_shape`: [C, H, W] or
    [K], for a file that leaves it open. `mean`, `std`: normalisation of pictures before the network, x = (u8 / 255 - mean) / std; 0
    and 1 unless given. Weights become float32. Raises `MexitError` naming the node that cannot be imported, or `OSError`.
    """
    try:
        return _load(path, exits, input_shape, mean, std, class_names)
    except MexitError as error:
        raise MexitError(f"cannot import {os.fspath(path)}: {error}") from None


def _load(
    path: Path, exits: Optional[Sequence[str]], input_shape: Optional[Sequence[int]], mean: Optional[Sequence[float]],
    std: Optional[Sequence[float]], class_names: Sequence[str],
) -> Model:
    source = Source(path, input_shape)
    names = _exits(source, exits)
    build = Build(source)
    values = _convert(source, build, names)
    graph, tensors = build.finish([_logits(build, name, values[name]) for name in names], names)
    channels = graph.input_shape[0]
    model = Model(
        graph, tensors, Preprocessing(list(mean or [0.0] * channels), list(std or [1.0] * channels)), list(class_names),
        provenance=Provenance(architecture=os.path.splitext(os.path.basename(os.fspath(path)))[0], producer=f"ONNX from {source.made_by}"),
    )
    model.check()
    return model


def _exits(source: Source, exits: Optional[Sequence[str]]) -> List[str]:
    if exits is None:
        names = source.outputs
        require(
            len(names) > 1,
            f"it has {len(names)} output ({', '.join(names)}), so no early exit; name the values that give logits with --exits (one is possible)",
        )
    else:
        names = list(exits)
    require(len(names) > 0, "no exits are given")
    for name in names:
        known = name in source.producer
        require(known, f"exit '{name}' is no value of the network; its outputs are {', '.join(source.outputs)}")
        source.readers[name] = source.readers.get(name, 0) + 1
    require(len(set(names)) == len(names), f"exits {', '.join(names)}: each may be given once")
    return names


def _convert(source: Source, build: Build, exits: Sequence[str]) -> Dict[str, Value]:
    """Every value that the exits need, in the order of the file."""
    fused = {node.output[0]: found for node in source.nodes for found in [fused_activation(source, node)] if found is not None}
    needed = _needed(source, exits, {name: x for name, (_, x) in fused.items()})
    values: Dict[str, Value] = {source.input: build.input(source.input)}
    for node in source.nodes:
        if not needed.intersection(node.output):
            continue
        if node.output[0] in fused:
            activation, x = fused[node.output[0]]
            values[node.output[0]] = build.add(node, activation, [values[x]])
        elif build.is_constant(node):
            source.fold(node)
        elif node.op_type in CONVERTERS:
            converted = CONVERTERS[node.op_type](build, node, values)
            if isinstance(converted, numpy.ndarray):
                source.constants[node.output[0]] = converted
            else:
                values[node.output[0]] = converted
        else:
            raise MexitError(
                f"{describe(node)} is not supported; known are {', '.join(sorted(CONVERTERS))}. One that the format's operations can express is "
                "added in mexit/onnx_nodes.py; a new operation needs the runtime, too (Sources/MExitIR/Operation.swift)"
            )
    for name in exits:
        require(name in values, f"exit '{name}' is a constant, not computed from the input")
    return values


def _needed(source: Source, exits: Sequence[str], shortcuts: Dict[str, str]) -> Set[str]:
    needed: Set[str] = set()
    stack = list(exits)
    while stack:
        name = stack.pop()
        if not name or name in needed:
            continue
        needed.add(name)
        if name in shortcuts:
            stack.append(shortcuts[name])
        elif name in source.producer:
            stack += list(source.producer[name].input)
    return needed


def _logits(build: Build, name: str, value: Value) -> int:
    require(value.padding == 0 and not value.short, f"exit '{name}' is padded, or of three dimensions; logits are [N, classes]")
    shape = build.shapes[value.node]
    require(
        len(shape) == 1,
        f"exit '{name}' has shape [N, {', '.join(map(str, shape))}]; logits are [N, classes]: choose the exits among the outputs with --exits",
    )
    return value.node


def compare(model: Model, path: Path, samples: int = 2, tolerance: float = 1e-4) -> List[float]:
    """Largest difference from ONNX Runtime's logits at every exit, relative to the largest logit, on normal input.

    Raises `MexitError` where it is over `tolerance`. Needs the `onnxruntime` package.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("comparing with ONNX Runtime needs the package onnxruntime: pip install onnxruntime") from error
    network = onnx.load(os.fspath(path))
    names = [exit.name for exit in model.graph.exits]
    known = {output.name for output in network.graph.output}
    network.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    (value,) = session.get_inputs()
    count = value.shape[0] if isinstance(value.shape[0], int) else samples
    x = numpy.random.default_rng(0).normal(size=(count, *model.graph.input_shape)).astype(numpy.float32)
    worst = []
    for name, found, logits in zip(names, evaluate(model, x), session.run(names, {value.name: x})):
        worst.append(float(numpy.abs(found - logits).max() / max(float(numpy.abs(logits).max()), 1e-30)))
        require(worst[-1] <= tolerance, f"exit '{name}' differs from ONNX Runtime's logits by {worst[-1]:.1e} of the largest; this is a fault of the importer")
    return worst
