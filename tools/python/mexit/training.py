"""One step of training a multi-exit module: per-exit gradients, averaged over processes, deconflicted, stepped."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

import torch
from torch import Tensor
from torch.nn import functional

from . import distributed
from .deconfliction import combine, reach
from .torch import MultiExitModule


@dataclass(frozen=True)
class StepOptions:
    """How the gradients become one; see `combine`."""

    method: str = "project"
    scope: str = "tensor"
    reduction: str = "sum"
    strength: float = 1.0
    label_smoothing: float = 0.0


class ExitTrainer:
    """Trains a module with any optimiser of torch that reads `parameter.grad`.

    In several processes the module may be wrapped in `DistributedDataParallel` (it makes the weights equal at the start); gradients are
    averaged here, exit by exit, not by its hooks.
    """

    def __init__(self, module: MultiExitModule, options: StepOptions = StepOptions()) -> None:
        self.module = module
        self.options = options
        graph = module.graph
        exits = reach(graph)
        parameters = dict(module.named_parameters())
        owners = {parameter.name: parameter.node for parameter in graph.parameters()}
        # What no exit reaches has no gradient.
        self.names = [name for name in parameters if exits[owners[name]]]
        self.parameters = [parameters[name] for name in self.names]
        self.reach = [exits[owners[name]] for name in self.names]
        self.blocks = [graph.nodes[owners[name]].block for name in self.names]

    def gradients(self, losses: List[Tensor]) -> List[Dict[int, Tensor]]:
        """Per parameter, the gradient of each exit's loss that reaches it, averaged over the processes. One sweep back per exit."""
        found: List[Dict[int, Tensor]] = [{} for _ in self.parameters]
        for exit, loss in enumerate(losses):
            reached = [t for t, exits in enumerate(self.reach) if exit in exits]
            values = torch.autograd.grad(loss, [self.parameters[t] for t in reached], retain_graph=exit + 1 < len(losses))
            distributed.average(values)
            for t, gradient in zip(reached, values):
                found[t][exit] = gradient
        return found

    def backward(self, logits: List[Tensor], labels: Tensor) -> Tuple[List[float], int]:
        """Set every parameter's `grad`. Returns the loss of each exit in this process, and the conflicts found."""
        losses = [functional.cross_entropy(values, labels, label_smoothing=self.options.label_smoothing) for values in logits]
        options = self.options
        combined, conflicts = combine(self.gradients(losses), self.blocks, options.method, options.scope, options.reduction, options.strength)
        for parameter, gradient in zip(self.parameters, combined):
            parameter.grad = gradient
        return [float(loss.detach()) for loss in losses], conflicts
