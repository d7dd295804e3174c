"""Deconfliction in PyTorch against the fixture that the Swift trainer is tested with, and one step in one process against two."""
from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy
import pytest
from conftest import ROOT
from networks import described
from test_swift import png

import mexit
from mexit import GraphBuilder, MexitError, Model
from mexit.builder import random_model
from mexit.operations import Activation, Add, BatchNorm, Conv2d, Flatten, GlobalAveragePool, Linear

torch = pytest.importorskip("torch")

from mexit.deconfliction import combine, reach  # noqa: E402
from mexit.torch import MultiExitModule  # noqa: E402
from mexit.training import ExitTrainer, StepOptions  # noqa: E402


def fixture() -> Tuple[List[dict], Dict[str, numpy.ndarray]]:
    data = (ROOT / "Tests" / "Fixtures" / "deconfliction.safetensors").read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header: Dict[str, Any] = json.loads(data[8 : 8 + size])
    cases = json.loads(header.pop("__metadata__")["cases"])
    types = {"F32": "<f4", "F64": "<f8"}
    return cases, {
        name: numpy.frombuffer(data[8 + size + entry["data_offsets"][0] : 8 + size + entry["data_offsets"][1]], types[entry["dtype"]])
        for name, entry in header.items()
    }


CASES, ARRAYS = fixture()
PROJECTED = [case for case in CASES if case["method"] == "project"]


@pytest.mark.parametrize("case", PROJECTED, ids=lambda case: f"{case['name']}-{case['scope']}-{case['reduction']}")
def test_the_fixture_of_the_swift_trainer(case: dict) -> None:
    name = case["name"]
    gradients = [
        {exit: torch.from_numpy(ARRAYS[f"{name}.{t}.gradient.{exit}"].copy()) for exit in exits} for t, exits in enumerate(case["reach"])
    ]
    blocks = [f"block{t // 2}" for t in range(len(gradients))]
    found, conflicts = combine(gradients, blocks, "project", case["scope"], case["reduction"], case["strength"])
    assert conflicts == case["conflicts"]
    for t, values in enumerate(found):
        key = f"{name}.{t}.project.{case['scope']}.{case['reduction']}"
        assert (abs(values.double().numpy() - ARRAYS[f"{key}.combined"]) <= ARRAYS[f"{key}.bound"]).all(), key


def test_options_are_checked() -> None:
    one = [{0: torch.ones(2)}]
    for arguments in [{"method": "luck"}, {"scope": "layer"}, {"reduction": "max"}, {"strength": -1.0}]:
        with pytest.raises(MexitError):
            combine(one, ["a"], **arguments)
    assert torch.equal(combine([{0: torch.ones(2), 1: -torch.ones(2)}], ["a"], "none")[0][0], torch.zeros(2))


def small_model() -> Model:
    """Two exits; batch norms on maps, far from zero, and on vectors; a sum."""
    net = GraphBuilder((3, 8, 8))
    x = net.add("stem.conv", Conv2d(6, 3, 3, padding=1), [0])
    x = net.add("stem.norm", BatchNorm(), [x])
    x = net.add("stem.relu", Activation("relu"), [x])
    flat = net.add("early.flatten", Flatten(), [net.add("early.pool", GlobalAveragePool(), [x])])
    net.exit(net.add("early.linear", Linear(2), [flat]))
    y = net.add("deep.conv", Conv2d(6, 3, 3, padding=1, has_bias=True), [x])
    y = net.add("deep.add", Add(), [net.add("deep.norm", BatchNorm(), [y]), x])
    flat = net.add("late.flatten", Flatten(), [net.add("late.pool", GlobalAveragePool(), [y])])
    flat = net.add("late.norm", BatchNorm(), [flat])
    net.exit(net.add("late.linear", Linear(2), [flat]))
    net.add("unused", Conv2d(1, 1, 1), [x])
    model = described(random_model(net.build(), seed=4))
    model.policies = []
    return model


def test_reach() -> None:
    graph = small_model().graph
    found = {graph.nodes[index].name: exits for index, exits in reach(graph).items()}
    assert found["stem.conv"] == [0, 1] and found["early.linear"] == [0] and found["deep.conv"] == [1] and found["unused"] == []


def test_without_deconfliction_it_is_the_gradient_of_the_sum() -> None:
    torch.manual_seed(0)
    x, labels = torch.randn(16, 3, 8, 8), torch.arange(16) % 2
    module = MultiExitModule(small_model()).train()
    ExitTrainer(module, StepOptions(method="none")).backward(module(x), labels)
    found = {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}
    other = MultiExitModule(small_model()).train()
    sum(torch.nn.functional.cross_entropy(logits, labels) for logits in other(x)).backward()
    expected = {name: parameter.grad for name, parameter in other.named_parameters() if parameter.grad is not None}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.allclose(found[name], values, rtol=1e-4, atol=1e-6), name


# ---- Several processes ---------------------------------------------------------------------------------------------

STEP = """
import sys, torch, mexit
from torch.nn.parallel import DistributedDataParallel
from mexit import distributed
from mexit.torch import MultiExitModule
from mexit.training import ExitTrainer, StepOptions
distributed.start("cpu")
rank, processes = distributed.world()
torch.set_num_threads(1)
module = MultiExitModule(mexit.read(sys.argv[1])).train()
if rank == 1:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()  # DistributedDataParallel has to bring the weights of process 0
module.synchronised = processes > 1
wrapped = DistributedDataParallel(module, broadcast_buffers=False) if processes > 1 else None
trainer = ExitTrainer(module, StepOptions(scope=sys.argv[3]))
optimiser = torch.optim.SGD(trainer.parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
generator = torch.Generator().manual_seed(0)
found = 0
for step in range(3):
    # The classes have means far from zero and from each other, so that a share of the batch alone has other statistics.
    labels = torch.arange(64) // 32
    x = torch.randn(64, 3, 8, 8, generator=generator) + labels.view(-1, 1, 1, 1) * 4 + 3
    mine = slice(rank * 64 // processes, (rank + 1) * 64 // processes)
    if wrapped is None:
        logits = module(x[mine])
    else:
        with wrapped.no_sync():
            logits = wrapped(x[mine])
    found += trainer.backward(logits, labels[mine])[1]
    optimiser.step()
if rank == 0:
    mexit.write(module.to_model(), sys.argv[2])
    print("conflicts", found)
if processes > 1:
    torch.distributed.destroy_process_group()
"""


def run(processes: int, *command: str) -> "subprocess.CompletedProcess[str]":
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else [sys.executable]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(mexit.__file__).parents[1])}
    done = subprocess.run([*start, *command], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("scope", ["tensor", "network"])
def test_two_processes_are_one_big_batch(scope: str, tmp_path: Path) -> None:
    mexit.write(small_model(), tmp_path / "start.mexit")
    (tmp_path / "step.py").write_text(STEP)
    models, conflicts = [], []
    for processes in (1, 2):
        done = run(processes, str(tmp_path / "step.py"), str(tmp_path / "start.mexit"), str(tmp_path / f"{processes}.mexit"), scope)
        models.append(mexit.read(tmp_path / f"{processes}.mexit"))
        conflicts.append([line for line in done.stdout.splitlines() if line.startswith("conflicts")])
    assert conflicts[0] == conflicts[1] and conflicts[0] != ["conflicts 0"]
    start = mexit.read(tmp_path / "start.mexit")
    for name, one in models[0].tensors.items():
        moved = numpy.abs(one - start.tensors[name]).max()
        # Three steps, short ones: at ten times the learning rate the second gradient is ten times the first and makes much of rounding.
        assert numpy.abs(models[1].tensors[name] - one).max() <= 1e-4 * moved + 1e-6, name


def test_the_training_script(tmp_path: Path) -> None:
    random = numpy.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(2):
            place = tmp_path / "data" / split / f"class{label}"
            place.mkdir(parents=True)
            for number in range(16):
                pixels = random.integers(0, 128, (9, 10, 3), dtype=numpy.uint8)
                pixels[:, :, label] += 100
                (place / f"{number}.png").write_bytes(png(pixels))
    pytest.importorskip("PIL")
    mexit.write(small_model(), tmp_path / "start.mexit")
    done = run(
        2, "-m", "mexit.train", str(tmp_path / "start.mexit"), str(tmp_path / "out.mexit"), "--data", str(tmp_path / "data"), "--epochs", "6",
        "--batch-size", "16", "--lr", "0.05", "--device", "cpu", "--store", "bf16",
    )
    assert str(tmp_path / "out.mexit") in done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 6, done.stderr
    last = [float(value) for value in lines[-1].split("test ")[1].split()]
    assert min(last) >= 90  # the colour says it all
    trained = mexit.read(tmp_path / "out.mexit")
    assert trained.class_names == small_model().class_names and trained.graph.nodes[1].name == "stem.conv"
