"""Gradient deconfliction in PyTorch: the gradients of several exits on the weights they share become one.

Wang & Li, Gradient Deconfliction-Based Training For Multi-Exit Architectures, ICIP 2020, as in docs/training.md:

    out_i = g_i - s * sum over j with <g_i, g_j> < 0 of (<g_i, g_j> / |g_j|^2) g_j        G = sum over i of out_i

Collected by gradient, G is a linear combination of the g_k, so all that is needed is the matrix of their inner products.
"""
from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Tuple

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise ImportError("mexit.deconfliction needs the package torch: pip install torch") from error

from .errors import require
from .graph import Graph

METHODS = ("none", "project")
SCOPES = ("tensor", "block", "network")
REDUCTIONS = ("sum", "mean")
# A gradient whose square is smaller has no direction left in single precision.
_SMALLEST_SQUARE = 2.0**-126

# Gradients of one tensor by the exits that reach it.
TensorGradients = Mapping[int, Tensor]


def combine(
    gradients: Sequence[TensorGradients], blocks: Sequence[str], method: str = "project", scope: str = "tensor", reduction: str = "sum",
    strength: float = 1.0,
) -> Tuple[List[Tensor], int]:
    """One gradient per tensor, and how many ordered pairs of exits conflict.

    `gradients[t][k]`: the gradient of exit k's loss for tensor t, for the exits that reach it; `blocks[t]`: the block of the tensor's node.
    `scope`: what one gradient vector is; `network` is all tensors that at least two exits reach. `reduction`: `mean` divides by the
    number of exits that reach the tensor. Raises `MexitError` for an unknown option. Inner products are taken in double precision.
    """
    for value, known, name in [(method, METHODS, "method"), (scope, SCOPES, "scope"), (reduction, REDUCTIONS, "reduction")]:
        require(value in known, f"{name} '{value}' is not known; {', '.join(known)} are")
    require(strength >= 0, f"strength is {strength}; must be at least 0")
    stacks = [torch.stack([gradient.reshape(-1) for _, gradient in sorted(tensor.items())]) for tensor in gradients]
    results: List[Tensor] = [stack[0] for stack in stacks]
    conflicts = 0
    for members in _groups(gradients, blocks, scope):
        exits = sorted({exit for t in members for exit in gradients[t]})
        gram = torch.zeros(len(exits), len(exits), dtype=torch.float64, device=stacks[members[0]].device)
        rows = {t: torch.tensor([exits.index(exit) for exit in sorted(gradients[t])], device=gram.device) for t in members}
        for t in members:
            values = stacks[t].double()
            gram[rows[t][:, None], rows[t]] += values @ values.T
        coefficients, found = _project(gram, strength) if method == "project" else (torch.ones(len(exits), dtype=gram.dtype, device=gram.device), 0)
        conflicts += found
        for t in members:
            factor = 1 / len(gradients[t]) if reduction == "mean" else 1.0
            weights = (coefficients[rows[t]] * factor).to(stacks[t].dtype)
            shape = next(iter(gradients[t].values())).shape
            results[t] = (weights @ stacks[t]).reshape(shape)
    return results, conflicts


def _project(gram: Tensor, strength: float) -> Tuple[Tensor, int]:
    """c_k = 1 - s * sum over i with <g_i, g_k> < 0 of <g_i, g_k> / |g_k|^2."""
    squares = gram.diagonal()
    has_direction = squares >= _SMALLEST_SQUARE
    negative = gram.clamp(max=0) * has_direction[:, None] * has_direction
    conflicts = int((negative < 0).sum())
    return 1 - strength * negative.sum(dim=0) / torch.where(has_direction, squares, torch.ones_like(squares)), conflicts


def _groups(gradients: Sequence[TensorGradients], blocks: Sequence[str], scope: str) -> List[List[int]]:
    """Tensors whose inner products add up."""
    groups: Dict[str, List[int]] = {}
    for t, tensor in enumerate(gradients):
        shared = {"tensor": str(t), "block": f"block {blocks[t]}", "network": "shared" if len(tensor) > 1 else str(t)}
        groups.setdefault(shared[scope], []).append(t)
    return list(groups.values())


def reach(graph: Graph) -> Dict[int, List[int]]:
    """Node index to the exits that need it, ascending. Cost: exits x edges."""
    found: Dict[int, List[int]] = {index: [] for index in range(len(graph.nodes))}
    for exit in range(len(graph.exits)):
        for index, stage in enumerate(graph.derive_stages([exit])):
            if stage is not None:
                found[index].append(exit)
    return found
