"""The pages of a regression and of a label of many say what is true there: no class, no accuracy, errors go down."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from sample_results import two

from mmcore.reporting.facts import Facts, facts_of
from mmcore.reporting.page import build_page
from mmcore.reporting.sections import answer, data, reach, uses
from mmcore.reporting.sentences import answers, meanings

N = "\u00a0"
BINS = [f"quantile {i} of 4" for i in (1, 2, 3, 4)]


def regression() -> dict[str, Any]:
    """Two modalities, a number to predict by its mean absolute error, cut into four bins for the estimate."""
    found = copy.deepcopy(two())
    found["dataset"]["labels"][0].update(task="regression", classes=None)
    found["description"].update(labels={}, columns=[])
    found["estimate"]["label"].update(task="regression", classes=BINS, entropy=2.0)
    found["evaluation"].update(metric="mae", higher_is_better=False, majority_rate=None)
    for entry in found["evaluation"]["models"]:
        entry["metrics"] = {"mae": {"value": 0.6, "low": 0.5, "high": 0.7}}
    found["explanation"]["shapley"] = {
        "overall": {"accelerometer": {"value": 0.148, "low": 0.1, "high": 0.2},
                    "gyroscope": {"value": 0.019, "low": -0.01, "high": 0.04}},
        "by_class": [],
    }  # fmt: skip
    return found


def multilabel() -> dict[str, Any]:
    """Two modalities, two labels of which a sample may carry both or none; no estimate speaks of them."""
    found = copy.deepcopy(two())
    found["dataset"]["labels"][0].update(task="multilabel", classes=["happy", "calm"])
    found["description"].update(n=300, labels={"happy": 148, "calm": 154}, columns=[
        {"name": "train", "parent": None, "counts": {"happy": 148, "calm": 154}}])  # fmt: skip
    for entry in found["estimate"]["reach"]:
        entry.update(lower=None, upper=None, status="refused", reason="the label is multilabel")
    return found


def facts(results: dict[str, Any]) -> Facts:
    return facts_of(results)


def test_what_a_modality_takes_off_an_error_is_not_added_to_it():
    found = facts(regression())
    assert answers.uses(found).evidence == (
        "Accelerometer takes 0.148 off the mean absolute error, gyroscope −0.019. "
        "What gyroscope does to it cannot be told from zero."
    )
    assert uses.blocks(found)[0].title == "What each modality takes off the mean absolute error"
    assert uses.blocks(facts(two()))[0].title.startswith("What each modality adds to the accuracy")


def test_bounds_of_a_number_are_those_of_its_bins():
    found = facts(regression())
    assert found.bins == 4 and facts(two()).bins is None
    assert "in naming which of 4 bins the" in answers.reach(found).claim
    assert "No model was trained" not in meanings.reach(found) and "4 equally full bins" in meanings.reach(found)
    assert "No trained model" not in answers.reach(found).evidence
    assert answer.view(found).headlines[2].term == "Accuracy on 4 bins of the label that this information allows"
    assert "cut into 4 equally full bins" in meanings.strip(found, found.leading)
    figure = reach.blocks(found)[0]
    assert "reached" not in figure.title and "dot" not in figure.note
    assert "not trained" not in str(figure.wide) and "bins" not in meanings.strip(facts(two()), facts(two()).leading)


def test_a_number_has_no_cells_to_explain():
    balance = data._balance(facts(regression()))
    assert balance.title == "How the windows are divided" and balance.note == ""
    assert balance.unit == "Windows in each part of the split; 5 folds test every one of them once"


def test_labels_of_which_several_hold_are_not_shares_of_the_samples():
    found = facts(multilabel())
    noun = found.nouns.sample
    assert meanings.balance(found) == (
        f"A {noun} may carry several {found.nouns.label}s, or none: calm is on 51{N}% of the {noun}s, happy on 49{N}%."
    )
    assert "No model was trained" not in meanings.reach(found)
    assert reach.blocks(found)[0].text == "no bounds: the label is multilabel"


@pytest.mark.parametrize(
    ("trained", "advice"),
    [((0.9, 0.9), "switch to a model trained without it: it scores better."),
     ((0.1, 0.1), "A model trained without the missing modality scores no better: keep the one model."),
     ((0.9, 0.1), "Where gyroscope may fail, a model trained without it scores better; without accelerometer it "
                  "does not.")],
)  # fmt: skip
def test_switching_is_advised_only_where_it_pays(trained, advice):
    results = copy.deepcopy(two())
    for subset in results["evaluation"]["subsets"]:
        if len(subset["present"]) == 1:
            value = trained[0] if subset["present"] == ["accelerometer"] else trained[1]
            subset["trained_on"] = {"value": value, "low": value - 0.05, "high": value + 0.05}
    assert meanings.subsets(facts(results)).endswith(advice)


@pytest.mark.parametrize("results", [regression(), multilabel()], ids=["regression", "multilabel"])
def test_the_page_is_made(results):
    page = build_page(results)
    assert "<html" in page and ">nan<" not in page
