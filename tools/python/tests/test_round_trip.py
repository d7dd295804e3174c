"""Written, read and written again: the same content, the same bytes."""
from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy
import pytest
from networks import linear_model, mixed_model

import mexit
from mexit import Model
from mexit.container import pack_container
from mexit.files import to_bytes
from mexit.header import KIND_TRAINING_STATE


def test_read_gives_what_was_written(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "a.mexit"
    mexit.write(model, path)
    found = mexit.read(path)
    assert found.graph.exits == model.graph.exits
    assert [node.name for node in found.graph.nodes] == [node.name for node in model.graph.nodes]
    assert (found.preprocessing, found.class_names, found.policies) == (model.preprocessing, model.class_names, model.policies)
    assert found.provenance == model.provenance
    assert list(found.tensors) == [parameter.name for parameter in model.graph.parameters()]
    for name, values in model.tensors.items():
        assert found.tensors[name].tobytes() == values.tobytes()
    assert to_bytes(found) == path.read_bytes()


def test_every_float_keeps_its_bits(tmp_path: Path) -> None:
    model = linear_model()
    bits = numpy.array([0, 0x80000000, 1, 0x7F800000, 0xFF800000, 0x7FC00001, 0x7F800001, 0x3F800000, 0xFFFFFFFF], numpy.uint32)
    model.tensors["hidden2.bias"] = bits.view(numpy.float32)
    mexit.write(model, tmp_path / "a.mexit")
    assert mexit.read(tmp_path / "a.mexit").tensors["hidden2.bias"].view(numpy.uint32).tolist() == bits.tolist()


def test_zeros_are_stored_raw_where_they_would_deflate_too_well() -> None:
    zeros = numpy.zeros(9 << 20, numpy.float32)
    data = pack_container(KIND_TRAINING_STATE, b"", [(name, 0, zeros, "f32") for name in "abc"])
    assert len(zeros) * 4 < len(data) < 1.1 * len(zeros) * 4  # one of the three


def test_order_of_tensors_does_not_matter() -> None:
    model = mixed_model()
    first = to_bytes(model)
    model.tensors = dict(reversed(list(model.tensors.items())))
    assert to_bytes(model) == first


def test_segments_lie_in_stage_order() -> None:
    stages = [parameter.stage for parameter in mixed_model().graph.parameters()]
    assert stages == sorted(stages) and set(stages) == {0, 1, 2, 3}  # 3: the node that no exit reads


def test_compressible_tensor_is_compressed() -> None:
    model = linear_model()
    before = len(to_bytes(model))
    model.tensors["hidden.weight"] = numpy.zeros_like(model.tensors["hidden.weight"])
    assert len(to_bytes(model)) < before


def test_write_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target.mexit", tmp_path / "link.mexit"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    mexit.write(linear_model(), link)
    assert link.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert target.read_bytes() == to_bytes(linear_model())
    assert sorted(os.listdir(tmp_path)) == ["link.mexit", "target.mexit"]


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mexit"
    path.write_bytes(b"old")
    model = linear_model()
    del model.tensors["hidden.bias"]
    with pytest.raises(mexit.MexitError, match="tensor 'hidden.bias' is missing"):
        mexit.write(model, path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.mexit"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda m: m.tensors.update({"hidden.bias": numpy.zeros(3, numpy.float32)}), r"shape \[3\]; the graph needs \[16\]"),
        (lambda m: m.tensors.update({"hidden.bias": numpy.zeros(16)}), "float64; must be float32"),
        (lambda m: m.tensors.update({"other": numpy.zeros(1, numpy.float32)}), "belongs to no node"),
        (lambda m: m.class_names.append("one"), "1 class names; the graph has 3"),
        (lambda m: m.preprocessing.std.__setitem__(0, 0.0), "must be positive"),
        (lambda m: m.preprocessing.mean.pop(), "6 values; the input has 7"),
        (lambda m: m.policies.append(mexit.Policy("p", "luck", [0.5])), "measure 'luck'"),
        (lambda m: m.policies.append(mexit.Policy("p", "entropy", [])), "0 thresholds; 2 exits need 1"),
        (lambda m: m.policies.extend([mexit.Policy("p", "entropy", [0.5])] * 2), "appears twice"),
        (lambda m: setattr(m.provenance, "command", "a\u202eb"), r"U\+202E"),
        (lambda m: setattr(m.provenance, "seed", -1), "does not fit its field"),
    ],
)
def test_model_that_breaks_a_rule_is_not_written(change, message: str) -> None:
    model = linear_model()
    change(model)
    with pytest.raises(mexit.MexitError, match=message):
        to_bytes(model)
