"""Several processes as one: what has to be the same as in one process with the whole batch.

Gradients are averaged over the processes exit by exit, before they are combined: projecting is not linear, so combining first would
give another result. Batch norms take their statistics over all processes. Works with every backend of torch.distributed.
"""
from __future__ import annotations

import os
from typing import Any, Dict, List, Sequence, Tuple

import torch
import torch.distributed as dist
from torch import Tensor


def start(device: str = "auto") -> torch.device:
    """Join the processes that `torchrun` started: NCCL with one GPU each where there are any, else gloo. Without `torchrun`, one process."""
    local = int(os.environ.get("LOCAL_RANK", "0"))
    use_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if use_gpu:
        torch.cuda.set_device(local)
    if "RANK" in os.environ:
        dist.init_process_group("nccl" if use_gpu else "gloo")
    return torch.device("cuda", local) if use_gpu else torch.device("cpu")


def world() -> Tuple[int, int]:
    """This process's number, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def average(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by its mean over the processes; one message for all of them."""
    _, processes = world()
    if processes == 1 or not tensors:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    flat /= processes
    for tensor, values in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
        tensor.copy_(values.view_as(tensor))


class _Sum(torch.autograd.Function):
    """The sum over the processes. Every process's loss depends on every process's term, so gradients are summed, too."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def batch_norm(x: Tensor, statistics: Dict[str, Tensor], momentum: float, epsilon: float) -> Tensor:
    """Batch norm in training mode over the samples of all processes, which have as many each.

    `statistics`: weight, bias, runningMean, runningVariance; the last two follow. Two sums are exchanged, the second around the mean: one
    pass over squares would lose the variance of channels far from zero.
    """
    _, processes = world()
    axes = [axis for axis in range(x.dim()) if axis != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    count = x.numel() // x.shape[1] * processes
    mean = _Sum.apply(x.sum(axes)) / count
    centred = x - mean.view(shape)
    variance = _Sum.apply((centred * centred).sum(axes)) / count
    with torch.no_grad():
        unbiased = variance * (count / max(count - 1, 1))
        statistics["runningMean"].lerp_(mean.detach(), momentum)
        statistics["runningVariance"].lerp_(unbiased.detach(), momentum)
    scale = statistics["weight"] * torch.rsqrt(variance + epsilon)
    return centred * scale.view(shape) + statistics["bias"].view(shape)


def total(values: List[float]) -> List[float]:
    """Each number's sum over the processes."""
    _, processes = world()
    if processes == 1:
        return values
    numbers = torch.tensor(values, dtype=torch.float64, device="cuda" if dist.get_backend() == "nccl" else "cpu")
    dist.all_reduce(numbers)
    return numbers.tolist()
