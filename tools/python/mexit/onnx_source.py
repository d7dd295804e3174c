"""An ONNX file, checked and made simple: one float input, nodes in order, constants known."""
from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy
import onnx
from onnx import TensorProto, checker, helper, inliner, numpy_helper
from onnx.reference import ReferenceEvaluator

from .errors import MexitError, require
from .files import Path

MIN_OPSET = 9
# Stands for a batch size that the file leaves open: a prime that no real dimension is a multiple of.
ANY_BATCH = 1_000_003
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


class Source:
    """`nodes` in order; `constants` by name; `producer[name]` is the node that gives a value; `batch` and `dims` of the input."""

    def __init__(self, path: Path, input_shape: Optional[Sequence[int]] = None) -> None:
        model = _load(path)
        graph = model.graph
        self.opset = _opset(model)
        self.made_by = f"{model.producer_name} {model.producer_version}".strip()
        self.outputs = [output.name for output in graph.output]
        self.constants: Dict[str, numpy.ndarray] = {tensor.name: _array(tensor) for tensor in graph.initializer}
        require(len(graph.sparse_initializer) == 0, f"initializer '{_first_sparse(graph)}' is sparse; store it dense")
        self.input, self.batch, self.dims = _input(graph, self.constants, input_shape)
        self.nodes: List[Any] = list(graph.node)
        for node in self.nodes:
            require(node.domain in ("", "ai.onnx"), f"{describe(node)} is of domain '{node.domain}'; only the standard operators are known")
        self.producer = {name: node for node in self.nodes for name in node.output if name}
        self.readers: Dict[str, int] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1

    def constant(self, name: str) -> Optional[numpy.ndarray]:
        """The value of this name where it is known before anything runs; `Constant` nodes are looked through."""
        if name not in self.constants:
            node = self.producer.get(name)
            if node is None or node.op_type not in ("Constant", "Identity", "Cast") or any(self.constant(part) is None for part in node.input):
                return None
            self.fold(node)
        return self.constants.get(name)

    def fold(self, node: Any) -> None:
        """Compute a node whose inputs are all constants."""
        feeds = {name: self.constants[name] for name in node.input if name}
        try:
            values = ReferenceEvaluator(node, opsets={"": self.opset}).run(None, feeds)
        except Exception as error:  # the evaluator raises whatever numpy and Python do
            raise MexitError(f"{describe(node)} cannot be computed from its constants: {error}") from None
        for name, value in zip(node.output, values):
            self.constants[name] = numpy.asarray(value)


def describe(node: Any) -> str:
    """How messages name a node."""
    return f"node '{node.name or node.output[0]}' ({node.op_type})"


def attributes(node: Any) -> Dict[str, Any]:
    """Attributes by name; strings decoded."""
    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def _load(path: Path) -> Any:
    name = os.fspath(path)
    try:
        model = onnx.load(name)
    except FileNotFoundError as error:
        if os.path.exists(name):
            raise MexitError(f"its weights lie in another file that is missing: {error}; put it beside the .onnx file") from None
        raise
    except (OSError, IsADirectoryError):
        raise
    except Exception as error:  # protobuf's DecodeError, the checker's error on external data
        hint = "; its weights lie in another file, which must stand beside it" if "external" in str(error).lower() or "data" in str(error).lower() else ""
        raise MexitError(f"it cannot be loaded as ONNX{hint}: {error}") from None
    require(len(model.graph.node) > 0, "it has no nodes; it is no ONNX network")
    _opset(model)
    try:
        checker.check_model(model)
        # Exporters put what torch calls one operation into a function of the file.
        model = inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:
        raise MexitError(f"it does not pass onnx.checker: {error}") from None
    return model


def _opset(model: Any) -> int:
    newest = onnx.defs.onnx_opset_version()
    version = 0
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx"):
            version = opset.version
    require(MIN_OPSET <= version <= newest, f"opset {version}; this importer reads {MIN_OPSET} to {newest}; export again with an opset_version in between")
    return version


def _input(graph: Any, constants: Dict[str, numpy.ndarray], wanted: Optional[Sequence[int]]) -> Tuple[str, int, Tuple[int, ...]]:
    inputs = [value for value in graph.input if value.name not in constants]
    names = ", ".join(f"'{value.name}'" for value in inputs)
    require(len(inputs) == 1, f"it has {len(inputs)} inputs ({names}); a network has one")
    value = inputs[0]
    tensor = value.type.tensor_type
    require(tensor.elem_type in _FLOATS, f"input '{value.name}' holds {TensorProto.DataType.Name(tensor.elem_type)}; must be a float type")
    dims: List[Any] = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in tensor.shape.dim]
    require(len(dims) in (2, 4), f"input '{value.name}' has shape {_shape(dims)}; must be [N, C, H, W] or [N, K]")
    if wanted is not None:
        fits = len(wanted) == len(dims) - 1 and all(isinstance(dim, str) or dim == given for dim, given in zip(dims[1:], wanted))
        require(fits, f"input '{value.name}' has shape {_shape(dims)}; {list(wanted)} does not fit behind its first dimension")
        dims[1:] = wanted
    fixed = all(isinstance(dim, int) and dim >= 1 for dim in dims[1:])
    require(fixed, f"input '{value.name}' has shape {_shape(dims)}; only the first dimension may be open: give the others with --input-shape, or export with a fixed size")
    return value.name, dims[0] if isinstance(dims[0], int) and dims[0] > 0 else ANY_BATCH, tuple(dims[1:])


def _shape(dims: Sequence[Any]) -> str:
    return "[" + ", ".join(map(str, dims)) + "]"


def _array(tensor: Any) -> numpy.ndarray:
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:
        raise MexitError(f"initializer '{tensor.name}' cannot be read: {error}") from None


def _first_sparse(graph: Any) -> str:
    return graph.sparse_initializer[0].values.name if graph.sparse_initializer else ""
