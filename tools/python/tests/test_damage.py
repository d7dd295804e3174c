"""Damaged and hostile files: an error that names the field, never another exception, never an answer."""
from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Callable

import numpy
import pytest
from networks import linear_model, mixed_model

import mexit
from mexit import MexitError, mexit_pb2
from mexit.container import unpack
from mexit.files import to_bytes
from mexit.header import align, read_header
from mexit.wire import MAX_ITEMS


@pytest.fixture(scope="module")
def good() -> bytes:
    return to_bytes(linear_model())


def failure(data: bytes, tmp_path: Path) -> str:
    path = tmp_path / "bad.mexit"
    path.write_bytes(data)
    with pytest.raises(MexitError) as caught:
        mexit.read(path)
    return str(caught.value)


def with_header(data: bytes, **fields: int) -> bytes:
    """The file with fields of its header changed and the header's CRC right again."""
    places = {"kind": ("<B", 5), "major": ("<H", 6), "minor": ("<H", 8), "size": ("<H", 10), "codec": ("<I", 12),
              "stored": ("<Q", 16), "raw": ("<Q", 24), "total": ("<Q", 32), "crc": ("<I", 40)}
    header = bytearray(data[:64])
    for name, value in fields.items():
        struct.pack_into(places[name][0], header, places[name][1], value)
    struct.pack_into("<I", header, 60, zlib.crc32(header[:60]))
    return bytes(header) + data[64:]


def with_message(data: bytes, change: Callable[[mexit_pb2.Container], None], unknown: bytes = b"") -> bytes:
    """The file with its message changed and everything else right again."""
    header = read_header(data[:4096], len(data))
    container = mexit_pb2.Container.FromString(zlib.decompress(data[64 : 64 + header.stored_bytes]))
    change(container)
    return with_raw_message(data, container.SerializeToString() + unknown)


def with_raw_message(data: bytes, raw: bytes) -> bytes:
    header = read_header(data[:4096], len(data))
    stored = zlib.compress(raw)
    body = stored + bytes(align(64 + len(stored)) - 64 - len(stored)) + data[header.segments_start :]
    return with_header(data[:64] + body, stored=len(stored), raw=len(raw), total=64 + len(body), crc=zlib.crc32(stored))


def with_model(data: bytes, change: Callable[[mexit_pb2.Model], None]) -> bytes:
    def change_content(container: mexit_pb2.Container) -> None:
        model = mexit_pb2.Model.FromString(container.content)
        change(model)
        container.content = model.SerializeToString()

    return with_message(data, change_content)


def test_any_cut_is_seen(good: bytes, tmp_path: Path) -> None:
    for length in [0, 1, 4, 63, 64, 100, len(good) // 2, len(good) - 1]:
        failure(good[:length], tmp_path)
    failure(good + b"\0", tmp_path)


def test_any_changed_byte_is_seen(good: bytes, tmp_path: Path) -> None:
    header = read_header(good[:4096], len(good))
    places = {*range(0, 64), *range(64, len(good), 37), *range(64 + header.stored_bytes, header.segments_start), len(good) - 1}
    for place in sorted(places):
        data = bytearray(good)
        data[place] ^= 0x10
        assert failure(bytes(data), tmp_path), place


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"kind": 2}, "training state"), ({"kind": 9}, "kind is 9"), ({"major": 2}, "version is 2.0; this reader knows 1.x"),
        ({"codec": 7}, "codec of the message is 7"), ({"raw": 1 << 40}, "at most 67108864"), ({"raw": 1}, "message does not inflate to exactly 1 bytes"),
        ({"stored": 1 << 40}, "stored bytes of the message is 1099511627776"), ({"total": 3}, "bytes of the file is 3"),
        ({"crc": 0}, "CRC-32 of message"), ({"raw": 60000}, "does not inflate to exactly 60000"),
    ],
)
def test_header_fields(good: bytes, tmp_path: Path, fields: dict, message: str) -> None:
    assert message in failure(with_header(good, **fields), tmp_path)


def test_header_bytes_out_of_range(good: bytes, tmp_path: Path) -> None:
    for size in (0, 60, 66, 5000):
        assert f"header bytes is {size}" in failure(with_header(good, size=size), tmp_path)


def test_newer_minor_version_with_a_longer_header_loads(good: bytes, tmp_path: Path) -> None:
    header = read_header(good[:4096], len(good))
    message, area = good[64 : 64 + header.stored_bytes], good[header.segments_start :]
    start = bytearray(good[:44]).ljust(128, b"\x07")
    struct.pack_into("<HH", start, 8, 5, 128)
    body = message + bytes(align(128 + len(message)) - 128 - len(message)) + area
    struct.pack_into("<Q", start, 32, 128 + len(body))
    struct.pack_into("<I", start, 124, zlib.crc32(start[:124]))
    (tmp_path / "newer.mexit").write_bytes(bytes(start) + body)
    assert to_bytes(mexit.read(tmp_path / "newer.mexit")) == good


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: setattr(c.segments[1], "offset", 64), "offset is 64"),
        (lambda c: setattr(c.segments[0], "storage", 5), "storage 5 is not known"),
        (lambda c: setattr(c.segments[0], "codec", 9), "codec 9 is not known"),
        (lambda c: setattr(c.segments[0], "raw_bytes", 4), "raw_bytes is 4"),
        (lambda c: setattr(c.segments[0], "crc32", 4), "CRC-32 of segment 'hidden.weight'"),
        (lambda c: setattr(c.segments[1], "name", "hidden.weight"), "names must be unique"),
        (lambda c: setattr(c.segments[1], "name", "hidden.other"), "the graph needs 'hidden.bias' here"),
        (lambda c: setattr(c.segments[1], "name", "a\u2066b"), "U+2066"),
        (lambda c: setattr(c.segments[0], "stage", 1), "stages never descend"),
        (lambda c: setattr(c.segments[-1], "stage", 2), "stage is 2; in the graph it is 1"),
        (lambda c: c.segments[0].dims.__setitem__(0, 0), "must be 1 to 8 numbers"),
        (lambda c: c.segments[0].dims.append(1), "the graph needs [16, 7]"),
        (lambda c: c.segments[0].dims.append(1 << 60), "at most 2^31"),
        (lambda c: c.segments.__delitem__(-1), "the last segment ends at"),
        (lambda c: c.ClearField("segments"), "the last segment ends at"),
    ],
)
def test_directory(good: bytes, tmp_path: Path, change, message: str) -> None:
    assert message in failure(with_message(good, change), tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda m: m.graph.nodes[1].ClearField("linear"), "node 1 'hidden' has no operation"),
        (lambda m: m.graph.nodes[2].inputs.__setitem__(0, 2), "input 0 is node 2; it must be an earlier node"),
        (lambda m: m.graph.nodes[2].inputs.append(0), "reads 2 nodes; needs exactly 1"),
        (lambda m: setattr(m.graph.nodes[2], "name", "hidden"), "names must be unique"),
        (lambda m: setattr(m.graph.nodes[2].activation, "function", 99), "activation function 99 is not known"),
        (lambda m: setattr(m.graph.nodes[2].activation, "function", 0), "activation function 0 is not known"),
        (lambda m: setattr(m.graph.nodes[1].linear, "out_features", 17), "the graph needs [17, 7]"),
        (lambda m: setattr(m.graph.nodes[1].linear, "out_features", 0), "out_features 0"),
        (lambda m: setattr(m.graph.exits[0], "logits", 9), "logits are node 9"),
        (lambda m: setattr(m.graph.exits[1], "logits", 3), "as for an earlier exit"),
        (lambda m: setattr(m.graph.exits[1], "logits", 4), "9 classes; exit 0 has 3"),
        (lambda m: m.graph.ClearField("exits"), "0 exits"),
        (lambda m: m.ClearField("graph"), "the model's graph is missing"),
        (lambda m: m.ClearField("preprocessing"), "the model's preprocessing is missing"),
        (lambda m: m.graph.nodes[0].input.dims.append(2), "must be [C, H, W] or [K]"),
        (lambda m: m.graph.nodes[1].input.dims.append(2), "node 0, and no other, must be the input"),
        (lambda m: m.class_names.extend(["a", "b", "c\x07"]), "U+0007"),
        (lambda m: m.graph.nodes[1].MergeFromString(b"\xf2\x01\x00"), "operation 30 is not known"),
    ],
)
def test_graph(good: bytes, tmp_path: Path, change, message: str) -> None:
    assert message in failure(with_model(good, change), tmp_path)


def test_unknown_fields_below_the_operations_are_ignored(good: bytes, tmp_path: Path) -> None:
    data = with_model(good, lambda m: m.graph.nodes[1].MergeFromString(b"\x78\x01"))
    (tmp_path / "a.mexit").write_bytes(data)
    assert to_bytes(mexit.read(tmp_path / "a.mexit")) == good


def test_segment_that_inflates_to_something_else(tmp_path: Path) -> None:
    model = linear_model()
    model.tensors["hidden.weight"] = numpy.zeros((16, 7), numpy.float32)
    good = to_bytes(model)
    for wrong in (bytes(16 * 7 * 4 - 1), bytes(16 * 7 * 4 + 1)):
        stored = zlib.compress(wrong, 6)

        def change(container: mexit_pb2.Container, stored: bytes = stored) -> None:
            container.segments[0].crc32 = zlib.crc32(stored)

        data = with_message(good, change)
        header = read_header(data[:4096], len(data))
        start = header.segments_start
        assert len(stored) == len(zlib.compress(bytes(16 * 7 * 4), 6))  # fits the same place
        message = failure(data[:start] + stored + data[start + len(stored) :], tmp_path)
        assert "does not inflate to exactly 448 bytes" in message


def test_message_that_would_take_much_memory(good: bytes, tmp_path: Path) -> None:
    message = failure(with_raw_message(good, b"\x12\x00" * (MAX_ITEMS + 1)), tmp_path)
    assert "holds more than" in message


@pytest.mark.parametrize("raw", [b"\x0a\x05ab", b"\x0a", b"\xff" * 11, b"\x0b", b"\x09abc", b"\x12\x02\x0a\x05"])
def test_damaged_messages(raw: bytes) -> None:
    with pytest.raises(MexitError, match="damaged"):
        unpack(raw, mexit_pb2.Container, "message")


def test_rules_of_operations() -> None:
    from mexit.operations import Add, AveragePool, BatchNorm, Conv2d, GlobalAveragePool, Linear, Resize, Upsample
    from mexit.shapes import output_shape

    maps, vector = (4, 8, 6), (5,)
    assert output_shape(Conv2d(6, 3, 2, stride=2, padding=1, dilation=2, groups=2), [maps]) == (6, 3, 3)
    assert output_shape(AveragePool(3, 2), [maps]) == (4, 3, 2)  # never rounded up
    assert output_shape(GlobalAveragePool(), [maps]) == (4, 1, 1)
    assert output_shape(Resize(3, 9), [maps]) == (4, 3, 9)
    for operation, inputs in [
        (Conv2d(6, 3, 3, groups=3), [maps]), (Conv2d(6, 9, 9), [maps]), (Conv2d(6, 3, 3, stride=0), [maps]), (Conv2d(6, 3, 3), [vector]),
        (AveragePool(3, 2, padding=2), [maps]), (Linear(3), [maps]), (Add(), [maps]), (Add(), [maps, vector]),
        (BatchNorm(0.0), [maps]), (BatchNorm(float("nan")), [maps]), (Upsample(65), [maps]), (Upsample(2), [vector]),
        (Resize(0, 3), [maps]), (Resize(3, 65537), [maps]), (Resize(65536, 65536), [maps]), (Resize(2, 2), [vector]),
    ]:
        with pytest.raises(MexitError):
            output_shape(operation, inputs)


def test_mixed_model_survives_fuzzing_of_its_message(tmp_path: Path) -> None:
    """Random changes of an otherwise right file either fail with our error or give a model that fits its graph."""
    good = to_bytes(mixed_model())
    header = read_header(good[:4096], len(good))
    raw = zlib.decompress(good[64 : 64 + header.stored_bytes])
    random = numpy.random.default_rng(0)
    path = tmp_path / "fuzzed.mexit"
    refused = 0
    for _ in range(300):
        changed = bytearray(raw)
        for place in random.integers(0, len(raw), random.integers(1, 4)):
            changed[place] = random.integers(0, 256)
        path.write_bytes(with_raw_message(good, bytes(changed)))
        try:
            mexit.read(path).check()
        except MexitError:
            refused += 1
    assert refused > 150
