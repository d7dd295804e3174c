#!/usr/bin/env python3
"""Tables of the runs of deconfliction.py, in Markdown: tools/experiments/summary.py FOLDER [FOLDER ...] [--keep FOLDER]

Runs of several folders are put together; one that is in more than one is taken from the first.

Test accuracy per exit: mean and standard deviation over seeds. Differences to joint training are paired by seed (same first
weights, same validation images, same order of images), with Student's 95 % confidence interval of their mean. Time is that of
training steps alone, of one thread. Conflicts: of all pairs of exits' gradients of one tensor (or of what the scope makes one vector) and step, the
share whose inner product is negative, and the mean cosine; for `project` also per block in the first and the last epoch, epoch by epoch, and per
pair of exits. At the end, differences of the mean of all exits over the data sets together.
--keep writes every run's result and compressed metrics to a folder, from which the tables can be made again.
"""
import argparse
import gzip
import json
import math
import os
import shutil
import statistics
import sys

# Two-sided 95 % quantiles of Student's t, by degrees of freedom.
STUDENT = dict(enumerate([
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
    2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042], 1))
ORDER = ["joint", "equilibrium", "pcgrad", "project", "project-mean", "project-distill"]


def metrics(folder):
    for name, opening in (("metrics.jsonl", open), ("metrics.jsonl.gz", gzip.open)):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with opening(path, "rt") as file:
                return [line for line in map(parsed, file) if line]
    return []


def parsed(line):
    """None for a line that a killed run cut off."""
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def settings(result):
    """Options but for the method's own and the seed, which must be equal where runs are compared."""
    options = result["options"]
    return options[options.index("--batch-size"):options.index("--seed")]


def read(folders):
    runs = {}
    for folder in folders:
        for root, _, files in sorted(os.walk(folder)):
            if "result.json" not in files:
                continue
            with open(os.path.join(root, "result.json")) as file:
                result = json.load(file)
            result["folder"] = root
            methods = runs.setdefault(result["data"], {})
            for other in (r for seeds in methods.values() for r in seeds.values()):
                if settings(other) != settings(result):
                    sys.exit(f"error: {root} and {other['folder']} are not of one experiment:\n  {' '.join(settings(result))}\n  {' '.join(settings(other))}")
            result["metrics"] = metrics(root)
            methods.setdefault(result["method"], {}).setdefault(result["seed"], result)
    return runs


def epochs(run):
    """The metrics of each epoch. A run that was killed and resumed may have an epoch twice: the last one counts."""
    return {m["epoch"]: m for m in run["metrics"] if m["type"] == "epoch"}.values()


def accuracies(run):
    return [100 * e["accuracy"] for e in run["test"]["exits"]]


def seconds(run):
    images = next(m["training_images"] for m in run["metrics"] if m["type"] == "run")
    return sum(images / epoch["images_per_second"] for epoch in epochs(run))


def conflicts(run):
    seen = found = 0
    cosines = 0.0
    for epoch in epochs(run):
        for block in epoch.get("conflicts") or []:
            for pair in block["pairs"]:
                seen += pair["seen"]
                found += pair["conflicts"]
                cosines += pair["seen"] * pair["mean_cosine"]
    return (found / seen, cosines / seen) if seen else None


def epoch_shares(runs):
    """Percent of all pairs that conflict, per epoch."""
    sums = {}
    for run in runs:
        for epoch in epochs(run):
            own = sums.setdefault(epoch["epoch"], [0, 0])
            for pair in (p for block in epoch.get("conflicts") or [] for p in block["pairs"]):
                own[0] += pair["seen"]
                own[1] += pair["conflicts"]
    return [100 * found / seen for _, (seen, found) in sorted(sums.items()) if seen]


def conflict_table(runs):
    """Where and when exits conflict: share of conflicting pairs and mean cosine per block, in the first and the last epoch; then
    the share for every pair of exits. All seeds together."""
    blocks, pairs = {}, {}
    for run in runs:
        all_epochs = list(epochs(run))
        for name, epoch in (("first", all_epochs[0]), ("last", all_epochs[-1])):
            for block in epoch.get("conflicts") or []:
                for pair in block["pairs"]:
                    sums = blocks.setdefault(block["block"], {}).setdefault(name, [0, 0, 0.0])
                    for k, v in enumerate((pair["seen"], pair["conflicts"], pair["seen"] * pair["mean_cosine"])):
                        sums[k] += v
        for epoch in all_epochs:
            for pair in (p for block in epoch.get("conflicts") or [] for p in block["pairs"]):
                sums = pairs.setdefault(tuple(pair["exits"]), [0, 0])
                sums[0] += pair["seen"]
                sums[1] += pair["conflicts"]
    print()
    row(["block", "conflicts, first epoch", "last", "mean cosine, first epoch", "last"])
    row(["---"] * 5)
    for block, sums in blocks.items():
        shares = [f"{100 * sums[when][1] / sums[when][0]:.1f} %" for when in ("first", "last")]
        row([block] + shares + [f"{sums[when][2] / sums[when][0]:.2f}" for when in ("first", "last")])
    row(["all, epoch by epoch"] + [", ".join(f"{share:.0f} %" for share in epoch_shares(runs))] + [""] * 3)
    exits = 1 + max(b for _, b in pairs)
    print()
    row(["conflicts between"] + [f"exit {k}" for k in range(1, exits)])
    row(["---"] * exits)
    for a in range(exits - 1):
        row([f"exit {a}"] + [f"{100 * pairs[a, b][1] / pairs[a, b][0]:.1f} %" if (a, b) in pairs else "" for b in range(1, exits)])


def spread(values):
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def interval(values):
    if len(values) < 2:
        return f"{values[0]:+.2f}"
    half = STUDENT.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):+.2f} ± {half:.2f}"


def row(cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def table(methods):
    exits = len(accuracies(next(iter(next(iter(methods.values())).values()))))
    names = [m for m in ORDER if m in methods]
    head = [f"exit {k}" for k in range(exits)] + ["mean"]
    rule = ["---"] * (exits + 2)
    with_mean = lambda run: accuracies(run) + [statistics.mean(accuracies(run))]
    row(["method (seeds)"] + head + ["minutes", "conflicts", "mean cosine"])
    row(rule + ["---"] * 3)
    for name in names:
        runs = list(methods[name].values())
        found = [c for c in map(conflicts, runs) if c]
        row([f"{name} ({len(runs)})"] + [spread(v) for v in zip(*map(with_mean, runs))]
            + [f"{statistics.mean(map(seconds, runs)) / 60:.1f}"]
            + ([f"{100 * statistics.mean(c[0] for c in found):.1f} %", f"{statistics.mean(c[1] for c in found):.3f}"] if found else ["", ""]))
    if "joint" not in names:
        return
    print()
    row(["minus joint, paired"] + head)
    row(rule)
    for name in names[1:]:
        seeds = sorted(set(methods[name]) & set(methods["joint"]))
        if seeds:
            pairs = [[a - b for a, b in zip(with_mean(methods[name][s]), with_mean(methods["joint"][s]))] for s in seeds]
            row([f"{name} ({len(seeds)})"] + [interval(v) for v in zip(*pairs)])
    if "project" in methods:
        conflict_table(list(methods["project"].values()))


def together(runs):
    """The mean of all exits minus that of joint training, paired by seed, over the runs of all data sets."""
    row(["all data, mean of all exits minus joint, paired"] + ["pairs", "difference"])
    row(["---"] * 3)
    for name in ORDER[1:]:
        pairs = [
            statistics.mean(accuracies(methods[name][seed])) - statistics.mean(accuracies(methods["joint"][seed]))
            for methods in runs.values() for seed in sorted(set(methods.get(name, {})) & set(methods.get("joint", {})))
        ]
        if pairs:
            row([name, len(pairs), interval(pairs)])


def keep(runs, folder):
    """Results and compressed metrics; runs that come from the folder itself stay as they are."""
    for run in (r for methods in runs.values() for seeds in methods.values() for r in seeds.values()):
        target = os.path.join(folder, run["data"], run["method"], str(run["seed"]))
        if os.path.realpath(target) == os.path.realpath(run["folder"]):
            continue
        os.makedirs(target, exist_ok=True)
        shutil.copy(os.path.join(run["folder"], "result.json"), target)
        source = os.path.join(run["folder"], "metrics.jsonl")
        if os.path.exists(source + ".gz"):
            shutil.copy(source + ".gz", target)
        elif os.path.exists(source):
            with open(source, "rb") as lines, open(os.path.join(target, "metrics.jsonl.gz"), "wb") as raw:
                # No time and no name inside: the same metrics give the same bytes.
                with gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as out:
                    shutil.copyfileobj(lines, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--keep", metavar="FOLDER")
    arguments = parser.parse_args()
    runs = read(arguments.folders)
    if arguments.keep:
        keep(runs, arguments.keep)
    for data, methods in runs.items():
        print(f"### {data}\n")
        table(methods)
        print()
    if len(runs) > 1:
        together(runs)


if __name__ == "__main__":
    main()
