"""The one error of this package."""


class MexitError(ValueError):
    """A file, a graph or a request that breaks a rule. The message names the thing, what was seen, and the rule."""


def require(condition: bool, message: str) -> None:
    """Raise `MexitError(message)` unless `condition` holds."""
    if not condition:
        raise MexitError(message)
