"""Multi-exit networks written in PyTorch as people write them, with weights as after some training."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import List

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))


def msdnet() -> nn.Module:
    """MSDNet with three scales and five exits, from tools/fixtures, which was written after the paper."""
    import msdnet_module

    return msdnet_module.tiny(10)


class Block(nn.Module):
    """A basic residual block."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """ResNet for 32 x 32 images with an exit behind each of its three parts, each with another kind of head."""

    def __init__(self, classes: int = 10, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.part1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.part2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.part3 = nn.Sequential(Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1))
        self.head1 = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * width, classes))
        self.head2 = nn.Linear(2 * width, classes)
        self.head3 = nn.Sequential(nn.Dropout(0.5), nn.Linear(4 * width, 32), nn.BatchNorm1d(32), nn.Hardswish(), nn.Linear(32, classes, bias=False))

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        x = self.part1(self.stem(x))
        first = self.head1(x)
        x = self.part2(x)
        second = self.head2(functional.avg_pool2d(x, 16).view(x.size(0), -1))
        x = self.part3(x)
        return [first, second, self.head3(x.mean([2, 3]))]


class Mixed(nn.Module):
    """Everything else that can be imported: activation functions, pools, pads, upsampling, groups, sums of layers, constants."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.pad = nn.ZeroPad2d(1)
        self.padded = nn.Conv2d(8, 8, 3, groups=4, bias=False)
        self.dilated = nn.Conv2d(8, 8, (3, 1), padding=0, dilation=2)
        self.matrix = nn.Parameter(torch.randn(8, 5) * 0.3)
        self.offset = nn.Parameter(torch.randn(5))
        self.scale = nn.Parameter(torch.rand(1, 8, 1, 1) + 0.5)
        self.norm = nn.BatchNorm2d(16)
        self.last = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> List[torch.Tensor]:
        x = (x - 0.25) / 0.5
        x = functional.relu6(self.conv(x))
        first = functional.adaptive_avg_pool2d(functional.silu(x), 1).squeeze(-1).squeeze(-1) @ self.matrix + self.offset
        y = functional.gelu(self.padded(self.pad(x)) * self.scale)
        y = functional.leaky_relu(y, 0.2) + functional.hardswish(x)
        y = functional.interpolate(functional.max_pool2d(y, 2), scale_factor=2, mode="nearest")
        y = functional.interpolate(functional.interpolate(y, size=(7, 12), mode="bilinear", align_corners=True), size=(16, 16), mode="bilinear")
        y = functional.avg_pool2d(y, 3, 1, 1) + functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        y = self.norm(torch.cat([torch.tanh(y), torch.sigmoid(functional.max_pool2d(x, 3, 1, 1))], dim=1))
        return [first, self.last(torch.flatten(functional.adaptive_avg_pool2d(y, (1, 1)), 1))]


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection (Sandler et al., MobileNetV2, CVPR 2018)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        wide = 4 * inputs
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True),
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.use_shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.use_shortcut else self.conv(x)


class MobileNet(nn.Module):
    """MobileNetV2 in the way of torchvision, with an exit in its middle and a tuple of logits."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features1 = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True), InvertedResidual(8, 12, 2), InvertedResidual(12, 12, 1))
        self.exit1 = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Dropout(0.2), nn.Linear(12, classes))
        self.features2 = nn.Sequential(InvertedResidual(12, 16, 2), InvertedResidual(16, 16, 1), nn.Conv2d(16, 32, 1), nn.Hardswish())
        self.classifier = nn.Sequential(nn.Linear(32, 24), nn.Sigmoid(), nn.Dropout(0.2), nn.Linear(24, classes))

    def forward(self, x: torch.Tensor) -> "tuple[torch.Tensor, torch.Tensor]":
        x = self.features1(x)
        first = self.exit1(x)
        x = functional.adaptive_avg_pool2d(self.features2(x), 1)
        return first, self.classifier(torch.flatten(x, 1))


def trained(module: nn.Module, steps: int = 12) -> nn.Module:
    """The module after some steps on classes that can be told apart by colour: running statistics and weights are no longer those of the start."""
    torch.manual_seed(1)
    module.train()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        labels = torch.randint(0, 3, (16,))
        x = torch.randn(16, 3, 32, 32) * 0.3
        x[torch.arange(16), labels] += 1
        loss = sum(functional.cross_entropy(logits, labels) for logits in module(x))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimiser.step()
    return module.eval()


def shaken(module: nn.Module) -> nn.Module:
    """The module with random weights, and batch norms that differ from the identity."""
    torch.manual_seed(2)
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.2)
            nn.init.normal_(layer.running_mean, 0, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return module.eval()
