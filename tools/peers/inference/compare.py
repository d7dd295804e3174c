"""Measures mexit beside other runtimes, in turns in one run.

    python tools/peers/inference/compare.py --bench .build/release/mexit-bench --prepare      # exports and compiles once
    python tools/peers/inference/compare.py --bench .build/release/mexit-bench

For each row all runtimes get the same network, weights and inputs. Their logits must agree; then they take turns, round after
round, in an order that rotates, and the median over all runs counts. Prints a table, or JSON with all samples.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Dict, List

import numpy

import networks
from engines import ENGINES, Engine, Job

TOLERANCE = 2e-4  # of the largest logit: hundreds of layers' float32 rounding in five orders of summation


def build(job: Job, wanted: List[str]) -> List[Engine]:
    engines: List[Engine] = []
    for kind in ENGINES:
        if kind.name != "mexit" and kind.name not in wanted:
            continue
        try:
            engines.append(kind(job))
        except ImportError as error:
            print(f"{kind.name} is left out: {error}", file=sys.stderr)
    return engines


def check(engines: List[Engine]) -> float:
    """The largest difference between two runtimes' logits, relative to the largest logit of the exit. Raises when it is large."""
    results = [engine.logits() for engine in engines]
    worst = 0.0
    for engine, result in zip(engines[1:], results[1:]):
        for exit, (ours, theirs) in enumerate(zip(results[0], result)):
            difference = float(numpy.abs(ours - theirs).max() / numpy.abs(ours).max())
            worst = max(worst, difference)
            if not difference <= TOLERANCE:
                raise SystemExit(f"error: logits of {engine.name} at exit {exit} differ from ours by {difference:.1e} of the largest; no time is worth knowing")
    return worst


def take_turns(engines: List[Engine], rounds: int, seconds: float, limit: float) -> Dict[str, List[float]]:
    """Each turn runs for about `seconds`, after two runs that warm the caches up again. No new round after `limit` seconds,
    once there were three."""
    start = time.monotonic()
    counts = {engine.name: max(2, int(seconds / statistics.median(engine.run(5)))) for engine in engines}
    samples: Dict[str, List[float]] = {engine.name: [] for engine in engines}
    for index in range(rounds):
        if index >= 3 and time.monotonic() - start > limit:
            break
        for position in range(len(engines)):
            engine = engines[(index + position) % len(engines)]
            engine.run(2)
            samples[engine.name] += engine.run(counts[engine.name])
    return samples


def measure(row: networks.Row, arguments: argparse.Namespace) -> Dict[str, object]:
    path = networks.make(row.network, arguments.work, arguments.bench)
    job = Job(path, row.part, None, arguments.threads, arguments.work, arguments.bench)
    job.x = networks.inputs(job.model.graph, row.batch)
    engines = build(job, arguments.peers)
    try:
        difference = check(engines)
        if arguments.prepare:
            return {}
        samples = take_turns(engines, arguments.rounds, arguments.seconds, arguments.limit)
        macs = networks.macs(job.model.graph, row.part)
        return {
            "row": row.title, "network": row.network, "batch": row.batch, "part": row.part, "threads": arguments.threads, "macs": macs,
            "logits_differ_by": difference, "versions": {engine.name: engine.version() for engine in engines},
            "median_ms": {name: 1e3 * statistics.median(times) for name, times in samples.items()},
            "gflops": {name: 2e-9 * macs * row.batch / statistics.median(times) for name, times in samples.items()}, "seconds": samples,
        }
    finally:
        for engine in engines:
            engine.close()


def show(results: List[Dict[str, object]]) -> None:
    names = list(dict.fromkeys(name for result in results for name in result["median_ms"]))
    print("| median ms (GFLOP/s) | " + " | ".join(names) + " | ratio |")
    print("|---" * (len(names) + 2) + "|")
    for result in results:
        times, rates = result["median_ms"], result["gflops"]
        peers = [value for name, value in times.items() if name != "mexit"]
        cells = [f"{times[name]:.3f} ({rates[name]:.0f})" if name in times else "" for name in names]
        print(f"| {result['row']} | " + " | ".join(cells) + (f" | {min(peers) / times['mexit']:.2f} |" if peers else " | |"))


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    peers = [kind.name for kind in ENGINES if kind.name != "mexit"]
    parser.add_argument("--bench", default=".build/release/mexit-bench", help="the command mexit-bench")
    parser.add_argument("--work", type=Path, default=Path("peers-work"), help="folder for exported networks, kept between runs")
    parser.add_argument("--rows", help="only rows whose title contains this")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=peers, help=f"some of {','.join(peers)}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.06, help="of one turn")
    parser.add_argument("--limit", type=float, default=20, help="seconds of one row's rounds")
    parser.add_argument("--prepare", action="store_true", help="export, compile and check only, so that measuring later takes less time")
    parser.add_argument("--json", type=Path, help="write all samples to this file, too")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((arguments.work / "inductor").resolve()))
    results = []
    for row in networks.named(arguments.rows):
        print(row.title, file=sys.stderr)
        results.append(measure(row, arguments))
    if arguments.prepare:
        return
    machine = {"processor": processor(), "processors": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()[0]}
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "arguments": {k: str(v) for k, v in vars(arguments).items()}, "results": results}) + "\n")
    versions = {name: version for result in results for name, version in result["versions"].items()}
    print(f"{machine['processor']}, {arguments.threads} thread(s); " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "\n")
    show(results)


if __name__ == "__main__":
    main()
