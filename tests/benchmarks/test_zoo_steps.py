"""Steps of both sides leave gradients everywhere, models of equal structure have equal sizes, measures are measures."""

import io

import pytest
import torch
from rich.console import Console

from benchmarks.zoo import gpu, table
from benchmarks.zoo.comparison import ANCHORS, Comparison, implied, published_lstm
from benchmarks.zoo.measurement import Step, Timing, peak_bytes, seconds
from benchmarks.zoo.ours import OURS, NotThereError, our_step
from benchmarks.zoo.published import PUBLISHED
from benchmarks.zoo.reference import reference_step
from benchmarks.zoo.rows import ROWS, draw
from mmcore.models import available_models

BY_NAME = {row.name: row for row in ROWS}
SMALL = [row.name for row in ROWS if PUBLISHED[row.name].median < 40]
EQUAL = ("LF MOSI", "TF MOSI", "LRTF MOSI", "MI-matrix", "MI-vector", "MI-scalar", "TF", "LRTF", "concatenation")


def _parameters(step):
    return sum(leaf.numel() for leaf in step.leaves if isinstance(leaf, torch.nn.Parameter))


def test_every_row_has_a_published_time_and_says_what_ours_is():
    assert set(BY_NAME) == set(PUBLISHED) == {*OURS, "CCA loss"}


@pytest.mark.parametrize("name", SMALL)
def test_every_leaf_of_a_step_gets_a_gradient(name):
    data = draw(BY_NAME[name])
    sides = [reference_step(BY_NAME[name], data)]
    if name == "CCA loss" or not isinstance(OURS[name], str):
        sides.append(our_step(BY_NAME[name], data))
    for side in sides:
        side.reset()
        side.run()
        assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in side.leaves)


@pytest.mark.parametrize("name", EQUAL)
def test_ours_has_as_many_parameters_as_the_reference_with_its_hidden_ones(name):
    data = draw(BY_NAME[name])
    assert _parameters(our_step(BY_NAME[name], data)) == PUBLISHED[name].parameters + PUBLISHED[name].hidden


@pytest.mark.parametrize("name", ["LF AV-MNIST", "LRTF AV-MNIST", "MI-matrix AV-MNIST"])
def test_avmnist_models_of_ours_have_the_reference_s_size(name):
    data = draw(BY_NAME[name])
    assert _parameters(our_step(BY_NAME[name], data)) == PUBLISHED[name].parameters + PUBLISHED[name].hidden


def test_what_we_do_not_have_says_so():
    row = BY_NAME["NL-gate"]
    with pytest.raises(NotThereError, match="without states"):
        our_step(row, draw(row))


def test_the_peak_of_a_product_is_its_result_and_its_gradients():
    x = torch.ones(1000, requires_grad=True)
    step = Step(lambda: x * 2.0, (x,), torch.ones(1000))
    # Result and gradient of 4000 bytes each; the allocator may round up.
    assert 8000 <= peak_bytes(step) <= 13000
    assert torch.equal(x.grad, torch.full((1000,), 2.0))


def test_each_side_is_charged_what_its_steps_take(monkeypatch):
    """On a clock that the work itself moves: one second a product, and nothing between the steps."""
    now = [0.0]
    monkeypatch.setattr("benchmarks.zoo.measurement.time.process_time", lambda: now[0])
    x = torch.ones(2, 2, requires_grad=True)

    def products(count):
        now[0] += count
        return (x @ x).sum()

    found = seconds({"once": Step(lambda: products(1), (x,)), "thrice": Step(lambda: products(3), (x,))}, 8, calls=2)
    assert found["once"] == Timing((1.0,) * 8) and found["thrice"] == Timing((3.0,) * 8)


def _found(name, seconds_, lstm=0.1):
    timing = Timing((seconds_,))
    return Comparison(BY_NAME[name], timing, 0, timing, (lstm,))


def test_on_a_machine_twice_as_fast_every_reference_is_at_its_proportion():
    found = {name: _found(name, PUBLISHED[name].least / 2000) for name in PUBLISHED}
    there = published_lstm(found)
    assert there == pytest.approx(0.2)
    for name, comparison in found.items():
        assert comparison.relative == pytest.approx(implied(name, there))


def test_a_reference_that_is_too_slow_is_called_a_defect():
    found = {name: _found(name, PUBLISHED[name].least / 1000) for name in (*ANCHORS, "TF")}
    found["MulT affect"] = _found("MulT affect", 1.5 * PUBLISHED["MulT affect"].least / 1000)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table.fidelity(found))
    lines = [line for line in console.export_text().splitlines() if "defect" in line]
    assert len(lines) == 1 and lines[0].startswith(" MulT affect") and "+50 %" in lines[0]


def test_moments_are_joined_step_by_step():
    """A moment in which the machine was slow changes neither the least time nor, alone of three, the median by much."""
    found = _found("TF", 1.0) + _found("TF", 9.0, lstm=0.9) + _found("TF", 2.0, lstm=0.05)
    assert (found.reference.median, found.reference.least, found.lstm) == (2.0, 1.0, (0.1, 0.9, 0.05))
    assert found.ours is None and found.relative == 1.0 / 0.1


def test_without_an_anchor_nothing_is_implied():
    assert published_lstm({"TF": _found("TF", 1.0)}) is None


@pytest.mark.skipif("mult" not in available_models(), reason="MulT is not built yet")
def test_flops_of_mult_are_those_of_its_products():
    model, inputs = gpu.mult(2, 3, 8, torch.device("cpu"), heads=2, layers=1, memory_layers=1, dropout=0.0)
    counted = gpu.flops_of(gpu.step_of(model, inputs))
    # Every weight of a linear map is used on 2 x 3 steps at most: forward once, backward twice; attention comes on top.
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    assert 0 < counted < 2 * 3 * (2 * 3) * weights * 1.5
