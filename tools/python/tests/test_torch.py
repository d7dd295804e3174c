"""The torch module computes what the reference computes, and its weights go back into a file."""
from __future__ import annotations

import copy
from pathlib import Path

import numpy
import pytest
from networks import linear_model, mixed_model

import mexit
from mexit import GraphBuilder, Model
from mexit.builder import random_model
from mexit.operations import Activation, Linear

torch = pytest.importorskip("torch")

import mexit.torch  # noqa: E402
from mexit.torch import MultiExitModule  # noqa: E402


def sample(model: Model, count: int = 3) -> "torch.Tensor":
    return torch.from_numpy(numpy.random.default_rng(0).normal(size=(count, *model.graph.input_shape)).astype(numpy.float32))


def assert_close(found, expected) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert tuple(a.shape) == b.shape
        assert numpy.abs(a.detach().numpy() - b).max() <= 1e-4 * numpy.abs(b).max()


def test_logits_and_names(model: Model, tmp_path: Path) -> None:
    mexit.write(model, tmp_path / "a.mexit")
    module = mexit.torch.load(tmp_path / "a.mexit")
    x = sample(model)
    expected = mexit.evaluate(model, x.numpy())
    assert not module.training
    assert_close(module(x), expected)
    assert_close(list(module.anytime(x)), expected)
    last = len(expected) - 1
    assert_close(module(x, exits=[last, 0]), [expected[last], expected[0]])
    assert set(module.state_dict()) == set(model.tensors)
    learnt = {name for name in model.tensors if not name.split(".")[-1].startswith("running")}
    assert {name for name, _ in module.named_parameters()} == learnt


def test_saved_unchanged_is_the_same_file(model: Model, tmp_path: Path) -> None:
    mexit.write(model, tmp_path / "a.mexit")
    mexit.torch.save(mexit.torch.load(tmp_path / "a.mexit"), tmp_path / "b.mexit")
    assert (tmp_path / "a.mexit").read_bytes() == (tmp_path / "b.mexit").read_bytes()


def test_trained_weights_are_saved(tmp_path: Path) -> None:
    model = mixed_model()
    module = MultiExitModule(model).train()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    x, labels = sample(model, 8), torch.arange(8) % 5
    losses = []
    for _ in range(10):
        optimiser.zero_grad()
        loss = sum(torch.nn.functional.cross_entropy(logits, labels) for logits in module(x))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    mexit.torch.save(module, tmp_path / "a.mexit")
    found = mexit.read(tmp_path / "a.mexit")
    for name in ("stem.conv.weight", "stem.norm.runningMean", "stem.norm.runningVariance", "tail.linear.bias"):
        assert not numpy.array_equal(found.tensors[name], model.tensors[name]), name
    assert numpy.array_equal(found.tensors["unused.conv.weight"], model.tensors["unused.conv.weight"])
    assert_close(module.eval()(x), mexit.evaluate(found, x.numpy()))


def test_anytime_is_lazy() -> None:
    model = mixed_model()
    model.tensors["tail.linear.weight"][:] = numpy.nan
    answers = MultiExitModule(model).eval().anytime(sample(model))
    assert torch.isfinite(next(answers)).all() and torch.isfinite(next(answers)).all()
    assert torch.isnan(next(answers)).all()


def test_copy_is_independent() -> None:
    model = linear_model()
    module = MultiExitModule(model)
    other = copy.deepcopy(module)
    with torch.no_grad():
        other.get_parameter("hidden.weight").zero_()
        other.get_parameter("hidden.bias").zero_()
    x = sample(model)
    assert_close(module(x), mexit.evaluate(model, x.numpy()))
    assert_close(other(x), mexit.evaluate(other.to_model(), x.numpy()))


def test_load_state_dict_and_double() -> None:
    model = mixed_model()
    module = MultiExitModule(random_model(model.graph, seed=9)).eval()
    module.load_state_dict({name: torch.from_numpy(values) for name, values in model.tensors.items()})
    x = sample(model)
    assert_close(module.double()(x.double()), mexit.evaluate(model, x.numpy()))
    with pytest.raises(mexit.MexitError, match="float64; must be float32"):
        mexit.torch.save(module, "never.mexit")


def test_awkward_names() -> None:
    net = GraphBuilder((3,))
    hidden = net.add("type.forward", Linear(4), [0])
    hidden = net.add("weight", Activation("relu"), [hidden])
    net.exit(net.add("type", Linear(2), [hidden]))
    model = random_model(net.build())
    module = MultiExitModule(model).eval()
    assert set(module.state_dict()) == set(model.tensors)
    assert_close(module(sample(model)), mexit.evaluate(model, sample(model).numpy()))
    clash = GraphBuilder((3,))
    hidden = clash.add("a", Linear(3), [0])
    clash.exit(clash.add("a.weight", Linear(2), [hidden]))
    with pytest.raises(mexit.MexitError, match="name of another node's tensor"):
        MultiExitModule(random_model(clash.build()))


def test_wrong_shape_and_exit() -> None:
    module = MultiExitModule(linear_model())
    with pytest.raises(mexit.MexitError, match=r"must be \[N, 7\]"):
        module(torch.zeros(2, 8))
    with pytest.raises(mexit.MexitError, match="the model has 2"):
        module(torch.zeros(2, 7), exits=[2])
