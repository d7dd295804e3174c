"""A model as plain values: what one .mexit file of kind 1 holds."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, List

import numpy

from .errors import require
from .graph import Graph
from .texts import check_name, check_text, identity

MAX_COUNT = 2**63 - 1  # what a reader with signed numbers can hold
MEASURES = ("confidence", "entropy", "margin", "patience")


@dataclass
class Preprocessing:
    """x = (u8 / 255 - mean[c]) / std[c]."""

    mean: List[float]
    std: List[float]


@dataclass
class Policy:
    """A named operating point: one threshold per exit but the last; one temperature per exit, or none for 1."""

    name: str
    measure: str
    thresholds: List[float]
    temperatures: List[float] = field(default_factory=list)
    method: str = ""
    expected_macs: float = 0.0
    expected_accuracy: float = 0.0
    samples: int = 0
    data_fingerprint: str = ""


@dataclass
class Provenance:
    """Where a model comes from."""

    architecture: str = ""
    command: str = ""
    seed: int = 0
    epochs: int = 0
    data: str = ""
    data_fingerprint: str = ""
    validation_accuracy: List[float] = field(default_factory=list)
    producer: str = ""


@dataclass
class Model:
    """Graph, weights (float32 arrays by `<node>.<role>`) and what goes with them."""

    graph: Graph
    tensors: Dict[str, numpy.ndarray]
    preprocessing: Preprocessing
    class_names: List[str] = field(default_factory=list)
    policies: List[Policy] = field(default_factory=list)
    provenance: Provenance = field(default_factory=Provenance)

    def check(self) -> None:
        """Raise `MexitError`, naming the field, unless everything fits the graph."""
        self.check_description()
        wanted = {parameter.name: parameter.shape for parameter in self.graph.parameters()}
        for name, shape in wanted.items():
            require(name in self.tensors, f"tensor '{name}' is missing; the graph needs it")
            tensor = self.tensors[name]
            require(tensor.dtype == numpy.float32, f"tensor '{name}' is {tensor.dtype}; must be float32")
            require(tensor.shape == shape, f"tensor '{name}' has shape {list(tensor.shape)}; the graph needs {list(shape)}")
        for name in self.tensors:
            require(name in wanted, f"tensor '{name}' belongs to no node of the graph")

    def check_description(self) -> None:
        """Like `check`, for all but the tensors."""
        exits, classes = len(self.graph.exits), self.graph.class_count
        channels = self.graph.input_shape[0]
        for name, values in (("mean", self.preprocessing.mean), ("std", self.preprocessing.std)):
            require(len(values) == channels, f"preprocessing.{name} has {len(values)} values; the input has {channels} channels")
            require(all(map(math.isfinite, values)), f"preprocessing.{name} is {values}; must be finite")
        require(all(value > 0 for value in self.preprocessing.std), f"preprocessing.std is {self.preprocessing.std}; must be positive")
        require(len(self.class_names) in (0, classes), f"{len(self.class_names)} class names; the graph has {classes} classes")
        for index, name in enumerate(self.class_names):
            check_name(name, f"name of class {index}")
        seen = set()
        for policy in self.policies:
            check_name(policy.name, "name of a policy")
            require(identity(policy.name) not in seen, f"policy '{policy.name}' appears twice; names must be unique")
            seen.add(identity(policy.name))
            _check_policy(policy, exits)
        for name in ("architecture", "command", "data", "data_fingerprint", "producer"):
            check_text(getattr(self.provenance, name), f"provenance.{name}")
        _check_count(self.provenance.epochs, "provenance.epochs")


def _check_policy(policy: Policy, exits: int) -> None:
    where = f"policy '{policy.name}'"
    require(policy.measure in MEASURES, f"{where}: measure '{policy.measure}'; must be one of {', '.join(MEASURES)}")
    require(len(policy.thresholds) == exits - 1, f"{where}: {len(policy.thresholds)} thresholds; {exits} exits need {exits - 1}")
    require(len(policy.temperatures) in (0, exits), f"{where}: {len(policy.temperatures)} temperatures; must be none or {exits}")
    require(all(map(math.isfinite, policy.thresholds)), f"{where}: thresholds {policy.thresholds}; must be finite")
    require(all(math.isfinite(t) and t > 0 for t in policy.temperatures), f"{where}: temperatures {policy.temperatures}; must be finite and positive")
    _check_count(policy.samples, f"{where}: samples")
    check_text(policy.method, f"{where}: method")
    check_text(policy.data_fingerprint, f"{where}: data_fingerprint")


def _check_count(value: int, what: str) -> None:
    require(0 <= value <= MAX_COUNT, f"{what} is {value}; must be 0 to 2^63 - 1")
