"""Read, write, evaluate and export .mexit files: multi-exit networks.

`mexit.onnx` and `mexit.torch` need those packages and are imported on their own.
"""
from .builder import GraphBuilder
from .errors import MexitError
from .evaluate import evaluate
from .files import read, write
from .graph import Exit, Graph, Node, Parameter
from .calibration import GainTable, GainTables, Policy, Promise
from .model import Model, Preprocessing, Provenance

__version__ = "0.1.0"
__all__ = [
    "Exit", "GainTable", "GainTables", "Graph", "GraphBuilder", "MexitError", "Model", "Node", "Parameter", "Policy", "Preprocessing", "Promise",
    "Provenance", "evaluate", "read", "write",
]
