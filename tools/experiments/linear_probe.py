#!/usr/bin/env python3
"""What a linear classifier of the pixels reaches: the floor under the networks of models/README.md.

    tools/experiments/linear_probe.py FOLDER        (images as FOLDER/{train,test}/<class>/*.jpg; needs torch and Pillow)

Softmax regression on normalised pixels by Adam; weight decay and epoch are chosen on 5,000 training images that are held out.
"""
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image


def read(folder):
    classes = sorted(p for p in folder.iterdir() if p.is_dir())
    files = [(f, label) for label, c in enumerate(classes) for f in sorted(c.iterdir())]
    pixels = numpy.stack([numpy.asarray(Image.open(f).convert("RGB")) for f, _ in files])
    return torch.tensor(pixels.reshape(len(files), -1)).float(), torch.tensor([label for _, label in files]), len(classes)


def accuracy(model, images, labels):
    with torch.no_grad():
        return 100 * (model(images).argmax(1) == labels).double().mean().item()


def train(images, labels, held, rest, classes, decay, epochs=30):
    """The best validation accuracy and the weights that have it."""
    torch.manual_seed(1)
    model = torch.nn.Linear(images.shape[1], classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=decay)
    best = (0.0, None)
    for _ in range(epochs):
        for batch in rest[torch.randperm(len(rest))].split(256):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        found = accuracy(model, images[held], labels[held])
        if found > best[0]:
            best = (found, {k: v.clone() for k, v in model.state_dict().items()})
    return best


def main():
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "train").is_dir():
        sys.exit("usage: linear_probe.py FOLDER   (FOLDER/train/<class>/*.jpg and FOLDER/test/<class>/*.jpg)")
    root = Path(sys.argv[1])
    (images, labels, classes), (test, test_labels, _) = read(root / "train"), read(root / "test")
    mean, std = images.mean(0), images.std(0)
    images, test = (images - mean) / std, (test - mean) / std
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    held, rest = order[:5000], order[5000:]
    runs = {decay: train(images, labels, held, rest, classes, decay) for decay in (0.0, 0.1, 1.0)}
    decay, (validation, weights) = max(runs.items(), key=lambda run: run[1][0])
    model = torch.nn.Linear(images.shape[1], classes)
    model.load_state_dict(weights)
    print(f"weight decay {decay}: validation {validation:.2f} %, test {accuracy(model, test, test_labels):.2f} %")


if __name__ == "__main__":
    main()
