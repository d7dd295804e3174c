"""Makes graphs from Python, node by node."""
from __future__ import annotations

from typing import List, Sequence

import numpy

from .graph import Exit, Graph, Node
from .model import Model, Preprocessing
from .operations import Input, Operation


class GraphBuilder:
    """Adds nodes in order; each call gives the node's index.

    >>> builder = GraphBuilder((3, 32, 32))
    >>> stem = builder.add("stem", Conv2d(16, 3, 3, padding=1), [0])
    """

    def __init__(self, dims: Sequence[int], name: str = "input") -> None:
        self._nodes: List[Node] = [Node(name, name, (), Input(tuple(dims)))]
        self._exits: List[Exit] = []

    def add(self, name: str, operation: Operation, inputs: Sequence[int], block: str = "") -> int:
        """Append a node; its block is the first part of its name unless given."""
        self._nodes.append(Node(name, block or name.split(".")[0], tuple(inputs), operation))
        return len(self._nodes) - 1

    def exit(self, logits: int, name: str = "") -> int:
        """Declare node `logits` an exit; exits are `exit0`, `exit1`, ... unless named."""
        self._exits.append(Exit(name or f"exit{len(self._exits)}", logits))
        return len(self._exits) - 1

    def build(self) -> Graph:
        """The graph. Raises `MexitError` naming the node that does not fit."""
        return Graph(self._nodes, self._exits)


def random_model(graph: Graph, seed: int = 0) -> Model:
    """A model with He-normal weights, and batch norms that differ from the identity. For tests."""
    random = numpy.random.default_rng(seed)
    tensors = {}
    for parameter in graph.parameters():
        shape = parameter.shape
        if parameter.role == "runningVariance":
            values = random.uniform(0.5, 2.0, shape)
        elif len(shape) == 1:
            values = random.normal(1.0 if parameter.role == "weight" else 0.0, 0.2, shape)
        else:
            values = random.normal(0.0, (2.0 / numpy.prod(shape[1:])) ** 0.5, shape)
        tensors[parameter.name] = values.astype(numpy.float32)
    channels = graph.input_shape[0]
    return Model(graph, tensors, Preprocessing([0.0] * channels, [1.0] * channels))
