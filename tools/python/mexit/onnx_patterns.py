"""Activation functions that exporters write as several operators."""
from __future__ import annotations

import math
from typing import Any, Iterator, List, Optional, Tuple

import numpy

from .onnx_source import Source, attributes
from .operations import Activation


def fused_activation(source: Source, node: Any) -> Optional[Tuple[Activation, str]]:
    """The activation function that ends in this `Mul` or `Div`, and the value that it is of; None if there is none.

    All of them are a number times x times a gate, some function of x.
    """
    if node.op_type not in ("Mul", "Div"):
        return None
    for gate in _factors(source, node.output[0], depth=3):
        for function, x, number in _gates(source, gate):
            factor, parts = _product(source, node.output[0], {x, gate})
            if sorted(parts) == sorted([x, gate]) and _close(factor, number):
                return Activation(function), x
    return None


def bounds(source: Source, node: Any) -> Tuple[float, float]:
    """Limits of a `Clip`, from attributes or constant inputs; infinite where absent, NaN where not constant."""
    values = attributes(node)
    limits: List[float] = [values.get("min", -math.inf), values.get("max", math.inf)]
    for position, name in enumerate(node.input[1:3]):
        if name:
            number = _number(source, name)
            limits[position] = math.nan if number is None else number
    return limits[0], limits[1]


def _gates(source: Source, name: str) -> Iterator[Tuple[str, str, float]]:
    """If this value is a gate: the function, x, and the number that belongs to them."""
    node = source.producer.get(name)
    if node is None:
        return
    if node.op_type == "Sigmoid":
        yield "silu", node.input[0], 1.0
    elif node.op_type == "HardSigmoid":
        values = attributes(node)
        if _close(values.get("alpha", 0.2), 1 / 6) and _close(values.get("beta", 0.5), 0.5):
            yield "hard_swish", node.input[0], 1.0
    elif node.op_type == "Clip" and bounds(source, node) == (0.0, 6.0):
        for x in _without(source, node.input[0], "Add", 3.0):  # relu6(x + 3)
            yield "hard_swish", x, 1 / 6
    elif node.op_type == "Add":
        for erf in _without(source, name, "Add", 1.0):  # 1 + erf(x / sqrt 2)
            inner = source.producer.get(erf)
            if inner is not None and inner.op_type == "Erf":
                for x in [*_without(source, inner.input[0], "Mul", math.sqrt(0.5)), *_without(source, inner.input[0], "Div", math.sqrt(2))]:
                    yield "gelu", x, 0.5


def _without(source: Source, name: str, kind: str, number: float) -> Iterator[str]:
    """The other operand of an operator of this kind whose one operand is this number."""
    node = source.producer.get(name)
    if node is not None and node.op_type == kind:
        operands = [tuple(node.input)] if kind == "Div" else [tuple(node.input), tuple(reversed(node.input))]
        for x, constant in operands:
            found = _number(source, constant)
            if found is not None and _close(found, number):
                yield x


def _factors(source: Source, name: str, depth: int) -> Iterator[str]:
    """Names of everything that is multiplied in a value."""
    node = source.producer.get(name)
    if depth > 0 and node is not None and node.op_type in ("Mul", "Div"):
        for part in node.input:
            yield from _factors(source, part, depth - 1)
    else:
        yield name


def _product(source: Source, name: str, stop: "set[str]") -> Tuple[float, List[str]]:
    """A value as a number times other values; those in `stop` are not taken apart."""
    node = source.producer.get(name)
    number = _number(source, name)
    if number is not None:
        return number, []
    if name not in stop and node is not None and node.op_type == "Mul":
        (a, left), (b, right) = (_product(source, part, stop) for part in node.input)
        return a * b, left + right
    if name not in stop and node is not None and node.op_type == "Div":
        divisor = _number(source, node.input[1])
        if divisor:
            a, left = _product(source, node.input[0], stop)
            return a / divisor, left
    return 1.0, [name]


def _number(source: Source, name: str) -> Optional[float]:
    value = source.constant(name)
    return float(numpy.asarray(value).reshape(-1)[0]) if value is not None and value.size == 1 else None


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-4 * max(abs(a), abs(b))
