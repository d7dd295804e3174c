"""What PyTorch's exporters make of multi-exit networks is imported, and computes what ONNX Runtime computes."""
from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, List

import numpy
import pytest
from test_swift import answers, tool

import mexit
from mexit import MexitError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

import mexit.onnx_import  # noqa: E402
import torch_networks  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

NETWORKS = {
    "msdnet": torch_networks.msdnet, "resnet": torch_networks.ResNet, "mobilenet": torch_networks.MobileNet, "mixed": torch_networks.Mixed,
}


def exported(network: "torch.nn.Module", path: Path, exporter: str) -> None:
    """The file that an exporter makes, with an open batch size."""
    x = torch.zeros(2, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            pytest.importorskip("onnxscript")
            torch.onnx.export(network, (x,), path, dynamo=True, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), verbose=False)
        else:
            keep = exporter == "torchscript-unfolded"
            torch.onnx.export(
                network, (x,), path, dynamo=False, input_names=["image"], dynamic_axes={"image": {0: "batch"}},
                do_constant_folding=not keep, training=torch.onnx.TrainingMode.PRESERVE if keep else torch.onnx.TrainingMode.EVAL)


def runtime_logits(path: Path, x: numpy.ndarray) -> List[numpy.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def images(count: int = 2) -> numpy.ndarray:
    return numpy.random.default_rng(3).normal(size=(count, 3, 32, 32)).astype(numpy.float32)


@pytest.mark.parametrize("weights", ["random", "trained"])
@pytest.mark.parametrize("exporter", ["torchscript", "torchscript-unfolded", "dynamo"])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_logits_are_those_of_onnx_runtime(name: str, exporter: str, weights: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    network = torch_networks.trained(network) if weights == "trained" else torch_networks.shaken(network)
    exported(network, tmp_path / "a.onnx", exporter)
    model = mexit.onnx_import.load(tmp_path / "a.onnx")
    x = images()
    expected = runtime_logits(tmp_path / "a.onnx", x)
    for found, logits in zip(mexit.evaluate(model, x), expected, strict=True):
        assert numpy.abs(found - logits).max() <= 1e-4 * numpy.abs(logits).max()
    # Heads are not part of what later exits need: stages are derived from the graph that was imported.
    assert len(model.graph.exits) == len(expected) and sorted(set(model.graph.stage_of[1:])) == list(range(len(expected)))
    mexit.write(model, tmp_path / "a.mexit")
    assert mexit.read(tmp_path / "a.mexit").graph == model.graph


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_runtime_computes_the_same(name: str, tmp_path: Path) -> None:
    tool("mexit-serve")
    torch.manual_seed(0)
    exported(torch_networks.trained(NETWORKS[name]()), tmp_path / "a.onnx", "torchscript")
    mexit.write(mexit.onnx_import.load(tmp_path / "a.onnx"), tmp_path / "a.mexit")
    x = images()
    for found, logits in zip(answers(tmp_path / "a.mexit", x), runtime_logits(tmp_path / "a.onnx", x), strict=True):
        assert numpy.abs(found - logits).max() <= 1e-4 * numpy.abs(logits).max()


def test_layers_keep_the_names_of_their_weights(tmp_path: Path) -> None:
    network = torch_networks.ResNet().eval()
    exported(network, tmp_path / "a.onnx", "torchscript-unfolded")
    model = mexit.onnx_import.load(tmp_path / "a.onnx")
    assert numpy.array_equal(model.tensors["part2.0.conv1.weight"], network.state_dict()["part2.0.conv1.weight"].numpy())
    assert numpy.array_equal(model.tensors["part2.0.bn1.runningVariance"], network.state_dict()["part2.0.bn1.running_var"].numpy())


def test_our_own_exports_come_back(model: mexit.Model, tmp_path: Path) -> None:
    import mexit.onnx

    for fold in (False, True):
        mexit.onnx.export(model, tmp_path / "a.onnx", fold_batch_norm=fold)
        back = mexit.onnx_import.load(tmp_path / "a.onnx")
        x = numpy.random.default_rng(0).normal(size=(2, *model.graph.input_shape)).astype(numpy.float32)
        for found, logits in zip(mexit.evaluate(back, x), mexit.evaluate(model, x), strict=True):
            assert numpy.abs(found - logits).max() <= 1e-5 * numpy.abs(logits).max()
        assert [exit.name for exit in back.graph.exits] == [exit.name for exit in model.graph.exits]


def test_exits_are_chosen_by_name(model: mexit.Model, tmp_path: Path) -> None:
    import mexit.onnx

    mexit.onnx.export(model, tmp_path / "a.onnx")
    last = model.graph.exits[-1].name
    back = mexit.onnx_import.load(tmp_path / "a.onnx", exits=[last], class_names=model.class_names)
    assert [exit.name for exit in back.graph.exits] == [last]


# ---- What cannot be imported ---------------------------------------------------------------------------------------


def network(nodes: List[Any], outputs: List[str], dims: Any = ("N", 2, 4, 4), weights: Any = (), opset: int = 17, **options: Any) -> Any:
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", options.get("type", TensorProto.FLOAT), list(dims))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", "K"]) for name in outputs],
        [onnx.numpy_helper.from_array(values, name) for name, values in weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def head(x: str, out: str) -> List[Any]:
    return [helper.make_node("Flatten", [x], [out + ".flat"]), helper.make_node("Gemm", [out + ".flat", "w"], [out], name=out)]


WEIGHTS = [("w", numpy.ones((32, 3), numpy.float32))]
ODD = helper.make_node("Pad", ["x", "pads"], ["y"], name="odd")


@pytest.mark.parametrize(
    "what, message",
    [
        (dict(nodes=head("x", "a"), outputs=["a"]), "has 1 output"),
        (dict(nodes=head("x", "a") + head("x", "b"), outputs=["a", "b"], dims=("N", 2, "H", "W")), "--input-shape"),
        (dict(nodes=head("x", "a") + head("x", "b"), outputs=["a", "b"], dims=("N", 2, 4)), "[N, C, H, W] or [N, K]"),
        (dict(nodes=head("x", "a") + head("x", "b"), outputs=["a", "b"], opset=8), "opset 8"),
        (dict(nodes=head("x", "a") + head("x", "b"), outputs=["a", "b"], type=TensorProto.INT64), "INT64"),
        (dict(nodes=[helper.make_node("Softsign", ["x"], ["y"], name="soft"), *head("y", "a"), *head("x", "b")], outputs=["a", "b"]), "node 'soft' (Softsign) is not supported"),
        (dict(nodes=[helper.make_node("Transpose", ["x"], ["y"], name="turn", perm=[0, 2, 1, 3]), *head("y", "a"), *head("x", "b")], outputs=["a", "b"]), "node 'turn' (Transpose)"),
        (dict(nodes=[*head("x", "c"), helper.make_node("Softmax", ["c"], ["a"], name="soft"), *head("x", "b")], outputs=["a", "b"]), "runtime computes softmax itself"),
        (dict(nodes=[helper.make_node("Mul", ["x", "x"], ["y"], name="square"), *head("y", "a"), *head("x", "b")], outputs=["a", "b"]), "node 'square' (Mul) multiplies two values"),
        (dict(nodes=[helper.make_node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[2, 3], strides=[1, 1]), *head("x", "b"), helper.make_node("Flatten", ["y"], ["a"])], outputs=["a", "b"]), "node 'pool' (MaxPool) has kernel_shape [2, 3]"),
        (dict(nodes=[helper.make_node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), *head("x", "b"), helper.make_node("Flatten", ["y"], ["a"])], outputs=["a", "b"]), "ceil_mode"),
        (dict(nodes=[*head("x", "a"), helper.make_node("Identity", ["x"], ["b"])], outputs=["a", "b"]), "exit 'b' has shape [N, 2, 4, 4]"),
        (dict(nodes=[*head("x", "a"), helper.make_node("Flatten", ["x"], ["b"])], outputs=["a", "b"]), "32 classes"),
        (dict(nodes=[helper.make_node("Reshape", ["x", "s"], ["y"], name="view"), helper.make_node("Flatten", ["y"], ["a"]), *head("x", "b")], outputs=["a", "b"], weights=[("s", numpy.array([0, 4, 8]))]), "node 'view' (Reshape) makes ['N', 4, 8]"),
        (dict(nodes=[ODD, helper.make_node("Flatten", ["y"], ["a"]), *head("x", "b")], outputs=["a", "b"], weights=[("pads", numpy.array([0, 0, 1, 0, 0, 0, 0, 0]))]), "node 'odd' (Pad) has pads"),
        (dict(nodes=[helper.make_node("Constant", [], ["k"], value_floats=[1.0]), helper.make_node("Add", ["k", "k"], ["a"]), *head("x", "b")], outputs=["a", "b"]), "exit 'a' is a constant"),
    ],
)
def test_what_cannot_be_imported_is_named(what: dict, message: str, tmp_path: Path) -> None:
    what["weights"] = [*WEIGHTS, *what.get("weights", [])]
    onnx.save(network(**what), tmp_path / "a.onnx")
    with pytest.raises(MexitError) as caught:
        mexit.onnx_import.load(tmp_path / "a.onnx")
    assert message in str(caught.value) and str(caught.value).startswith(f"cannot import {tmp_path / 'a.onnx'}: ")


def test_open_sizes_can_be_given(tmp_path: Path) -> None:
    onnx.save(network(head("x", "a") + head("x", "b"), ["a", "b"], ("N", 2, "H", "W"), WEIGHTS), tmp_path / "a.onnx")
    assert mexit.onnx_import.load(tmp_path / "a.onnx", input_shape=[2, 4, 4]).graph.input_shape == (2, 4, 4)
    with pytest.raises(MexitError, match="does not fit"):
        mexit.onnx_import.load(tmp_path / "a.onnx", input_shape=[3, 4, 4])


def test_missing_weights_are_named(tmp_path: Path) -> None:
    model = network(head("x", "a") + head("x", "b"), ["a", "b"], weights=WEIGHTS)
    onnx.save_model(model, tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    assert len(mexit.onnx_import.load(tmp_path / "a.onnx").graph.exits) == 2
    (tmp_path / "a.data").unlink()
    with pytest.raises(MexitError, match="a.data"):
        mexit.onnx_import.load(tmp_path / "a.onnx")


@pytest.mark.parametrize("data", [b"", b"MEXIT", b"\x08\x07", bytes(1000), numpy.random.default_rng(0).bytes(5000)])
def test_what_is_no_onnx_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(MexitError, match="cannot import"):
        mexit.onnx_import.load(tmp_path / "a.onnx")


def test_nothing_is_written_on_an_error(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from mexit.__main__ import main

    onnx.save(network(head("x", "a"), ["a"], weights=WEIGHTS), tmp_path / "a.onnx")
    assert main(["from-onnx", str(tmp_path / "a.onnx"), str(tmp_path / "a.mexit")]) == 1
    assert "error: cannot import" in capsys.readouterr().err and not (tmp_path / "a.mexit").exists()
    for change in (
        {"opset": 8}, {"dims": ("N", 2, "H", "W")}, {"outputs": ["a"]}, {"weights": []}, {"nodes": [ODD, *head("y", "a"), *head("x", "b")]},
    ):
        onnx.save(network(**{"nodes": head("x", "a") + head("x", "b"), "outputs": ["a", "b"], "weights": WEIGHTS, **change}), tmp_path / "b.onnx")
        assert main(["from-onnx", str(tmp_path / "b.onnx"), str(tmp_path / "b.mexit")]) == 1, change
        assert "error: cannot import" in capsys.readouterr().err and not (tmp_path / "b.mexit").exists(), change
    assert main(["from-onnx", str(tmp_path / "a.onnx"), str(tmp_path / "a.mexit"), "--exits", "a", "--verify"]) == 0
    assert len(mexit.read(tmp_path / "a.mexit").graph.exits) == 1
