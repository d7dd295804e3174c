#!/usr/bin/env python3
"""Exact budgets against threshold policies at the same mean cost.

  exact_budgets.py MODEL DATA [--batch N] [--bin DIR]

MODEL has operating points (mexit-calibrate --sweep), DATA is what mexit-eval takes (images:DIR): its test images judge. Exact budgets are
asked for at the cost that each operating point turns out to have, all images being one batch. They may spend less; so the points are joined
by lines, and accuracies are compared at the cost that was really spent. Points that are beside a better and cheaper one are left out."""
import argparse
import json
import os
import statistics
import subprocess


def evaluate(options, *arguments):
    command = [os.path.join(options.bin, "mexit-eval"), options.model, "--data", options.data, "--batch", str(options.batch), "--json"]
    result = json.loads(subprocess.run(command + list(arguments), check=True, capture_output=True, text=True).stdout)
    return [(row["mean_macs"], 100 * row["accuracy"]) for row in result["policies"]]


def at(curve, macs):
    """The accuracy of the points of a curve at a cost: between two by a line, beyond the ends as at the end."""
    if macs <= curve[0][0]:
        return curve[0][1]
    for (low, below), (high, above) in zip(curve, curve[1:]):
        if macs <= high:
            return below + (above - below) * (macs - low) / (high - low)
    return curve[-1][1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--batch", type=int, default=64, help="samples under way at once")
    parser.add_argument("--bin", default=".build/release")
    options = parser.parse_args()
    curve = []
    for macs, accuracy in sorted(evaluate(options, "--operating-points")):
        if not curve or accuracy > curve[-1][1]:
            curve.append((macs, accuracy))
    exact = evaluate(options, "--budget-mode", "exact", "--budget-macs", ",".join(str(int(macs)) for macs, _ in curve))
    print("| budget, MACs | thresholds, test % | exact budget: MACs | test % | difference at that cost |\n|---|---|---|---|---|")
    differences = []
    for (macs, accuracy), (spent, reached) in zip(curve, exact):
        differences.append(reached - at(curve, spent))
        print(f"| {macs / 1e6:.2f} M | {accuracy:.2f} | {spent / 1e6:.2f} M | {reached:.2f} | {differences[-1]:+.2f} |")
    deviation = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0
    print(f"\nmean difference {statistics.mean(differences):+.3f}, standard error over these costs {deviation:.3f}")


if __name__ == "__main__":
    main()
