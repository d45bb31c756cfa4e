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


def test_auto_finds_the_objective_of_each_task():
    for objective in OBJECTIVES:
        assert find_objective("auto", objective.task) is objective
        assert find_objective(objective.name, objective.task) is objective


@pytest.mark.parametrize(
    ("name", "task", "found"),
    [("cross_entrop", "classification", "'cross_entropy'"), ("regression", "classification", "'auto'")],
)
def test_wrong_objectives_are_refused(name, task, found):
    with pytest.raises(InputError) as caught:
        find_objective(name, task)
    assert caught.value.argument == "objective" and found in caught.value.remedy
