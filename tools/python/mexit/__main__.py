"""`python -m mexit`: inspect a file, take it to ONNX or from there."""
from __future__ import annotations

import argparse
import json
import sys
from typing import List, Optional

from . import __version__
from .errors import MexitError
from .report import as_text, inspect
from .storage import STORAGES


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit codes: 0 done, 1 failed, 64 usage."""
    parser = _Parser(prog="python -m mexit", description="Inspect .mexit files, export them to ONNX, import networks from ONNX.")
    parser.add_argument("--version", action="version", version=f"mexit (Python) {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    show = commands.add_parser("inspect", help="check every byte of a file and show what it holds")
    show.add_argument("file", metavar="FILE")
    show.add_argument("--json", action="store_true", help="print JSON")

    export = commands.add_parser("to-onnx", help="write the network, or each of its stages, as ONNX")
    export.add_argument("file", metavar="FILE")
    export.add_argument("out", metavar="OUT", help="an .onnx file; with --stages, a folder")
    export.add_argument("--stages", action="store_true", help="one file per stage, and stages.json that says how they join")
    export.add_argument("--exits", type=_indices, metavar="LIST", help="only these exits, such as 0,3 (default: all)")
    export.add_argument("--batch", type=int, metavar="N", help="fix the batch size (default: any)")
    export.add_argument("--keep-batch-norm", action="store_true", help="do not fold batch norms into convolutions and linear layers")

    load = commands.add_parser("from-onnx", help="make a .mexit file of an ONNX network with several exits")
    load.add_argument("file", metavar="FILE", help="an .onnx file")
    load.add_argument("out", metavar="OUT", help="the .mexit file to write")
    load.add_argument("--exits", type=_names, metavar="LIST", help="names of the values that give logits, shallowest first (default: all outputs)")
    load.add_argument("--input-shape", type=_shape, metavar="CxHxW", help="shape of one sample, where the file leaves it open")
    load.add_argument("--mean", type=_floats, metavar="LIST", help="per channel: x = (u8 / 255 - mean) / std (default: 0)")
    load.add_argument("--std", type=_floats, metavar="LIST", help="per channel (default: 1)")
    load.add_argument("--classes", metavar="FILE", help="names of the classes, one a line")
    load.add_argument("--store", choices=STORAGES, default="f32", help="precision of the weights in the file (default: f32)")
    load.add_argument("--verify", action="store_true", help="compare with ONNX Runtime on random input first; needs the package onnxruntime")

    options = parser.parse_args(arguments)
    try:
        if options.command == "inspect":
            report = inspect(options.file)
            print(json.dumps(report) if options.json else as_text(report))
        elif options.command == "to-onnx":
            _export(options)
        else:
            _import(options)
    except (MexitError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _export(options: argparse.Namespace) -> None:
    from . import onnx  # only this command needs the onnx package

    from .files import read

    model = read(options.file)
    arguments = {"batch": options.batch, "fold_batch_norm": not options.keep_batch_norm}
    if options.stages:
        if options.exits is not None:
            raise MexitError("--exits cannot be used with --stages: the stages of all exits are written")
        files = onnx.export_stages(model, options.out, **arguments)
    else:
        files = [onnx.export(model, options.out, exits=options.exits, **arguments)]
    for file in files:
        print(file)


def _import(options: argparse.Namespace) -> None:
    from . import onnx_import  # only this command needs the onnx package

    from .files import write

    names: List[str] = []
    if options.classes is not None:
        with open(options.classes, encoding="utf-8") as file:
            names = file.read().splitlines()
    model = onnx_import.load(
        options.file, exits=options.exits, input_shape=options.input_shape, mean=options.mean, std=options.std, class_names=names)
    if options.verify:
        worst = onnx_import.compare(model, options.file)
        print("largest difference from ONNX Runtime's logits, relative: " + " ".join(f"{value:.1e}" for value in worst), file=sys.stderr)
    write(model, options.out, storage=options.store)
    print(options.out)


def _names(text: str) -> List[str]:
    return text.split(",")


def _floats(text: str) -> List[float]:
    return [float(part) for part in text.split(",")]


def _shape(text: str) -> List[int]:
    return [int(part) for part in text.split("x")]


def _indices(text: str) -> List[int]:
    return [int(part) for part in text.split(",")]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(64, f"error: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
