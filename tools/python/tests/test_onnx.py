"""ONNX files compute what the reference computes."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Optional

import numpy
import pytest
from networks import linear_model, mixed_model

import mexit
from mexit import Model

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import mexit.onnx  # noqa: E402
from mexit.__main__ import main  # noqa: E402


def session(path: str) -> "onnxruntime.InferenceSession":
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def sample(model: Model, count: int = 3) -> numpy.ndarray:
    return numpy.random.default_rng(0).normal(size=(count, *model.graph.input_shape)).astype(numpy.float32)


def assert_close(found: List[numpy.ndarray], expected: List[numpy.ndarray]) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == b.shape
        assert numpy.abs(a - b).max() <= 1e-4 * numpy.abs(b).max()


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("batch", [None, 3])
def test_whole_network(model: Model, tmp_path: Path, fold: bool, batch: Optional[int]) -> None:
    path = mexit.onnx.export(model, tmp_path / "a.onnx", batch=batch, fold_batch_norm=fold)
    run = session(path)
    assert [output.name for output in run.get_outputs()] == [exit.name for exit in model.graph.exits]
    assert run.get_inputs()[0].shape[0] == (batch or "N")
    x = sample(model)
    assert_close(run.run(None, {run.get_inputs()[0].name: x}), mexit.evaluate(model, x))


def test_folding_leaves_fewer_operators(tmp_path: Path) -> None:
    import onnx

    model = mixed_model()
    count = {}
    for fold in (True, False):
        file = onnx.load(mexit.onnx.export(model, tmp_path / "a.onnx", fold_batch_norm=fold))
        count[fold] = sum(node.op_type == "BatchNormalization" for node in file.graph.node)
    # stem.norm, body.grouped.norm and head1.norm follow a layer that nothing else reads; head0.norm and tail.norm do not.
    assert count == {True: 2, False: 5}


def test_some_exits(tmp_path: Path) -> None:
    import onnx

    model = mixed_model()
    path = mexit.onnx.export(model, tmp_path / "a.onnx", exits=[2, 0])
    assert not any(tensor.name.startswith("unused") for tensor in onnx.load(path).graph.initializer)
    x = sample(model)
    assert_close(session(path).run(None, {"input": x}), mexit.evaluate(model, x, exits=[2, 0]))
    alone = onnx.load(mexit.onnx.export(model, tmp_path / "b.onnx", exits=[0]))
    assert not any(tensor.name.startswith(("body", "tail", "head1")) for tensor in alone.graph.initializer)


@pytest.mark.parametrize("exits", [[], [3], [-1], [0, 0]])
def test_impossible_exits(tmp_path: Path, exits: List[int]) -> None:
    with pytest.raises(mexit.MexitError, match="must be one or more of 0 to 2"):
        mexit.onnx.export(mixed_model(), tmp_path / "a.onnx", exits=exits)


def run_stages(folder: Path, x: numpy.ndarray) -> List[numpy.ndarray]:
    table = json.loads((folder / "stages.json").read_text(encoding="utf-8"))
    values: Dict[str, numpy.ndarray] = {table["input"]: x}
    for stage in table["stages"]:
        run = session(folder / stage["file"])
        assert [value.name for value in run.get_inputs()] == stage["inputs"]
        assert [value.name for value in run.get_outputs()] == stage["outputs"]
        values.update(zip(stage["outputs"], run.run(None, {name: values[name] for name in stage["inputs"]})))
    return [values[stage["exit"]] for stage in table["stages"]]


@pytest.mark.parametrize("fold", [True, False])
def test_stages_chained(model: Model, tmp_path: Path, fold: bool) -> None:
    files = mexit.onnx.export_stages(model, tmp_path / "stages", fold_batch_norm=fold)
    assert [Path(file).name for file in files] == [f"stage{k}.onnx" for k in range(len(model.graph.exits))] + ["stages.json"]
    x = sample(model)
    assert_close(run_stages(tmp_path / "stages", x), mexit.evaluate(model, x))
    macs = [stage["macs"] for stage in json.loads((tmp_path / "stages" / "stages.json").read_text())["stages"]]
    stage_of = model.graph.stage_of
    assert sum(macs) == sum(model.graph.macs(node) for node, stage in enumerate(stage_of) if stage is not None)


def test_names_that_clash(tmp_path: Path) -> None:
    """Exits, nodes and tensors have one namespace in ONNX, three in ours."""
    from mexit.builder import GraphBuilder, random_model
    from mexit.operations import Activation, Linear

    net = GraphBuilder((4,), name="exit0")
    hidden = net.add("a", Linear(4), [0])
    hidden = net.add("a.weight", Activation("relu"), [hidden])
    net.exit(net.add("b", Linear(2), [hidden]))
    model = random_model(net.build())
    path = mexit.onnx.export(model, tmp_path / "a.onnx")
    run = session(path)
    x = sample(model)
    assert_close(run.run(["exit0"], {run.get_inputs()[0].name: x}), mexit.evaluate(model, x))


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = linear_model()
    file = tmp_path / "a.mexit"
    mexit.write(model, file)
    assert main(["to-onnx", str(file), str(tmp_path / "a.onnx"), "--exits", "1", "--batch", "2", "--keep-batch-norm"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.onnx'}\n"
    x = sample(model, 2)
    assert_close(session(tmp_path / "a.onnx").run(None, {"input": x}), mexit.evaluate(model, x, exits=[1]))
    assert main(["to-onnx", str(file), str(tmp_path / "stages"), "--stages"]) == 0
    assert_close(run_stages(tmp_path / "stages", x), mexit.evaluate(model, x))
    assert main(["to-onnx", str(file), str(tmp_path / "stages"), "--stages", "--exits", "1"]) == 1
    assert main(["to-onnx", str(tmp_path / "none.mexit"), str(tmp_path / "b.onnx")]) == 1
    assert main(["inspect", str(file)]) == 0 and "2 exits" in capsys.readouterr().out
    assert main(["inspect", str(file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [stage["cumulative_macs"] for stage in report["stages"]] == [7 * 16 + 16 * 3, 7 * 16 + 16 * 3 + 16 * 9 + 9 * 3]
    with pytest.raises(SystemExit) as stopped:
        main(["to-onnx", str(file)])
    assert stopped.value.code == 64
