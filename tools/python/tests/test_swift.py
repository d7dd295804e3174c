"""Against the Swift package: its files, its reader, its answers. Skipped where its commands are not built."""
from __future__ import annotations

import base64
import json
import struct
import subprocess
import zlib
from pathlib import Path
from typing import List

import numpy
import pytest
from conftest import find_tool

import mexit
from mexit import Model
from mexit.report import inspect


def tool(name: str) -> str:
    path = find_tool(name)
    if path is None:
        pytest.skip(f"{name} is not built; set MEXIT_BIN to the folder that has it")
    return path


def run(*command: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)


def png(pixels: numpy.ndarray) -> bytes:
    """An RGB image [H, W, 3] of bytes."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and a training state, made by mexit-train from two classes of coloured noise."""
    train = tool("mexit-train")
    folder = tmp_path_factory.mktemp("trained")
    random = numpy.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(2):
            place = folder / "data" / split / f"class{label}"
            place.mkdir(parents=True)
            for number in range(8):
                pixels = random.integers(0, 128, (32, 32, 3), dtype=numpy.uint8)
                pixels[:, :, label] += 100
                (place / f"{number}.png").write_bytes(png(pixels))
    done = run(
        train, "--data", f"images:{folder / 'data'}", "--arch", "msdnet-tiny", "--out", str(folder / "a.mexit"), "--epochs", "1",
        "--batch-size", "8", "--validation", "4", "--state", str(folder / "a.state"), "--threads", "1",
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_trained_file_is_written_again_byte_for_byte(trained: Path) -> None:
    model = mexit.read(trained / "a.mexit")
    assert model.provenance.architecture == "msdnet-tiny" and model.class_names == ["class0", "class1"]
    mexit.write(model, trained / "again.mexit")
    done = run(tool("mexit-inspect"), str(trained / "again.mexit"), "--verify")
    assert done.returncode == 0, done.stderr
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng deflates to other bytes, as valid
        assert (trained / "again.mexit").read_bytes() == (trained / "a.mexit").read_bytes()


def test_training_state_is_refused_by_kind(trained: Path) -> None:
    with pytest.raises(mexit.MexitError, match="it is a training state, not a model"):
        mexit.read(trained / "a.state")


def test_inspect_accepts_ours(model: Model, tmp_path: Path) -> None:
    mexit.write(model, tmp_path / "a.mexit")
    done = run(tool("mexit-inspect"), str(tmp_path / "a.mexit"), "--verify", "--json")
    assert done.returncode == 0, done.stderr
    ours, theirs = inspect(tmp_path / "a.mexit"), json.loads(done.stdout)
    assert [stage["cost"]["macs"] for stage in theirs["stages"]] == [stage["macs"] for stage in ours["stages"]]


def answers(path: Path, x: numpy.ndarray) -> List[numpy.ndarray]:
    """Logits of every exit, [N, classes] each, from mexit-serve."""
    exits = len(mexit.read(path).graph.exits)
    requests = [
        {"id": str(number), "tensor": base64.b64encode(image.tobytes()).decode(), "dtype": "f32", "anytime": True, "logits": True,
         "policy": {"kind": "exit", "exit": exits - 1}}
        for number, image in enumerate(x.astype("<f4"))
    ]
    done = run(tool("mexit-serve"), str(path), text="".join(json.dumps(request) + "\n" for request in requests))
    assert done.returncode == 0, done.stderr
    results = [line for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "result"]
    assert len(results) == len(x) * exits
    logits = {(result["exit"], int(result["id"])): result["logits"] for result in results}
    return [numpy.array([logits[exit, number] for number in range(len(x))]) for exit in range(exits)]


def test_serve_gives_the_reference_logits(model: Model, tmp_path: Path) -> None:
    """Every operation, through the real runtime."""
    mexit.write(model, tmp_path / "a.mexit")
    x = numpy.random.default_rng(0).normal(size=(3, *model.graph.input_shape)).astype(numpy.float32)
    for found, logits in zip(answers(tmp_path / "a.mexit", x), mexit.evaluate(model, x), strict=True):
        # Sums of up to a few thousand float32 products: a few hundred units in the last place are generous.
        assert numpy.abs(found - logits).max() <= 1e-5 * numpy.abs(logits).max()
