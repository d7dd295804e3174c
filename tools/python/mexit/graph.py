"""The graph of a network: nodes, exits, stages and parameters."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from .errors import MexitError, require
from .operations import KIND_OF, BatchNorm, Conv2d, Input, Linear, Operation
from .shapes import Shape, output_shape
from .texts import check_name, identity


MAX_NODES, MAX_EXITS, MAX_MACS = 1 << 16, 1 << 10, 1 << 50
# Values that all nodes together read, and values alive behind a stage, summed over the stages.
MAX_EDGES, MAX_CARRIED = 1 << 18, 1 << 20


@dataclass(frozen=True)
class Node:
    """One operation; `inputs` are indices of earlier nodes."""

    name: str
    block: str
    inputs: Tuple[int, ...]
    operation: Operation

    @property
    def kind(self) -> str:
        """Name of the operation, as in mexit.proto."""
        return KIND_OF[type(self.operation)]


@dataclass(frozen=True)
class Exit:
    """A classifier: `logits` is the index of the node that gives its logits."""

    name: str
    logits: int


@dataclass(frozen=True)
class Parameter:
    """A tensor that a node needs; `stage` is the number of exits where no exit needs it."""

    name: str
    node: int
    role: str
    shape: Shape
    stage: int


class Graph:
    """Checked when made: a graph that exists has valid nodes, shapes and exits.

    `shapes[i]` is the shape of node i's value for one sample. Raises `MexitError` naming the node.
    """

    def __init__(self, nodes: Sequence[Node], exits: Sequence[Exit]) -> None:
        self.nodes: Tuple[Node, ...] = tuple(nodes)
        self.exits: Tuple[Exit, ...] = tuple(exits)
        self.shapes: Tuple[Shape, ...] = tuple(self._infer_shapes())
        self._check_exits()
        macs = sum(map(self.macs, range(len(self.nodes))))
        require(macs <= MAX_MACS, f"graph needs {macs} multiply-adds; at most 2^50")
        self.stage_of: Tuple[Optional[int], ...] = tuple(self.derive_stages(range(len(self.exits))))
        carried = self._carried()
        require(carried <= MAX_CARRIED, f"values are carried over borders of stages {carried} times; at most {MAX_CARRIED}: use fewer exits")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and (self.nodes, self.exits) == (other.nodes, other.exits)

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample."""
        return self.shapes[0]

    @property
    def class_count(self) -> int:
        """Length of every exit's logits."""
        return self.shapes[self.exits[0].logits][0]

    def _infer_shapes(self) -> List[Shape]:
        require(1 <= len(self.nodes) <= MAX_NODES, f"graph has {len(self.nodes)} nodes; must have 1 to {MAX_NODES}")
        edges = sum(len(node.inputs) for node in self.nodes)
        require(edges <= MAX_EDGES, f"the nodes read {edges} values in all; at most {MAX_EDGES}")
        shapes: List[Shape] = []
        names: Dict[str, int] = {}
        for index, node in enumerate(self.nodes):
            where = f"node {index} '{node.name}'"
            check_name(node.name, f"name of node {index}")
            check_name(node.block, f"block of {where}")
            key = identity(node.name)
            require(key not in names, f"{where}: node {names.get(key)} has this name too; names must be unique")
            names[key] = index
            is_input = isinstance(node.operation, Input)
            require(is_input == (index == 0), f"{where}: operation {node.kind}; node 0, and no other, must be the input")
            for position, source in enumerate(node.inputs):
                require(0 <= source < index, f"{where}: input {position} is node {source}; it must be an earlier node")
            try:
                shapes.append(output_shape(node.operation, [shapes[source] for source in node.inputs]))
            except MexitError as error:
                raise MexitError(f"{where}, {node.kind}: {error}") from None
        return shapes

    def _check_exits(self) -> None:
        require(1 <= len(self.exits) <= MAX_EXITS, f"graph has {len(self.exits)} exits; must have 1 to {MAX_EXITS}")
        names, logits = set(), set()
        for index, exit in enumerate(self.exits):
            check_name(exit.name, f"name of exit {index}")
            where = f"exit {index} '{exit.name}'"
            require(identity(exit.name) not in names, f"{where}: an earlier exit has this name; names must be unique")
            names.add(identity(exit.name))
            require(0 <= exit.logits < len(self.nodes), f"{where}: logits are node {exit.logits}; must be 0 to {len(self.nodes) - 1}")
            require(exit.logits not in logits, f"{where}: logits are node {exit.logits}, as for an earlier exit; each has its own")
            logits.add(exit.logits)
            shape = self.shapes[exit.logits]
            require(len(shape) == 1, f"{where}: logits have shape {list(shape)}; must be [classes]")
            first = self.shapes[self.exits[0].logits]
            require(shape == first, f"{where}: {shape[0]} classes; exit 0 has {first[0]}")

    def _carried(self) -> int:
        last = [-1] * len(self.nodes)
        for node, stage in zip(self.nodes, self.stage_of):
            if stage is not None:
                for source in node.inputs:
                    last[source] = max(last[source], stage)
        return sum(max(0, reader - (stage or 0)) for reader, stage in zip(last, self.stage_of))

    def derive_stages(self, exits: Sequence[int]) -> List[Optional[int]]:
        """Stage of each node in a plan for these exits: position of the first that reaches it walking back from its
        logits; `None` for the input and for what no exit reaches. Cost: one visit per edge."""
        stages: List[Optional[int]] = [None] * len(self.nodes)
        for stage, exit in enumerate(exits):
            stack = [self.exits[exit].logits]
            while stack:
                node = stack.pop()
                if node != 0 and stages[node] is None:
                    stages[node] = stage
                    stack.extend(self.nodes[node].inputs)
        return stages

    def parameters(self) -> List[Parameter]:
        """What the graph needs, in the order of the file: by stage, then node, then role."""
        found: List[Parameter] = []
        for index, node in enumerate(self.nodes):
            stage = self.stage_of[index]
            for role, shape in self.roles(index):
                found.append(Parameter(f"{node.name}.{role}", index, role, shape, len(self.exits) if stage is None else stage))
        return sorted(found, key=lambda parameter: parameter.stage)  # stable

    def roles(self, index: int) -> List[Tuple[str, Shape]]:
        """The tensors of one node: role and shape."""
        node = self.nodes[index]
        operation = node.operation
        if isinstance(operation, Conv2d):
            channels = self.shapes[node.inputs[0]][0]
            weight: Shape = (operation.out_channels, channels // operation.groups, operation.kernel_height, operation.kernel_width)
            return [("weight", weight)] + ([("bias", weight[:1])] if operation.has_bias else [])
        if isinstance(operation, Linear):
            weight = (operation.out_features, self.shapes[node.inputs[0]][0])
            return [("weight", weight)] + ([("bias", weight[:1])] if operation.has_bias else [])
        if isinstance(operation, BatchNorm):
            shape = self.shapes[index][:1]
            return [(role, shape) for role in ("weight", "bias", "runningMean", "runningVariance")]
        return []

    def macs(self, index: int) -> int:
        """Multiply-adds of one node for one sample: convolutions and linear layers, bias not counted."""
        roles = dict(self.roles(index))
        operation = self.nodes[index].operation
        if isinstance(operation, Conv2d):
            _, height, width = self.shapes[index]
            return _product(roles["weight"]) * height * width
        return _product(roles["weight"]) if isinstance(operation, Linear) else 0


def _product(shape: Sequence[int]) -> int:
    result = 1
    for dim in shape:
        result *= dim
    return result
