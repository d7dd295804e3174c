#!/usr/bin/env python3
"""How often the promises of mexit-calibrate --max-risk hold: many random splits per kind of risk, test and limit.

    tools/experiments/risk_bounds.py MODEL.mexit KIND:DIR [--split test] [--trials 1000] [--samples N] [--bin FOLDER]

Each trial calibrates on N of the images (half by default) and is judged by the rest, and by all images together. Prints a Markdown
table; ends with 1 when a promise held less often than its confidence says, judged by all images.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

# Risk, test, limit, confidence.
PROMISES = [
    ("accuracy-gap", "betting", 0.01, 0.9),
    ("accuracy-gap", "betting", 0.02, 0.9),
    ("accuracy-gap", "hoeffding-bentkus", 0.02, 0.9),
    ("disagreement", "betting", 0.05, 0.9),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--split", default="test")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--bin", type=Path, default=Path(".build/release"))
    options = parser.parse_args()

    print("| risk | limit | confidence | test | kept, all images | kept, rest | mean risk % | MACs saved % |")
    print("|---|---|---|---|---|---|---|---|")
    broken = 0
    for risk, test, limit, confidence in PROMISES:
        command = [
            str(options.bin / "mexit-calibrate"), options.model, "--data", options.data, "--split", options.split, "--risk", risk,
            "--bound", test, "--max-risk", str(limit), "--confidence", str(confidence), "--trials", str(options.trials), "--json",
        ]  # fmt: skip
        if options.samples:
            command += ["--trial-samples", str(options.samples)]
        trials = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        broken += trials["kept_on_whole"] < confidence
        print(
            f"| {risk} | {limit} | {confidence} | {test} | {100 * trials['kept_on_whole']:.1f} % | {100 * trials['kept_on_rest']:.1f} % "
            f"| {100 * trials['mean_risk']:.2f} | {100 * trials['saved_share']:.1f} |",
            flush=True,
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
