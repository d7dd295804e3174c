"""Train the network of a .mexit file further, in one process or many:

    torchrun --nproc-per-node 2 -m mexit.train start.mexit trained.mexit --data photos --epochs 20

Images lie in DIR/train/<class>/ (and DIR/test/<class>/), classes in the order of their names. On GPUs it is the same command: one process per GPU.
"""
from __future__ import annotations

import argparse
import math
import os
import sys
from typing import Any, Iterator, List, Optional, Tuple

import numpy
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from . import distributed, files
from .deconfliction import METHODS, REDUCTIONS, SCOPES
from .errors import MexitError, require
from .storage import STORAGES
from .torch import MultiExitModule
from .training import ExitTrainer, StepOptions

EXTENSIONS = (".jpg", ".jpeg", ".png")


class ImageFolder:
    """Pictures of one split as bytes, [N, C, H, W] in memory, each shorter side resized and the centre cropped."""

    def __init__(self, folder: str, split: str, shape: Tuple[int, ...]) -> None:
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError("reading images needs the package pillow: pip install pillow") from error
        require(len(shape) == 3 and shape[0] in (1, 3), f"the network reads {list(shape)}; images are [1 or 3, H, W]")
        root = os.path.join(folder, split)
        self.classes = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
        paths = [
            (os.path.join(root, name, file), label) for label, name in enumerate(self.classes)
            for file in sorted(os.listdir(os.path.join(root, name))) if file.lower().endswith(EXTENSIONS)
        ]
        require(len(paths) > 0, f"{root} has no images; they lie in {root}/<class>/*.jpg or *.png")
        channels, height, width = shape
        self.pixels = torch.empty(len(paths), channels, height, width, dtype=torch.uint8)
        for index, (path, _) in enumerate(paths):
            with Image.open(path) as image:
                image = image.convert("RGB" if channels == 3 else "L")
                scale = max(height / image.height, width / image.width)
                size = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
                image = image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)
                left, top = (size[0] - width) // 2, (size[1] - height) // 2
                array = numpy.asarray(image.crop((left, top, left + width, top + height)))
            self.pixels[index] = torch.from_numpy(array.reshape(height, width, channels).transpose(2, 0, 1).copy())
        self.labels = torch.tensor([label for _, label in paths])


def batches(data: ImageFolder, size: int, generator: torch.Generator, augment: bool) -> Iterator[Tuple[Tensor, Tensor]]:
    """This process's share of every batch of an epoch: `size` samples over all processes, in an order that they all draw alike.

    Augmentation (a crop of the picture padded by an eighth, a mirror image) is drawn for the whole batch, too, so that the samples do not
    depend on how many processes there are.
    """
    rank, processes = distributed.world()
    order = torch.randperm(len(data.labels), generator=generator)
    pad = data.pixels.shape[3] // 8
    for start in range(0, len(order) - size + 1, size):
        offsets = torch.randint(0, 2 * pad + 1, (size, 2), generator=generator)
        mirrored = torch.rand(size, generator=generator) < 0.5
        mine = slice(rank * size // processes, (rank + 1) * size // processes)
        pixels = data.pixels[order[start : start + size][mine]]
        if augment:
            height, width = pixels.shape[2:]
            padded = torch.nn.functional.pad(pixels, (pad, pad, pad, pad))
            pixels = torch.stack([
                padded[i, :, y : y + height, x : x + width].flip(2) if flip else padded[i, :, y : y + height, x : x + width]
                for i, ((y, x), flip) in enumerate(zip(offsets[mine].tolist(), mirrored[mine].tolist()))
            ])
        yield pixels, data.labels[order[start : start + size][mine]]


def normalised(pixels: Tensor, model: MultiExitModule, device: torch.device) -> Tensor:
    """x = (u8 / 255 - mean) / std."""
    preprocessing = model.description.preprocessing
    mean, std = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    return (pixels.to(device).float() / 255 - mean) / std


@torch.no_grad()
def accuracy(module: MultiExitModule, data: ImageFolder, device: torch.device) -> List[float]:
    """Share of images that each exit labels right; each process takes its part."""
    rank, processes = distributed.world()
    right = [0.0] * len(module.graph.exits)
    module.eval()
    for part in torch.arange(rank, len(data.labels), processes).split(256):
        for exit, logits in enumerate(module(normalised(data.pixels[part], module, device))):
            right[exit] += float((logits.argmax(1).cpu() == data.labels[part]).sum())
    return [value / len(data.labels) for value in distributed.total(right)]


def train(options: argparse.Namespace) -> None:
    device = distributed.start(options.device)
    rank, processes = distributed.world()
    require(options.batch_size % processes == 0, f"--batch-size {options.batch_size} cannot be divided among {processes} processes")
    model = files.read(options.model)
    shape = model.graph.input_shape
    data = ImageFolder(options.data, "train", shape)
    require(len(data.classes) == model.graph.class_count, f"{options.data} has {len(data.classes)} classes; the network tells {model.graph.class_count} apart")
    require(len(data.labels) >= options.batch_size, f"{options.data} has {len(data.labels)} images; a batch needs {options.batch_size}")
    test = ImageFolder(options.data, "test", shape) if os.path.isdir(os.path.join(options.data, "test")) else None
    torch.manual_seed(options.seed)
    module = MultiExitModule(model).to(device)
    module.synchronised = processes > 1
    # Makes the weights equal at the start, and checks that they are of the same network.
    wrapped = DistributedDataParallel(module, broadcast_buffers=False) if processes > 1 else None
    trainer = ExitTrainer(module, StepOptions(options.deconflict, options.scope, options.reduction, options.strength, options.label_smoothing))
    optimiser = torch.optim.SGD(trainer.parameters, lr=options.lr, momentum=options.momentum, weight_decay=options.weight_decay, nesterov=options.momentum > 0)
    generator = torch.Generator().manual_seed(options.seed)
    steps = options.epochs * (len(data.labels) // options.batch_size)
    step = 0
    for epoch in range(options.epochs):
        module.train()
        sums, conflicts, first = [0.0] * len(module.graph.exits), 0, step
        for pixels, labels in batches(data, options.batch_size, generator, not options.no_augment):
            for group in optimiser.param_groups:
                group["lr"] = options.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            x, labels = normalised(pixels, module, device), labels.to(device)
            losses, found = trainer.backward(_forward(wrapped, module, x), labels)
            optimiser.step()
            sums, conflicts, step = [a + b for a, b in zip(sums, losses)], conflicts + found, step + 1
        means = [value / processes / max(step - first, 1) for value in distributed.total(sums)]
        line = f"epoch {epoch + 1}/{options.epochs}  loss " + " ".join(f"{value:.4f}" for value in means) + f"  conflicts {conflicts}"
        if test is not None:
            line += "  test " + " ".join(f"{100 * value:.2f}" for value in accuracy(module, test, device))
        if rank == 0:
            print(line, file=sys.stderr, flush=True)
    if rank == 0:
        files.write(module.to_model(), options.out, storage=options.store)
        print(options.out)


def _forward(wrapped: Optional[Any], module: MultiExitModule, x: Tensor) -> List[Tensor]:
    if wrapped is None:
        return module(x)
    # Its hooks would add up the gradients of all exits; they are needed one by one.
    with wrapped.no_sync():
        return wrapped(x)


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit codes: 0 done, 1 failed, 2 usage (argparse's)."""
    parser = argparse.ArgumentParser(prog="python -m mexit.train", description="Train the network of a .mexit file further, in one process or many (torchrun).")
    parser.add_argument("model", metavar="MODEL", help="the .mexit file to start from: trained, or imported with from-onnx")
    parser.add_argument("out", metavar="OUT", help="the .mexit file to write at the end")
    parser.add_argument("--data", required=True, metavar="DIR", help="images in DIR/train/<class>/ and, to measure, DIR/test/<class>/")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64, help="over all processes (default: 64)")
    parser.add_argument("--lr", type=float, default=0.1, help="at the start; a cosine to 0 (default: 0.1)")
    parser.add_argument("--momentum", type=float, default=0.9, help="in Nesterov's form (default: 0.9)")
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--deconflict", choices=METHODS, default="project")
    parser.add_argument("--scope", choices=SCOPES, default="tensor")
    parser.add_argument("--reduction", choices=REDUCTIONS, default="sum")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--no-augment", action="store_true", help="neither crop nor mirror the images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--store", choices=STORAGES, default="f32", help="precision of the weights in the file (default: f32)")
    options = parser.parse_args(arguments)
    try:
        train(options)
    except (MexitError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
