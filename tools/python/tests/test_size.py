"""The shipped model is smaller than what people would compare it with."""
from __future__ import annotations

import json
import struct
import zlib

from conftest import ROOT

import mexit

MODEL = ROOT / "models" / "cifar10-msdnet-tiny.mexit"


def test_f32_is_smaller_than_raw_and_than_deflated_safetensors() -> None:
    tensors = mexit.read(MODEL).tensors
    raw = sum(values.nbytes for values in tensors.values())
    assert MODEL.stat().st_size <= 0.88 * raw
    header, data = {}, b""
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.astype("<f4").tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    assert MODEL.stat().st_size < len(zlib.compress(struct.pack("<Q", len(text)) + text + data, 9))
