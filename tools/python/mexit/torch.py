"""A .mexit file as a `torch.nn.Module`, and back. Needs the `torch` package.

Parameters and buffers have the names of the file's tensors, so `module.state_dict()` has the same keys as `Model.tensors`.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
except ImportError as error:
    raise ImportError("mexit.torch needs the package torch: pip install torch") from error

from . import distributed, files
from .errors import MexitError, require
from .files import Path
from .graph import Graph
from .model import Model
from .operations import (
    Activation, Add, AveragePool, BatchNorm, Concat, Conv2d, Flatten, GlobalAveragePool, Linear, MaxPool, Operation, Resize, Upsample,
)

BATCH_NORM_MOMENTUM = 0.1


def load(path: Path) -> "MultiExitModule":
    """The network of a file, in evaluation mode. Raises `MexitError` or `OSError`."""
    return MultiExitModule(files.read(path)).eval()


def save(module: "MultiExitModule", path: Path) -> None:
    """Write the module's weights, with the graph and the description it was made from. Raises `MexitError` or `OSError`."""
    files.write(module.to_model(), path)


class MultiExitModule(nn.Module):
    """Runs a model's graph on normalised inputs, [N, C, H, W] or [N, K].

    Calling it gives the logits [N, classes] of every exit; `exits` chooses some, and runs only what they need; `anytime`
    gives them one by one, each stage when it is asked for. Batch norms follow `train()` and `eval()` as torch's do.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        model.check()
        self.description = replace(model, tensors={})
        # Whether batch norms in training mode take their statistics over all processes (torch.distributed).
        self.synchronised = False
        graph = model.graph
        layers: Dict[int, nn.Module] = {}
        for index, node in enumerate(graph.nodes):
            roles = [role for role, _ in graph.roles(index)]
            if roles:
                layers[index] = self._layer(node.name)
                for role in roles:
                    _register(layers[index], node.name, role, model.tensors[f"{node.name}.{role}"])
        self._layers = layers  # a plain dictionary: torch knows these modules by name already

    def forward(self, x: Tensor, exits: Optional[Sequence[int]] = None) -> List[Tensor]:
        """Logits of these exits, all unless given, in this order."""
        chosen = list(range(len(self.graph.exits))) if exits is None else list(exits)
        require(all(0 <= exit < len(self.graph.exits) for exit in chosen), f"exits {chosen}; the model has {len(self.graph.exits)}, from 0")
        values = {0: self._checked(x)}
        self._run(values, [index for index, stage in enumerate(self.graph.derive_stages(chosen)) if stage is not None])
        return [values[self.graph.exits[exit].logits] for exit in chosen]

    def anytime(self, x: Tensor) -> Iterator[Tensor]:
        """Logits exit by exit; what follows is not computed until it is asked for."""
        values = {0: self._checked(x)}
        for stage, exit in enumerate(self.graph.exits):
            self._run(values, [index for index, owner in enumerate(self.graph.stage_of) if owner == stage])
            yield values[exit.logits]

    def to_model(self) -> Model:
        """The model with copies of this module's weights."""
        return replace(self.description, tensors={name: _array(values) for name, values in self.state_dict().items()})

    @property
    def graph(self) -> Graph:
        """The graph that it runs."""
        return self.description.graph

    def _checked(self, x: Tensor) -> Tensor:
        wanted = self.graph.input_shape
        require(tuple(x.shape[1:]) == wanted, f"input has shape {list(x.shape)}; must be [N, {', '.join(map(str, wanted))}]")
        return x

    def _run(self, values: Dict[int, Tensor], nodes: Sequence[int]) -> None:
        for index in nodes:
            node = self.graph.nodes[index]
            values[index] = _apply(node.operation, [values[source] for source in node.inputs], self._layers.get(index), self.training, self.synchronised)

    def _layer(self, name: str) -> nn.Module:
        """The module at a dotted path, made as needed."""
        module: nn.Module = self
        for part in name.split("."):
            require(part not in module._parameters and part not in module._buffers, f"node '{name}' has the name of another node's tensor")
            # Not `add_module`, which refuses names that are also attributes of modules, such as "type".
            module = module._modules.setdefault(part, nn.Module())  # type: ignore[assignment]  # none of ours is None
        return module


def _register(layer: nn.Module, node: str, role: str, values: numpy.ndarray) -> None:
    require(role not in layer._modules, f"tensor '{node}.{role}' has the name of a node")
    tensor = torch.from_numpy(values.copy())
    if role.startswith("running"):
        layer._buffers[role] = tensor
    else:
        layer._parameters[role] = nn.Parameter(tensor)


def _array(values: Tensor) -> numpy.ndarray:
    return values.detach().cpu().contiguous().numpy().copy()


def _apply(operation: Operation, inputs: List[Tensor], layer: Optional[nn.Module], training: bool, synchronised: bool) -> Tensor:
    x = inputs[0]
    tensors: Dict[str, Any] = {} if layer is None else {**layer._parameters, **layer._buffers}
    if isinstance(operation, Conv2d):
        return functional.conv2d(
            x, tensors["weight"], tensors.get("bias"), operation.stride, operation.padding, operation.dilation, operation.groups
        )
    if isinstance(operation, Linear):
        return functional.linear(x, tensors["weight"], tensors.get("bias"))
    if isinstance(operation, BatchNorm) and training and synchronised:
        return distributed.batch_norm(x, tensors, BATCH_NORM_MOMENTUM, operation.epsilon)
    if isinstance(operation, BatchNorm):
        statistics = (tensors["runningMean"], tensors["runningVariance"])
        return functional.batch_norm(x, *statistics, tensors["weight"], tensors["bias"], training, BATCH_NORM_MOMENTUM, operation.epsilon)
    if isinstance(operation, Activation):
        return _ACTIVATIONS[operation.function](x, operation.slope)
    if isinstance(operation, Add):
        return sum(inputs[1:], x)
    if isinstance(operation, Concat):
        return torch.cat(inputs, dim=1)
    if isinstance(operation, MaxPool):
        return functional.max_pool2d(x, operation.kernel, operation.stride, operation.padding)
    if isinstance(operation, AveragePool):
        return functional.avg_pool2d(
            x, operation.kernel, operation.stride, operation.padding, count_include_pad=operation.count_includes_padding
        )
    if isinstance(operation, GlobalAveragePool):
        return x.mean(dim=(2, 3), keepdim=True)
    if isinstance(operation, Flatten):
        return x.flatten(1)
    if isinstance(operation, Upsample):
        return functional.interpolate(x, scale_factor=operation.factor, mode="nearest")
    if isinstance(operation, Resize):
        return functional.interpolate(x, size=(operation.height, operation.width), mode="bilinear", align_corners=operation.align_corners)
    raise MexitError(f"cannot run {operation!r} in torch")


_ACTIVATIONS = {
    "relu": lambda x, _: functional.relu(x),
    "relu6": lambda x, _: functional.relu6(x),
    "leaky_relu": functional.leaky_relu,
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "tanh": lambda x, _: torch.tanh(x),
    "silu": lambda x, _: functional.silu(x),
    "hard_swish": lambda x, _: functional.hardswish(x),
    "gelu": lambda x, _: functional.gelu(x),
}
