"""The networks that are compared, and which part of them a row runs."""
from __future__ import annotations

import dataclasses
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import numpy

import mexit
from mexit import Graph, Model, Node
from mexit.stages import carried_values, stage_nodes


@dataclass(frozen=True)
class Row:
    """One line of the table. `part`: "all" exits; the "first" stage, cut so that one can go on; exit 0
    "alone"; the "last" exit alone."""

    network: str
    batch: int
    part: str = "all"

    @property
    def title(self) -> str:
        return f"{self.network}, batch {self.batch}, " + {"all": "all exits", "first": "to exit 0, able to go on", "alone": "exit 0 alone", "last": "last exit alone"}[self.part]


ROWS = [
    Row("msdnet-cifar-7", 1),
    Row("msdnet-cifar-7", 1, "first"),
    Row("msdnet-cifar-7", 1, "alone"),
    Row("msdnet-cifar-7", 64),
    Row("msdnet-imagenet-step4", 1),
    Row("resnet-56", 1),
    Row("resnet-56", 64),
    Row("resnet-18", 1, "last"),
]


def make(network: str, folder: Path, bench: str) -> Path:
    """The network as a checkpoint with random weights, made unless it is there."""
    path = folder / f"{network}.mexit"
    if path.exists():
        return path
    command = [bench, "--arch", network, "--classes", "100", "--turns", "--write-model", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return path


def fold(model: Model) -> Model:
    """The same network with batch norms folded into the convolutions before them: a peer need not find that by itself."""
    from mexit.onnx import _foldable

    graph = model.graph
    folded = _foldable(graph)
    norm_of = {layer: norm for norm, layer in folded.items()}
    place: Dict[int, int] = {}
    nodes: List[Node] = []
    tensors: Dict[str, numpy.ndarray] = {}
    for index, node in enumerate(graph.nodes):
        if index in folded:
            place[index] = place[folded[index]]
            continue
        place[index] = len(nodes)
        operation = node.operation
        own = {role: model.tensors[f"{node.name}.{role}"] for role, _ in graph.roles(index)}
        if index in norm_of:
            norm = graph.nodes[norm_of[index]]
            values = {role: model.tensors[f"{norm.name}.{role}"].astype(numpy.float64) for role, _ in graph.roles(norm_of[index])}
            scale = values["weight"] / numpy.sqrt(values["runningVariance"] + numpy.float32(norm.operation.epsilon))
            bias = (own.get("bias", numpy.zeros(1)).astype(numpy.float64) - values["runningMean"]) * scale + values["bias"]
            weight = own["weight"] * scale.reshape((-1,) + (1,) * (own["weight"].ndim - 1))
            own = {"weight": weight.astype(numpy.float32), "bias": bias.astype(numpy.float32)}
            operation = dataclasses.replace(operation, has_bias=True)
        tensors.update({f"{node.name}.{role}": values for role, values in own.items()})
        nodes.append(Node(node.name, node.block, tuple(place[source] for source in node.inputs), operation))
    exits = [mexit.Exit(exit.name, place[exit.logits]) for exit in graph.exits]
    return Model(Graph(nodes, exits), tensors, model.preprocessing)


def only_exit(graph: Graph, part: str) -> Optional[int]:
    """The exit of a part that has one and nothing else."""
    return {"alone": 0, "last": len(graph.exits) - 1}.get(part)


def part_of(graph: Graph, part: str) -> Tuple[List[int], List[int], int]:
    """Nodes that a row runs, values that it gives, and how many of those (the first) are logits."""
    if part == "all":
        nodes = [index for index, stage in enumerate(graph.stage_of) if stage is not None]
        return nodes, [exit.logits for exit in graph.exits], len(graph.exits)
    logits = graph.exits[0].logits
    if part == "first":
        nodes = list(stage_nodes(graph, 0))
        return nodes, [logits] + [value for value in carried_values(graph, 0) if value not in (0, logits)], 1
    exit = only_exit(graph, part)
    nodes = [index for index, stage in enumerate(graph.derive_stages([exit])) if stage is not None]
    return nodes, [graph.exits[exit].logits], 1


def macs(graph: Graph, part: str) -> int:
    return sum(graph.macs(node) for node in part_of(graph, part)[0])


def inputs(graph: Graph, batch: int, seed: int = 1) -> numpy.ndarray:
    return numpy.random.default_rng(seed).uniform(-1, 1, (batch, *graph.input_shape)).astype(numpy.float32)


def named(title: Optional[str]) -> List[Row]:
    """Rows whose title contains the text."""
    return [row for row in ROWS if title is None or title in row.title]
