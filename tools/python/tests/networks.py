"""Small graphs that between them use every operation."""
from __future__ import annotations

from mexit import GraphBuilder, Model, Policy, Preprocessing, Provenance
from mexit.builder import random_model
from mexit.operations import (
    ACTIVATIONS, Activation, Add, AveragePool, BatchNorm, Concat, Conv2d, Flatten, GlobalAveragePool, Linear, MaxPool, Resize, Upsample,
)


def mixed_model() -> Model:
    """Every operation and activation function; three exits; values carried over one and two stages; a node that no exit reads."""
    net = GraphBuilder((3, 11, 9))
    stem = net.add("stem.conv", Conv2d(8, 3, 3, padding=1), [0])
    norm = net.add("stem.norm", BatchNorm(1e-3), [stem])
    fine = net.add("stem.relu", Activation("relu"), [norm])
    pooled = net.add("stem.pool", MaxPool(3, 2, padding=1), [fine])
    net.add("unused.conv", Conv2d(2, 1, 1, has_bias=True), [fine])
    head = net.add("head0.gap", GlobalAveragePool(), [pooled])
    head = net.add("head0.flatten", Flatten(), [head])
    head = net.add("head0.norm", BatchNorm(), [head])
    net.exit(net.add("head0.linear", Linear(5), [head]))

    wide = net.add("body.grouped", Conv2d(12, 3, 2, stride=2, padding=1, dilation=2, groups=4, has_bias=True), [fine])
    wide = net.add("body.grouped.norm", BatchNorm(), [wide])
    up = net.add("body.up", Upsample(2), [wide])
    for function in ACTIVATIONS:
        up = net.add(f"body.{function}", Activation(function, 0.1 if function == "leaky_relu" else 0.0), [up])
    up = net.add("body.average", AveragePool(3, 2, padding=1), [up])
    up = net.add("body.average2", AveragePool(2, 1, padding=1, count_includes_padding=True), [up])
    up = net.add("body.mix", Conv2d(8, 2, 2), [up])
    flat = net.add("head1.flatten", Flatten(), [up])
    flat = net.add("head1.linear", Linear(6, has_bias=False), [flat])
    flat = net.add("head1.norm", BatchNorm(), [flat])
    flat = net.add("head1.tanh", Activation("tanh"), [flat])
    net.exit(net.add("head1.out", Linear(5), [flat]), name="middle")

    more = net.add("tail.conv", Conv2d(8, 1, 1), [fine])
    more = net.add("tail.add", Add(), [more, fine, norm])
    more = net.add("tail.concat", Concat(), [fine, more])
    more = net.add("tail.norm", BatchNorm(), [more])
    gap = net.add("tail.gap", GlobalAveragePool(), [more])
    gap = net.add("tail.flatten", Flatten(), [gap])
    both = net.add("tail.both", Concat(), [gap, flat])
    net.exit(net.add("tail.linear", Linear(5), [both]))
    return described(random_model(net.build(), seed=1))


def resized_model() -> Model:
    """Maps that are resized up and down, in both modes, to one row, and carried to a second stage."""
    net = GraphBuilder((3, 8, 6))
    stem = net.add("stem", Conv2d(4, 3, 3, padding=1), [0])
    coarse = net.add("coarse", Resize(4, 3, align_corners=True), [stem])
    flat = net.add("head0.flatten", Flatten(), [coarse])
    net.exit(net.add("head0.linear", Linear(3), [flat]))
    fine = net.add("fine", Resize(8, 6), [net.add("conv", Conv2d(2, 3, 3, padding=1), [coarse])])
    both = net.add("both", Concat(), [stem, fine])
    odd = net.add("odd", Resize(5, 11, align_corners=True), [both])
    row = net.add("row", Resize(1, 4), [odd])
    flat = net.add("head1.flatten", Flatten(), [row])
    net.exit(net.add("head1.linear", Linear(3), [flat]))
    return random_model(net.build(), seed=4)


def described(model: Model) -> Model:
    """The model with every field of its description set."""
    classes, exits = model.graph.class_count, len(model.graph.exits)
    model.preprocessing = Preprocessing([0.5, 0.25, 0.125], [0.25, 0.5, 1.0])
    model.class_names = [f"classe n\u00b0 {index}" for index in range(classes)]
    model.policies = [
        Policy("20M", "confidence", [0.9, 0.75][: exits - 1], [1.5, 1.25, 1.0], "exhaustive", 2e7, 0.75, 5000, "0123456789abcdef"),
        Policy("patient", "patience", [2.0] * (exits - 1)),
    ]
    model.provenance = Provenance("mixed", "python -m pytest", 2**64 - 1, 3, "none", "feedbeef", [0.5, 0.625, 0.75], "tests")
    return model


def linear_model() -> Model:
    """Two exits on a vector, described as little as may be."""
    net = GraphBuilder((7,))
    hidden = net.add("hidden", Linear(16), [0])
    hidden = net.add("relu", Activation("relu"), [hidden])
    net.exit(net.add("first", Linear(3), [hidden]))
    hidden = net.add("hidden2", Linear(9), [hidden])
    net.exit(net.add("second", Linear(3), [hidden]))
    return random_model(net.build(), seed=2)
