#!/usr/bin/env python3
"""Writes a request line for every photograph below a folder, named by its relative path.

    tools/deploy/make-requests.py photos                 mexit-serve reads the files: give it --allow-paths photos
    tools/deploy/make-requests.py --embed photos         the files are in the requests, for servers on other machines
"""
import argparse
import base64
import json
import pathlib
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--embed", action="store_true", help="put the files into the requests")
arguments = parser.parse_args()
if not arguments.folder.is_dir():
    sys.exit(f"error: cannot list {arguments.folder}: it is not a folder")

try:
    for path in sorted(arguments.folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png") or not path.is_file():
            continue
        name = path.relative_to(arguments.folder).as_posix()
        source = {"image": base64.b64encode(path.read_bytes()).decode()} if arguments.embed else {"path": name}
        print(json.dumps({"id": name, **source}))
    sys.stdout.flush()
except BrokenPipeError:
    # Whoever reads has seen enough. Python flushes stdout once more as it ends; that may not fail again.
    sys.stdout = None
