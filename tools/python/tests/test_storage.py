"""Precisions of weights in a file: what is rounded, how far, and that nothing else is."""
from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from networks import linear_model, mixed_model

import mexit
from mexit import MexitError, Model
from mexit.files import open_directory, to_bytes
from mexit.storage import STORAGES, from_elements, to_elements


def stored(values: numpy.ndarray, storage: str) -> numpy.ndarray:
    elements, scales = to_elements(values, storage, "t")
    return from_elements(numpy.frombuffer(elements.tobytes(), numpy.uint8), storage, scales, values.shape)


def bound(values: numpy.ndarray, storage: str) -> numpy.ndarray:
    if storage == "int8":
        return numpy.broadcast_to(abs(values).reshape(len(values), -1).max(axis=1).reshape(-1, *[1] * (values.ndim - 1)) / 127 * 0.50001, values.shape)
    if storage == "f16":
        return numpy.maximum(abs(values) * 2.0**-11, 2.0**-25)
    return abs(values) * {"f32": 0.0, "bf16": 2.0**-8}[storage]


@pytest.mark.parametrize("storage", STORAGES)
def test_rounding(storage: str) -> None:
    values = (numpy.random.default_rng(0).normal(size=(5, 40)) * numpy.logspace(-6, 1, 5)[:, None]).astype(numpy.float32)
    found = stored(values, storage)
    assert found.dtype == numpy.float32 and (abs(found - values) <= bound(values, storage)).all()
    assert numpy.array_equal(stored(found, storage), found)


def test_special_values() -> None:
    special = numpy.array([[0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 65504]], numpy.float32)
    for storage in ("f32", "f16", "bf16"):
        found = stored(special, storage)
        assert numpy.array_equal(numpy.isnan(found), numpy.isnan(special)) and numpy.array_equal(found[0, :4], special[0, :4])
    assert numpy.array_equal(stored(numpy.array([[0, 0], [1e-40, 0], [1, -1]], numpy.float32), "int8"), [[0, 0], [0, 0], [1, -1]])
    payload = numpy.array([0x7F800001], numpy.uint32).view(numpy.float32)
    assert numpy.isnan(stored(payload, "bf16")).all()  # not infinity, though the bits that make it a NaN are cut off
    for values, storage in [([65536.0], "f16"), ([numpy.inf], "int8"), ([numpy.nan], "int8")]:
        with pytest.raises(MexitError, match="tensor 'a'"):
            to_elements(numpy.array([values], numpy.float32), storage, "tensor 'a'")


@pytest.mark.parametrize("storage", STORAGES)
def test_files(storage: str, model: Model, tmp_path: Path) -> None:
    mexit.write(model, tmp_path / "a.mexit", storage=storage)
    read, segments = open_directory(tmp_path / "a.mexit")
    for segment in segments:
        values = model.tensors[segment.name]
        assert segment.storage == (storage if values.ndim > 1 else "f32")
        assert (abs(read.tensors[segment.name] - values) <= bound(values, segment.storage)).all()
    assert read.policies == model.policies
    assert to_bytes(read, storage) == (tmp_path / "a.mexit").read_bytes()
    with pytest.raises(MexitError, match="f64"):
        mexit.write(model, tmp_path / "a.mexit", storage="f64")


def test_sizes() -> None:
    model = linear_model()
    model.tensors["hidden.weight"] = numpy.random.default_rng(0).normal(size=(16, 7)).astype(numpy.float32)
    sizes = [len(to_bytes(mixed_model(), storage)) for storage in ("f32", "bf16", "int8")]
    assert sizes[0] > sizes[1] > sizes[2]
