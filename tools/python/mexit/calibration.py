"""What calibration learns about a model: operating points, and what going deeper brings."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import List, Optional

from .errors import require, shortened
from .texts import check_name, check_text

MAX_COUNT = 2**63 - 1  # what a reader with signed numbers can hold
MEASURES = ("confidence", "entropy", "margin", "patience")
QUANTITIES = ("macs", "accuracy", "accuracy_gap", "disagreement")
_RANGES = {"macs": (0.0, 2.0**62), "accuracy": (0.0, 1.0), "disagreement": (0.0, 1.0), "accuracy_gap": (-1.0, 1.0)}


@dataclass
class Promise:
    """What an operating point holds on new data; `confidence` 0 is for an estimate, which guarantees nothing."""

    quantity: str
    limit: float
    bound: float
    confidence: float = 0.0
    method: str = ""

    def check(self, owner: str) -> None:
        """Raise `MexitError` unless the numbers are possible."""
        require(self.quantity in QUANTITIES, f"{owner} promises '{self.quantity}'; must be one of {', '.join(QUANTITIES)}")
        low, high = _RANGES[self.quantity]
        for name in ("limit", "bound"):
            value = getattr(self, name)
            require(low <= value <= high, f"{owner} promises the {name} {value} on {self.quantity}; must be {low:g} to {high:g}")
        require(0 <= self.confidence < 1, f"{owner} promises with the confidence {self.confidence}; must be at least 0 and below 1")
        check_text(self.method, f"the promise of {owner}")


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
    date: str = ""
    promise: Optional[Promise] = None

    def check(self, exits: int) -> None:
        """Raise `MexitError` unless it fits a model of so many exits."""
        where = f"policy '{self.name}'"
        check_name(self.name, "name of a policy")
        require(self.measure in MEASURES, f"{where}: measure '{self.measure}'; must be one of {', '.join(MEASURES)}")
        require(len(self.thresholds) == exits - 1, f"{where}: {len(self.thresholds)} thresholds; {exits} exits need {exits - 1}")
        require(all(map(math.isfinite, self.thresholds)), f"{where}: thresholds {shortened(self.thresholds)}; must be finite")
        if self.measure == "patience" and self.thresholds:
            patience = self.thresholds[0]
            whole = patience in range(1, 1025) and all(value == patience for value in self.thresholds)
            require(whole, f"{where}: patience {shortened(self.thresholds)}; must be one whole number, 1 to 1024, the same at every exit")
        _check_temperatures(self.temperatures, exits, where)
        require(math.isfinite(self.expected_macs) and self.expected_macs >= 0, f"{where}: expected_macs {self.expected_macs}; must not be negative")
        require(0 <= self.expected_accuracy <= 1, f"{where}: expected_accuracy {self.expected_accuracy}; must be 0 to 1")
        check_count(self.samples, f"{where}: samples")
        for name in ("method", "data_fingerprint", "date"):
            check_text(getattr(self, name), f"{where}: {name}")
        if self.promise is not None:
            self.promise.check(where)


@dataclass
class GainTable:
    """Of one exit: samples in buckets by certainty. `accuracy`: row-major [buckets, exits from this one to the last].

    `goes_on_from`: per bucket, the least mean multiply-adds of all samples at which the best policy sends it on; or none.
    """

    edges: List[float]
    accuracy: List[float]
    counts: List[int]
    goes_on_from: List[float] = field(default_factory=list)

    def check(self, exit: int, exits: int) -> None:
        """Raise `MexitError` unless it fits this exit of so many."""
        where = f"the gain table of exit {exit}"
        edges = self.edges
        rising = len(edges) <= 255 and all(0 < edge < 1 for edge in edges) and all(a < b for a, b in zip(edges, edges[1:]))
        require(rising, f"{where} has the edges {shortened(edges)}; at most 255, ascending, above 0 and below 1")
        buckets = len(edges) + 1
        require(len(self.counts) == buckets, f"{where} has {len(self.counts)} counts for {buckets} buckets")
        for count in self.counts:
            check_count(count, f"a count of {where}")
        wanted = buckets * (exits - exit)
        require(len(self.accuracy) == wanted, f"{where} has {len(self.accuracy)} accuracies; {buckets} buckets need {wanted}")
        require(all(0 <= value <= 1 for value in self.accuracy), f"{where} has an accuracy outside 0 to 1")
        levels = self.goes_on_from
        possible = len(levels) in (0, buckets) and all(0 <= level <= 2.0**62 for level in levels)
        require(possible, f"{where} goes on from the costs {shortened(levels)}; {buckets} buckets need one of 0 to 2^62 each, or none")


@dataclass
class GainTables:
    """What going deeper brings, by how sure an exit is; one table per exit but the last."""

    measure: str
    exits: List[GainTable]
    temperatures: List[float] = field(default_factory=list)
    method: str = ""
    samples: int = 0
    data_fingerprint: str = ""
    date: str = ""

    def check(self, exits: int) -> None:
        """Raise `MexitError` unless they fit a model of so many exits."""
        require(self.measure in MEASURES[:3], f"the gain tables use measure '{self.measure}'; must be confidence, entropy or margin")
        require(len(self.exits) == exits - 1, f"{len(self.exits)} gain tables for {exits} exits; every exit but the last needs one")
        _check_temperatures(self.temperatures, exits, "the gain tables")
        check_count(self.samples, "the gain tables' samples")
        for name in ("method", "data_fingerprint", "date"):
            check_text(getattr(self, name), f"the {name} of the gain tables")
        for exit, table in enumerate(self.exits):
            table.check(exit, exits)


def check_count(value: int, what: str) -> None:
    """Raise `MexitError` unless a count is in the range that every reader has."""
    require(0 <= value <= MAX_COUNT, f"{what} is {value}; must be 0 to 2^63 - 1")


def _check_temperatures(temperatures: List[float], exits: int, where: str) -> None:
    require(len(temperatures) in (0, exits), f"{where}: {len(temperatures)} temperatures; must be none or {exits}")
    require(all(math.isfinite(t) and t > 0 for t in temperatures), f"{where}: temperatures {shortened(temperatures)}; must be finite and positive")
