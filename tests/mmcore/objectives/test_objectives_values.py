"""Objectives against numbers computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mmcore.errors import InputError
from mmcore.objectives import OBJECTIVES, find_objective


def test_cross_entropy_of_two_rows():
    outputs = torch.tensor([[0.0, math.log(3.0)], [math.log(4.0), 0.0]])
    loss = find_objective("auto", "classification").loss(outputs, torch.tensor([1, 1]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(5)) / 2, abs=1e-6)


def test_multilabel_of_one_row():
    outputs = torch.tensor([[math.log(3.0), 0.0]])  # probabilities 3/4 and 1/2
    loss = find_objective("auto", "multilabel").loss(outputs, torch.tensor([[0.0, 1.0]]))
    assert loss.item() == pytest.approx((math.log(4) + math.log(2)) / 2, abs=1e-6)


def test_regression_of_two_rows():
    loss = find_objective("auto", "regression").loss(torch.tensor([[1.0], [2.0]]), torch.tensor([[4.0], [2.0]]))
    assert loss.item() == 4.5


def test_l1_of_two_rows():
    objective = find_objective("regression_l1", "regression")
    assert objective.loss(torch.tensor([[1.0], [2.0]]), torch.tensor([[4.0], [2.0]])).item() == 1.5
    assert objective.metric == "negative_mae"


def test_losses_have_the_power_of_the_unit_that_they_state():
    outputs, targets = torch.tensor([[1.0], [2.0]]), torch.tensor([[4.0], [2.5]])
    for name in ("regression", "regression_l1"):
        objective = find_objective(name, "regression")
        in_other_unit = objective.loss(10 * outputs, 10 * targets) / 10**objective.unit_power
        assert in_other_unit.item() == pytest.approx(objective.loss(outputs, targets).item(), rel=1e-6)


def test_class_weights_and_smoothing_by_hand():
    outputs = torch.tensor([[0.0, math.log(3.0)], [math.log(4.0), 0.0]])  # probabilities (1/4, 3/4) and (4/5, 1/5)
    targets = torch.tensor([1, 0])
    weighted = find_objective("auto", "classification", class_weights=[1.0, 3.0]).loss(outputs, targets)
    assert weighted.item() == pytest.approx((3 * math.log(4 / 3) + math.log(5 / 4)) / 4, abs=1e-6)
    smoothed = find_objective("cross_entropy", "classification", label_smoothing=0.2).loss(outputs, targets)
    by_hand = [0.9 * math.log(4 / 3) + 0.1 * math.log(4), 0.9 * math.log(5 / 4) + 0.1 * math.log(5)]
    assert smoothed.item() == pytest.approx(sum(by_hand) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "argument"),
    [
        ("cross_entropy", {"class_weight": [1.0, 1.0]}, "option of cross_entropy"),
        ("multilabel", {"label_smoothing": 0.1}, "option of multilabel"),
        ("cross_entropy", {"class_weights": [1.0]}, "class_weights"),
        ("cross_entropy", {"class_weights": [1.0, -1.0]}, "class_weights"),
        ("cross_entropy", {"label_smoothing": 1.5}, "label_smoothing"),
    ],
)
def test_wrong_options_are_refused(name, options, argument):
    with pytest.raises(InputError) as caught:
        objective = find_objective(name, "multilabel" if name == "multilabel" else "classification", **options)
        objective.loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    assert caught.value.argument == argument


def test_auto_finds_the_objective_of_each_task():
    first = {objective.task: objective for objective in reversed(OBJECTIVES)}
    assert {task: objective.name for task, objective in first.items()} == {
        "classification": "cross_entropy",
        "multilabel": "multilabel",
        "regression": "regression",
    }
    for objective in OBJECTIVES:
        assert find_objective("auto", objective.task) is first[objective.task]
        assert find_objective(objective.name, objective.task) is objective


@pytest.mark.parametrize(
    ("name", "task", "found"),
    [("cross_entrop", "classification", "'cross_entropy'"), ("regression", "classification", "'auto'")],
)
def test_wrong_objectives_are_refused(name, task, found):
    with pytest.raises(InputError) as caught:
        find_objective(name, task)
    assert caught.value.argument == "objective" and found in caught.value.remedy
