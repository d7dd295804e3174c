"""What passes between stages."""
from __future__ import annotations

from typing import List, Tuple

from .graph import Graph


def carried_values(graph: Graph, stage: int) -> List[int]:
    """Nodes of `stage` that later stages read, ascending."""
    later = _read_by(graph, range(stage + 1, len(graph.exits)))
    return [index for index in later if graph.stage_of[index] == stage]


def stage_inputs(graph: Graph, stage: int) -> List[int]:
    """Nodes outside `stage` that it reads, ascending: 0 is the input, the others are carried by earlier stages."""
    return [index for index in _read_by(graph, [stage]) if graph.stage_of[index] != stage]


def stage_nodes(graph: Graph, stage: int) -> Tuple[int, ...]:
    """Nodes of `stage`, ascending."""
    return tuple(index for index, owner in enumerate(graph.stage_of) if owner == stage)


def _read_by(graph: Graph, stages: "range | List[int]") -> List[int]:
    return sorted({source for stage in stages for index in stage_nodes(graph, stage) for source in graph.nodes[index].inputs})
