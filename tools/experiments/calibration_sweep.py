#!/usr/bin/env python3
"""Thresholds chosen on the validation images, judged on the test images, against MSDNet's geometric method.

    tools/experiments/calibration_sweep.py MODEL.mexit KIND:DIR [--points 20] [--bin FOLDER]

Calibrates a sweep of costs twice (searched thresholds on max softmax, geometric thresholds), then runs every point on the test
images with real early exits. Prints a Markdown table and means.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List


def run(binary: Path, *arguments: str) -> Dict[str, Any]:
    return json.loads(subprocess.run([str(binary), *arguments, "--json"], check=True, stdout=subprocess.PIPE).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--bin", type=Path, default=Path(".build/release"))
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        # The costs of the searched sweep are asked of both methods.
        first = f"{folder}/searched.mexit"
        searched = run(options.bin / "mexit-calibrate", options.model, "--data", options.data, "--measure", "confidence",
                       "--sweep", str(options.points), "--out", first)
        names = [point["name"] for point in searched["points"]]
        wishes = [point["comparison"] for point in searched["points"]]
        inspected = subprocess.run([str(options.bin / "mexit-inspect"), first, "--json"], check=True, stdout=subprocess.PIPE).stdout
        limits = {stored["name"]: stored["promise"]["limit"] for stored in json.loads(inspected)["policies"] if stored["name"] in names}
        budgets = [limits[name] for name in names]
        second = f"{folder}/geometric.mexit"
        arguments: List[str] = []
        for budget in budgets:
            arguments += ["--target-macs", repr(budget)]
        geometric = run(options.bin / "mexit-calibrate", options.model, "--data", options.data, "--measure", "geometric", *arguments, "--out", second)
        results = []
        # By name: the model may bring operating points of its own.
        for path, report in ((first, searched), (second, geometric)):
            policies: List[str] = []
            for point in report["points"]:
                policies += ["--policy", f"calibrated:{point['name']}"]
            results.append(run(options.bin / "mexit-eval", path, "--data", options.data, *policies)["policies"])

    print("| wish, MACs | validation: searched % | geometric % | test: searched % | geometric % | MACs on test | off the wish % |")
    print("|---|---|---|---|---|---|---|")
    differences = []
    worst = 0.0
    for budget, comparison, ours, theirs in zip(budgets, wishes, *results):
        validation = {row["method"]: row["accuracy"] for row in comparison}
        off = ours["mean_macs"] / budget - 1
        worst = max(worst, abs(off))
        differences.append(ours["accuracy"] - theirs["accuracy"])
        print(
            f"| {budget / 1e6:.2f} M | {100 * validation['confidence']:.2f} | {100 * validation['geometric']:.2f} | {100 * ours['accuracy']:.2f} "
            f"| {100 * theirs['accuracy']:.2f} | {ours['mean_macs'] / 1e6:.2f} M | {100 * off:+.2f} |"
        )
    print(f"\nmean difference on test: {100 * sum(differences) / len(differences):+.3f} points; farthest off the wish: {100 * worst:.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
