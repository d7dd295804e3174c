#!/usr/bin/env python3
"""How mexit-serve does beside the library it is made of: throughput, overhead, latency under load, two workers.

    tools/experiments/serving.py MODEL.mexit KIND:DIR [--seconds 4] [--rounds 3] [--only PART,...] [--policies POLICY;...] [--workers N,...]
                                 [--prefix "chrt --rr 20"] [--bin FOLDER]

Every ratio is of two measurements that took turns; each figure is the median over the rounds. docs/serving.md explains them.
--prefix stands before mexit-eval and mexit-load; a real-time priority (`chrt --rr 20`, as root) keeps a busy machine's other
programs out of the latencies.
"""
import argparse
import json
import shlex
import statistics
import subprocess
from pathlib import Path

PROTOCOLS = ("ndjson", "protobuf")


class Tools:
    def __init__(self, options):
        self.options = options
        self.prefix = shlex.split(options.prefix)

    def json(self, command):
        return json.loads(subprocess.run([*self.prefix, *map(str, command)], check=True, stdout=subprocess.PIPE).stdout)

    def library(self, policy):
        """The library on one thread, batches of 64, real early exits: images a second."""
        return self.json([self.options.bin / "mexit-eval", self.options.model, "--data", self.options.data, "--policy", policy,
                          "--threads", 1, "--json"])["policies"][0]["images_per_second"]

    def load(self, load, policy="confidence:0.9", protocol="ndjson", server=(), samples=None):
        """Reports of mexit-load's loops; the server has one thread per worker."""
        runs = self.json([
            self.options.bin / "mexit-load", "--data", self.options.data, "--samples", samples or self.options.samples, "--seconds", self.options.seconds,
            "--warm-up", 1000, "--protocol", protocol, "--json", *load, "--",
            self.options.bin / "mexit-serve", self.options.model, "--quiet", "--threads", 1, "--policy", policy, "--protocol", protocol, *server])["runs"]
        assert not any(run["errors"] for run in runs), runs
        return runs


def median(values):
    return statistics.median(values)


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def head(*cells):
    print()
    row(*cells)
    row(*["---"] * len(cells))


def throughput(tools, rounds):
    """Over the pipe against the library, on one thread and by the same policy."""
    head("policy", "protocol", "library, images/s", "server, answers/s", "ratio (least … most)", "CPU us a request: server", "mexit-load")
    for policy in tools.options.policies:
        for protocol in PROTOCOLS:
            pairs = []
            for _ in range(rounds):
                ours = tools.library(policy)
                # As many images as the library sees: the exits must be the same.
                pairs.append((ours, tools.load(["--in-flight", 64], policy, protocol, samples=10**6)[0]))
            ratios = [run["throughput"] / ours for ours, run in pairs]
            row(policy, protocol, f"{median(ours for ours, _ in pairs):.0f}", f"{median(run['throughput'] for _, run in pairs):.0f}",
                f"**{median(ratios):.2f}** ({min(ratios):.2f} … {max(ratios):.2f})",
                f"{median(run['server_cpu_us'] for _, run in pairs):.1f}", f"{median(run['load_cpu_us'] for _, run in pairs):.1f}")


def overhead(tools, rounds):
    """One request at a time: latency less the time of the stages."""
    head("protocol", "latency p50, us", "stages p50, us", "overhead p50, us", "p95")
    runs = {protocol: [] for protocol in PROTOCOLS}
    for _ in range(rounds):
        for protocol in PROTOCOLS:
            runs[protocol] += tools.load(["--in-flight", 1, "--spin"], protocol=protocol)
    for protocol, found in runs.items():
        row(protocol, *(f"{1000 * median(run[key][part] for run in found):.1f}" for key, part in
                        (("latency_ms", "p50"), ("compute_ms", "p50"))),
            f"**{1000 * median(run['overhead_ms']['p50'] for run in found):.1f}**", f"{1000 * median(run['overhead_ms']['p95'] for run in found):.1f}")


def latency(tools, rounds):
    """An open loop at 70 % of what a closed loop reached, against the time of the whole network."""
    head("workers", "policy", "scheduler", "rate, 1/s", "whole network, ms", "p50", "p95", "p99", "p99.9", "p99 / whole network")
    for workers in tools.options.workers:
        for policy in tools.options.policies:
            runs = {"stage": [], "batch": []}
            whole = []
            for _ in range(rounds):
                # A lone sample through the whole network, as the server counts it.
                whole.append(tools.load(["--in-flight", 1, "--requests", 3000], "last")[0]["compute_ms"]["p50"])
                for scheduler, found in runs.items():
                    most = tools.load(["--in-flight", 64], policy, server=["--workers", workers, "--scheduler", scheduler])[0]["throughput"]
                    # Another process than the one that was saturated: nothing of that is left over.
                    found += tools.load(["--rate", 0.7 * most], policy, server=["--workers", workers, "--scheduler", scheduler])
            for scheduler, found in runs.items():
                ratios = [run["latency_ms"]["p99"] / time for run, time in zip(found, whole)]
                row(str(workers), policy, scheduler, f"{median(run['rate'] for run in found):.0f}", f"{median(whole):.3f}",
                    *(f"{median(run['latency_ms'][part] for run in found):.2f}" for part in ("p50", "p95", "p99", "p999")),
                    f"**{median(ratios):.1f}** ({min(ratios):.1f} … {max(ratios):.1f})")


def workers(tools, rounds):
    """Two workers against one."""
    head("policy", "protocol", "one worker, answers/s", "two workers", "ratio (least … most)", "CPU us a request: server", "mexit-load")
    for policy in tools.options.policies:
        for protocol in PROTOCOLS:
            pairs = [[tools.load(["--in-flight", 64], policy, protocol, ["--workers", count])[0] for count in (1, 2)] for _ in range(rounds)]
            ratios = [two["throughput"] / one["throughput"] for one, two in pairs]
            row(policy, protocol, *(f"{median(pair[index]['throughput'] for pair in pairs):.0f}" for index in (0, 1)),
                f"**{median(ratios):.2f}** ({min(ratios):.2f} … {max(ratios):.2f})",
                *(f"{median(two[key] for _, two in pairs):.1f}" for key in ("server_cpu_us", "load_cpu_us")))


PARTS = {"throughput": throughput, "overhead": overhead, "latency": latency, "workers": workers}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("--seconds", type=float, default=4, help="of every load (default: 4)")
    parser.add_argument("--samples", type=int, default=1000, help="different images that are sent; a thousand stay in the processor's cache (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--policies", type=lambda text: text.split(";"), default=["confidence:0.9", "last"], help="POLICY;... (default: confidence:0.9;last)")
    parser.add_argument("--workers", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2], help="of the latencies (default: 1,2)")
    parser.add_argument("--prefix", default="", help="a command that runs the others")
    parser.add_argument("--bin", type=Path, default=Path(".build/release"))
    options = parser.parse_args()
    for name in options.only:
        PARTS[name](Tools(options), options.rounds)


if __name__ == "__main__":
    main()
