"""What `python -m mexit inspect` prints."""
from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, Dict, List, Sequence

from .container import Segment
from .files import Path, open_directory
from .model import Model
from .stages import carried_values, stage_nodes


def inspect(path: Path) -> Dict[str, Any]:
    """Everything about a model file but its weights, ready for JSON. Reads and checks every byte."""
    model, segments = open_directory(path)
    graph = model.graph
    report: Dict[str, Any] = {
        "input": list(graph.input_shape),
        "classes": graph.class_count,
        "class_names": model.class_names,
        "preprocessing": vars(model.preprocessing),
        "policies": [asdict(policy) for policy in model.policies],
        "provenance": vars(model.provenance),
        "stages": _stages(model, segments),
        "tensors": len(segments),
        "parameters": sum(math.prod(segment.dims) for segment in segments),
        "stored_bytes": sum(segment.stored_bytes for segment in segments),
    }
    return report


def _stages(model: Model, segments: Sequence[Segment]) -> List[Dict[str, Any]]:
    graph = model.graph
    total = 0
    rows = []
    for stage, exit in enumerate(graph.exits):
        nodes = stage_nodes(graph, stage)
        macs = sum(map(graph.macs, nodes))
        total += macs
        rows.append({
            "exit": exit.name,
            "nodes": len(nodes),
            "carried": [graph.nodes[index].name for index in carried_values(graph, stage)],
            "macs": macs,
            "cumulative_macs": total,
            "stored_bytes": sum(segment.stored_bytes for segment in segments if segment.stage == stage),
        })
    return rows


def as_text(report: Dict[str, Any]) -> str:
    """The report for people."""
    provenance, preprocessing = report["provenance"], report["preprocessing"]
    lines = [
        f"model    {provenance['architecture'] or '(not named)'}, input {'x'.join(map(str, report['input']))}, "
        f"{report['classes']} classes, {len(report['stages'])} exits",
        f"tensors  {report['tensors']}, {report['parameters']} numbers in {report['stored_bytes']} bytes",
    ]
    if report["class_names"]:
        lines.append("classes  " + ", ".join(report["class_names"]))
    lines.append(f"input    x = (u8 / 255 - mean) / std, mean {_numbers(preprocessing['mean'])}, std {_numbers(preprocessing['std'])}")
    for policy in report["policies"]:
        lines.append(f"policy   {policy['name']}: {policy['measure']}, thresholds {_numbers(policy['thresholds'])}")
    for name in ("command", "producer", "data"):
        if provenance[name]:
            lines.append(f"{name:8} {provenance[name]}")
    if provenance["validation_accuracy"]:
        lines.append("accuracy " + " ".join(f"{100 * value:.2f} %" for value in provenance["validation_accuracy"]))
    lines += ["", "stage  exit              nodes  carried       MACs  cumulative    stored"]
    for stage, row in enumerate(report["stages"]):
        lines.append(
            f"{stage:5}  {row['exit']:16}  {row['nodes']:5}  {len(row['carried']):7}  {row['macs']:9}  {row['cumulative_macs']:10}  {row['stored_bytes']:8}"
        )
    return "\n".join(lines)


def _numbers(values: List[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)
