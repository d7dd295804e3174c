#!/usr/bin/env python3
"""Trains one network with every method and seed, and measures each on the test set. May be killed and started again at any time.

    tools/experiments/deconfliction.py --out FOLDER --data cifar10=images:PATH --data tinyimagenet100=images:PATH --jobs 2

Each run has a folder FOLDER/DATA/METHOD/SEED with its model, metrics and `result.json`; runs that have a result are passed
over, runs that have a state go on from it. So are runs with a result in the folder that `--kept` names, which is how runs of several
machines or days add up, from what `summary.py --keep` wrote. All runs of a seed come before the next seed, so that
what is there is always comparable. `summary.py KEPT FOLDER` makes the tables of docs/results.md.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

METHODS = {
    "joint": ["--deconflict", "none"],
    "equilibrium": ["--deconflict", "none", "--reduction", "mean"],
    "pcgrad": ["--deconflict", "pcgrad", "--scope", "network"],
    "project": ["--deconflict", "project", "--scope", "tensor"],
    "project-mean": ["--deconflict", "project", "--scope", "tensor", "--reduction", "mean"],
    "project-distill": ["--deconflict", "project", "--scope", "tensor", "--distill", "0.5"],
}
COMMON = ["--batch-size", "64", "--lr", "0.1", "--momentum", "0.9", "--weight-decay", "5e-4", "--schedule", "cosine",
          "--warmup", "1", "--validation", "5000", "--augment", "crop,flip", "--threads", "1"]


class Runner:
    def __init__(self, arguments):
        self.arguments = arguments
        self.children = set()
        self.lock = threading.Lock()
        self.stopping = False
        self.failed = 0

    def tool(self, name):
        return os.path.join(self.arguments.tools, name)

    def call(self, command, **options):
        """What the command wrote to its standard output, if that is a pipe; None when it failed or was stopped."""
        with self.lock:
            if self.stopping:
                return None
            # A session of its own: Ctrl-C reaches it once, from here. A second signal would end it before it has saved its state.
            child = subprocess.Popen(command, start_new_session=True, **options)
            self.children.add(child)
        output = child.communicate()[0] or b""
        with self.lock:
            self.children.discard(child)
        return output if child.returncode == 0 and not self.stopping else None

    def options(self, method, seed):
        return METHODS[method] + COMMON + ["--arch", self.arguments.arch, "--epochs", str(self.arguments.epochs), "--seed", str(seed)]

    def is_done(self, data, method, seed):
        """Whether there is a result. Exits when there is one of another experiment, which would be mixed with this one's."""
        for folder in filter(None, (self.arguments.out, self.arguments.kept)):
            path = os.path.join(folder, data[0], method, str(seed), "result.json")
            if os.path.exists(path):
                with open(path) as file:
                    made = json.load(file)["options"]
                if made != self.options(method, seed):
                    sys.exit(f"error: {path} was made with\n  {' '.join(made)}\nand not with\n  {' '.join(self.options(method, seed))}\nGive the same --arch and --epochs, or other folders.")
                return True
        return False

    def run(self, data, method, seed):
        folder = os.path.join(self.arguments.out, data[0], method, str(seed))
        result = os.path.join(folder, "result.json")
        os.makedirs(folder, exist_ok=True)
        path = lambda name: os.path.join(folder, name)
        options = self.options(method, seed)
        command = [self.tool("mexit-train"), "--data", data[1], "--out", path("model.mexit"), "--metrics", path("metrics.jsonl"),
                   "--state", path("state"), "--quiet"] + options
        if os.path.exists(path("state")):
            command += ["--resume", path("state")]
        print(f"{time.strftime('%H:%M:%S')} {data[0]} {method} seed {seed}", flush=True)
        with open(path("log"), "a") as log:
            if self.call(command, stdout=subprocess.DEVNULL, stderr=log) is None:
                return self.report(f"{data[0]} {method} seed {seed} stopped; see {path('log')}")
            output = self.call([self.tool("mexit-eval"), path("model.mexit"), "--data", data[1], "--split", "test", "--threads", "1", "--json"],
                               stdout=subprocess.PIPE, stderr=log)
        if output is None:
            return self.report(f"{data[0]} {method} seed {seed} was not measured; see {path('log')}")
        # Names instead of this machine's paths: the file may be kept.
        test = json.loads(output) | {"model": "model.mexit", "data": f"{data[0]} (test)"}
        with open(result + ".new", "w") as file:
            json.dump({"data": data[0], "method": method, "seed": seed, "options": options, "test": test}, file)
        os.rename(result + ".new", result)

    def report(self, text):
        if not self.stopping:
            self.failed += 1
            print(f"error: {text}", file=sys.stderr, flush=True)

    def stop(self, *_):
        with self.lock:
            self.stopping = True
            for child in self.children:
                child.send_signal(signal.SIGINT)

    def work(self, tasks):
        while True:
            with self.lock:
                if self.stopping or not tasks:
                    return
                task = tasks.pop(0)
            try:
                self.run(*task)
            except Exception as error:
                self.report(f"{task[0][0]} {task[1]} seed {task[2]} could not be run: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--kept", metavar="FOLDER", help="results of earlier runs, as summary.py --keep writes them: not done again")
    parser.add_argument("--data", action="append", required=True, metavar="NAME=KIND:DIR")
    parser.add_argument("--arch", default="msdnet-micro")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, of one thread each")
    parser.add_argument("--tools", default=os.path.join(ROOT, ".build", "release"), metavar="FOLDER", help="where mexit-train and mexit-eval are")
    arguments = parser.parse_args()
    data = [tuple(d.split("=", 1)) for d in arguments.data]
    for given, parts in zip(arguments.data, data):
        if len(parts) != 2 or not all(parts):
            parser.error(f"--data is '{given}'; it must be NAME=KIND:DIR, such as cifar10=images:photos")
    methods = arguments.methods.split(",")
    for method in methods:
        if method not in METHODS:
            parser.error(f"no method '{method}'; there are {', '.join(METHODS)}")
    tasks = [(d, m, s) for s in range(1, arguments.seeds + 1) for d in data for m in methods]
    runner = Runner(arguments)
    tasks = [task for task in tasks if not runner.is_done(*task)]
    signal.signal(signal.SIGINT, runner.stop)
    signal.signal(signal.SIGTERM, runner.stop)
    signal.signal(signal.SIGHUP, runner.stop)
    workers = [threading.Thread(target=runner.work, args=(tasks,)) for _ in range(arguments.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        while worker.is_alive():
            worker.join(1)
    if runner.failed or runner.stopping:
        sys.exit(f"error: {'stopped; start it again to go on' if runner.stopping else f'{runner.failed} runs failed'}")


if __name__ == "__main__":
    main()
