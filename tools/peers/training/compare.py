#!/usr/bin/env python3
"""Times training steps of mexit-bench and of PyTorch in turns, on one machine in one run, and prints the ratios.

    pip install -r tools/peers/training/requirements.txt
    swift build -c release
    python3 tools/peers/training/compare.py --bench .build/release/mexit-bench --threads 2

The network is the same, tensor for tensor; random weights, random images. PyTorch runs eagerly, in its usual layout and, with
--channels-last, in that. A ratio is that of medians over all rounds.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
from msdnet_module import MSDNet  # noqa: E402
from torch_steps import Steps, seconds  # noqa: E402

# layers per exit, channels, growth, factors, head: mexit's presets of the same names.
NETWORKS = {
    "msdnet-tiny": ([2, 1, 1, 1, 1], 16, 6, [1, 2, 4], 64),
    "msdnet-cifar-7": ([4, 2, 2, 2, 2, 2, 2], 16, 6, [1, 2, 4], 128),
}


def bench(options):
    """One series of mexit-bench: its report on training."""
    command = [
        options.bench, "--arch", options.arch, "--classes", str(options.classes), "--train", "--batch", str(options.batch),
        "--threads", str(options.threads), "--repetitions", str(options.repetitions), "--warmup", "2", "--max-seconds", "30", "--json",
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="path of mexit-bench")
    parser.add_argument("--arch", choices=NETWORKS, default="msdnet-cifar-7")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4, help="turns of both")
    parser.add_argument("--repetitions", type=int, default=4, help="steps of each kind in a turn")
    parser.add_argument("--channels-last", action="store_true", help="PyTorch in the layout NHWC")
    parser.add_argument("--json", action="store_true", help="print all samples")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = MSDNet(*NETWORKS[options.arch], options.classes)
    peer = Steps(network, options.batch, options.classes, options.channels_last)
    peer.joint()
    peer.pcgrad()
    times = {"mexit joint": [], "mexit deconflicted": [], "PyTorch joint": [], "PyTorch PCGrad": []}
    for _ in range(options.rounds):
        report = bench(options)
        parameters = sum(p.numel() for p in network.parameters())
        if report["network"]["parameters"] != parameters:
            sys.exit(f"the networks differ: {report['network']['trainableParameters']} and {parameters} parameters")
        training = report["training"][0]
        times["mexit joint"] += training["joint"]["time"]["seconds"]
        times["mexit deconflicted"] += training["deconflicted"]["time"]["seconds"]
        for _ in range(options.repetitions):
            times["PyTorch joint"].append(seconds(peer.joint))
            times["PyTorch PCGrad"].append(seconds(peer.pcgrad))
        time.sleep(0.5)  # PyTorch's threads go on spinning for a while.

    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {
        "joint, PyTorch / mexit": medians["PyTorch joint"] / medians["mexit joint"],
        "deconflicted, PyTorch PCGrad / mexit": medians["PyTorch PCGrad"] / medians["mexit deconflicted"],
        "mexit, deconflicted / joint": medians["mexit deconflicted"] / medians["mexit joint"],
    }
    if options.json:
        print(json.dumps({
            "network": options.arch, "classes": options.classes, "batch": options.batch, "threads": options.threads,
            "channelsLast": options.channels_last, "torch": torch.__version__, "python": platform.python_version(),
            "loadAverage": os.getloadavg(), "machine": report["machine"], "seconds": times, "ratios": ratios,
        }))
        return
    print(f"{options.arch}, {options.classes} classes, batch {options.batch}, {options.threads} threads; PyTorch {torch.__version__}")
    print(f"{'step':24} {'median ms':>10} {'least ms':>10} {'images/s':>10}")
    for name, values in times.items():
        print(f"{name:24} {1e3 * medians[name]:10.1f} {1e3 * min(values):10.1f} {options.batch / medians[name]:10.0f}")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
