"""A model as plain values: what one .mexit file of kind 1 holds."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, List, Optional

import numpy

from .calibration import GainTables, Policy, check_count
from .errors import require, shortened
from .graph import Graph
from .texts import check_name, check_text, identity


@dataclass
class Preprocessing:
    """x = (u8 / 255 - mean[c]) / std[c]."""

    mean: List[float]
    std: List[float]


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
    gain_tables: Optional[GainTables] = None

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
            require(all(map(math.isfinite, values)), f"preprocessing.{name} is {shortened(values)}; must be finite")
        require(all(value > 0 for value in self.preprocessing.std), f"preprocessing.std is {shortened(self.preprocessing.std)}; must be positive")
        require(len(self.class_names) in (0, classes), f"{len(self.class_names)} class names; the graph has {classes} classes")
        for index, name in enumerate(self.class_names):
            check_name(name, f"name of class {index}")
        seen = set()
        for policy in self.policies:
            require(identity(policy.name) not in seen, f"policy '{policy.name}' appears twice; names must be unique")
            seen.add(identity(policy.name))
            policy.check(exits)
        if self.gain_tables is not None:
            self.gain_tables.check(exits)
        for name in ("architecture", "command", "data", "data_fingerprint", "producer"):
            check_text(getattr(self.provenance, name), f"provenance.{name}")
        check_count(self.provenance.epochs, "provenance.epochs")
