"""The one error of this package."""
from __future__ import annotations

from typing import Sequence


class MexitError(ValueError):
    """A file, a graph or a request that breaks a rule. The message names the thing, what was seen, and the rule."""


def require(condition: bool, message: str) -> None:
    """Raise `MexitError(message)` unless `condition` holds."""
    if not condition:
        raise MexitError(message)


def shortened(values: Sequence[object]) -> str:
    """A list for a message; one from a file may have millions of elements."""
    shown = ", ".join(str(list(value) if isinstance(value, tuple) else value) for value in values[:8])
    return f"[{shown}]" if len(values) <= 8 else f"[{shown}, ...] ({len(values)} in all)"
