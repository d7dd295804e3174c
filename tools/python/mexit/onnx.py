"""Export to ONNX: the whole network with its exits as outputs, or one file per stage.

Values are named after our nodes, initialisers after our tensors, outputs after our exits. Needs the `onnx` package.
"""
from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import numpy

try:
    from onnx import TensorProto, checker, helper, numpy_helper, save_model
except ImportError as error:
    raise ImportError("export to ONNX needs the package onnx: pip install onnx") from error

from .errors import MexitError, require
from .files import Path
from .graph import Graph
from .model import Model
from .onnx_operations import emit
from .operations import BatchNorm, Conv2d, Linear
from .stages import carried_values, stage_inputs, stage_nodes

OPSET = 17  # ONNX 1.12 of 2022; nothing newer is needed
IR_VERSION = 8


def export(model: Model, path: Path, exits: Optional[Sequence[int]] = None, batch: Optional[int] = None, fold_batch_norm: bool = True) -> str:
    """Write the network with these exits (all unless given) as outputs, in this order; the others' heads are left out.

    The input is normalised, [N, C, H, W] or [N, K], N fixed where `batch` is given. `fold_batch_norm` puts batch norms
    into the convolution or linear layer before them where nothing else reads the value between. Raises `MexitError` or
    `OSError`. The result passes `onnx.checker`. Returns the path.
    """
    graph = model.graph
    chosen = list(range(len(graph.exits))) if exits is None else list(exits)
    valid = len(chosen) > 0 and len(set(chosen)) == len(chosen) and all(0 <= exit < len(graph.exits) for exit in chosen)
    require(valid, f"exits {chosen}; must be one or more of 0 to {len(graph.exits) - 1}, each once")
    stages = graph.derive_stages(chosen)
    nodes = [index for index, stage in enumerate(stages) if stage is not None]
    writer = _Writer(model, batch, fold_batch_norm)
    return writer.write(path, nodes, [0], [], chosen)


def export_stages(model: Model, folder: Path, batch: Optional[int] = None, fold_batch_norm: bool = True) -> List[str]:
    """Write `stage0.onnx`, `stage1.onnx`, ... into a folder, which is made, and `stages.json`.

    A stage's inputs are the network's input and carried values as far as it reads them; its outputs are its exit's logits
    and the values that later stages read. Values keep their names from file to file, so a caller keeps a dictionary:
    `values.update(run(stage, values))`. `stages.json` lists per stage its file, exit, inputs, outputs and multiply-adds.
    Raises `MexitError` or `OSError`. Returns the paths.
    """
    graph = model.graph
    os.makedirs(folder, exist_ok=True)
    writer = _Writer(model, batch, fold_batch_norm)
    paths, rows = [], []
    for stage, exit in enumerate(graph.exits):
        nodes = list(stage_nodes(graph, stage))
        require(len(nodes) > 0, f"exit {stage} '{exit.name}' has no stage of its own: an earlier exit computes its logits")
        inputs, carried = stage_inputs(graph, stage), [node for node in carried_values(graph, stage) if node != exit.logits]
        path = os.path.join(folder, f"stage{stage}.onnx")
        paths.append(writer.write(path, nodes, inputs, carried, [stage]))
        rows.append({
            "file": os.path.basename(path), "exit": exit.name, "inputs": [writer.names[node] for node in inputs],
            "outputs": [exit.name] + [writer.names[node] for node in carried], "macs": sum(map(graph.macs, nodes)),
        })
    table = os.path.join(folder, "stages.json")
    with open(table, "w", encoding="utf-8") as file:
        json.dump({"input": writer.names[0], "stages": rows}, file, ensure_ascii=False, indent=1)
        file.write("\n")
    return paths + [table]


class _Writer:
    """One export: names and folded weights are the same in all its files."""

    def __init__(self, model: Model, batch: Optional[int], fold_batch_norm: bool) -> None:
        require(batch is None or batch >= 1, f"batch is {batch}; must be at least 1")
        self.model = model
        self.graph = model.graph
        self.batch = batch if batch is not None else "N"
        self.names = _value_names(model.graph)
        self.folded = _foldable(model.graph) if fold_batch_norm else {}

    def write(self, path: Path, nodes: Sequence[int], inputs: Sequence[int], carried: Sequence[int], exits: Sequence[int]) -> str:
        operations, weights = [], []
        folded_into = set(self.folded.values())
        for index in nodes:
            if index in folded_into:
                continue  # its batch norm brings it
            layer = self.folded.get(index, index)
            tensors = self._tensors(layer, index)
            weights += [numpy_helper.from_array(values, name) for name, values in tensors.values()]
            sources = [self.names[source] for source in self.graph.nodes[layer].inputs]
            operation = self.graph.nodes[layer].operation
            operations += emit(operation, self.names[index], sources, {role: name for role, (name, _) in tensors.items()})
        for exit in exits:
            output = self.graph.exits[exit]
            if self.names[output.logits] != output.name:
                operations.append(helper.make_node("Identity", [self.names[output.logits]], [output.name], name=f"{output.name}/output"))
        outputs = [self._value(output.name, output.logits) for output in (self.graph.exits[exit] for exit in exits)]
        outputs += [self._value(self.names[node], node) for node in carried]
        graph = helper.make_graph(operations, "mexit", [self._value(self.names[node], node) for node in inputs], outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="mexit")
        helper.set_model_props(model, self._properties())
        try:
            checker.check_model(model, full_check=True)
        except Exception as error:
            raise MexitError(f"the exported network does not pass onnx.checker: {error}") from error
        save_model(model, os.fspath(path))
        return os.fspath(path)

    def _value(self, name: str, node: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [self.batch, *self.graph.shapes[node]])

    def _tensors(self, layer: int, last: int) -> Dict[str, Tuple[str, numpy.ndarray]]:
        """Name and values of each tensor of node `layer`, with the batch norm `last` folded into it where they differ."""
        node = self.graph.nodes[layer]
        tensors = {role: (f"{node.name}.{role}", self.model.tensors[f"{node.name}.{role}"]) for role, _ in self.graph.roles(layer)}
        if last == layer:
            return tensors
        norm = self.graph.nodes[last]
        assert isinstance(norm.operation, BatchNorm)
        values = {role: self.model.tensors[f"{norm.name}.{role}"].astype(numpy.float64) for role, _ in self.graph.roles(last)}
        scale = values["weight"] / numpy.sqrt(values["runningVariance"] + numpy.float32(norm.operation.epsilon))
        weight = tensors["weight"][1].astype(numpy.float64) * scale.reshape((-1,) + (1,) * (tensors["weight"][1].ndim - 1))
        bias = tensors["bias"][1].astype(numpy.float64) if "bias" in tensors else 0.0
        bias = (bias - values["runningMean"]) * scale + values["bias"]
        return {"weight": (f"{node.name}.weight", weight.astype(numpy.float32)), "bias": (f"{node.name}.bias", bias.astype(numpy.float32))}

    def _properties(self) -> Dict[str, str]:
        model = self.model
        return {
            "mexit.classes": json.dumps(model.class_names, ensure_ascii=False),
            "mexit.mean": json.dumps(model.preprocessing.mean),
            "mexit.std": json.dumps(model.preprocessing.std),
            "mexit.policies": json.dumps([asdict(policy) for policy in model.policies], ensure_ascii=False),
            "mexit.architecture": model.provenance.architecture,
        }


def _value_names(graph: Graph) -> List[str]:
    """A name for each node's value: the exit's where it is logits, else the node's, with its index where that is taken."""
    taken: Set[str] = {exit.name for exit in graph.exits} | {parameter.name for parameter in graph.parameters()}
    exit_of = {exit.logits: exit.name for exit in graph.exits if exit.logits != 0}
    names = []
    for index, node in enumerate(graph.nodes):
        name = exit_of.get(index)
        if name is None:
            name = node.name
            while name in taken:
                name += f"#{index}"
            taken.add(name)
        names.append(name)
    return names


def _foldable(graph: Graph) -> Dict[int, int]:
    """Batch norm to the convolution or linear layer that it may be folded into: one that nothing else reads."""
    readers: Dict[int, List[int]] = {}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            readers.setdefault(source, []).append(index)
    logits = {exit.logits for exit in graph.exits}
    found = {}
    for index, node in enumerate(graph.nodes):
        if isinstance(node.operation, BatchNorm):
            (source,) = node.inputs
            if isinstance(graph.nodes[source].operation, (Conv2d, Linear)) and len(readers[source]) == 1 and source not in logits:
                found[index] = source
    return found
