#!/usr/bin/env python3
"""Classifies the photographs of a folder on Ray: a pool of actors, each with a mexit-serve of its own. Writes a JSON line each.

    PYTHONPATH=tools/clients/python python3 tools/deploy/ray/classify.py --model photos.mexit photos answers.jsonl

The actors read the photographs themselves: model, photographs and mexit-serve must be at the same paths on every node. An
actor whose server dies ends with it; Ray starts another in its place and gives it the same photographs again.
"""
import argparse
import json
import os
import pathlib

import ray
from ray.util import ActorPool

from mexit_client import Client, RequestError, Sample, ServerGone


# Bounded, so that a photograph that kills every server fails the program instead of keeping it busy for ever.
@ray.remote(num_cpus=1, max_restarts=3, max_task_retries=3)
class Classifier:
    def __init__(self, model, policy):
        self.client = Client(model, policy=policy, threads=1)

    def classify(self, paths):
        """A row for each of the paths, in order."""
        try:
            answers = self.client.map(Sample.from_file(path) for path in paths)
            return [row(path, answer) for path, answer in zip(paths, answers)]
        except ServerGone:
            os._exit(1)  # To Ray this is a crash, which is what it restarts actors for.


def row(path, answer):
    if isinstance(answer, RequestError):
        return {"path": path, "error": str(answer)}
    return {"path": path, "class": answer.class_name, "confidence": answer.confidence, "exit": answer.exit, "macs": answer.macs,
            "macs_saved": answer.macs_saved}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("answers", help="the file to write; it appears when all are answered")
    parser.add_argument("--model", required=True)
    parser.add_argument("--policy", default="confidence:0.9")
    parser.add_argument("--actors", type=int, help="servers (default: one per CPU of the cluster)")
    parser.add_argument("--batch", type=int, default=64, help="photographs that an actor is given at once (default: 64)")
    arguments = parser.parse_args()

    ray.init()
    paths = sorted(str(p.absolute()) for p in arguments.photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    batches = [paths[start:start + arguments.batch] for start in range(0, len(paths), arguments.batch)]
    actors = arguments.actors or int(ray.cluster_resources()["CPU"])
    model = os.path.abspath(arguments.model)
    pool = ActorPool([Classifier.remote(model, arguments.policy) for _ in range(actors)])
    # Not stdout: Ray prints there what its workers log, even within a line of ours.
    part = arguments.answers + ".part"
    with open(part, "w", encoding="utf-8") as file:
        for rows in pool.map_unordered(lambda actor, batch: actor.classify.remote(batch), batches):
            file.writelines(json.dumps(one) + "\n" for one in rows)
    os.replace(part, arguments.answers)


if __name__ == "__main__":
    main()
