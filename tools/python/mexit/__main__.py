"""`python -m mexit`: inspect a file, export it to ONNX."""
from __future__ import annotations

import argparse
import json
import sys
from typing import List, Optional

from . import __version__
from .errors import MexitError
from .report import as_text, inspect


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit codes: 0 done, 1 failed, 64 usage."""
    parser = _Parser(prog="python -m mexit", description="Inspect .mexit files and export them to ONNX.")
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

    options = parser.parse_args(arguments)
    try:
        if options.command == "inspect":
            report = inspect(options.file)
            print(json.dumps(report) if options.json else as_text(report))
        else:
            _export(options)
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


def _indices(text: str) -> List[int]:
    return [int(part) for part in text.split(",")]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(64, f"error: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
