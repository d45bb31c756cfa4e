"""The page says of synergy what the rule on the atoms does with it: above its level, not above zero."""

from __future__ import annotations

import copy

import pytest

from mmcore.errors import counted
from mmcore.reporting.facts import facts_of
from mmcore.reporting.invented import invented
from mmcore.reporting.parts import LEAST_THAT_COUNTS
from mmcore.reporting.sentences.meanings import matrix
from mmcore.selection import propose
from mmcore.selection.rule import RELEVANT_BITS

NAMES = ("alpha", "beta", "gamma")
N = "\u00a0"


def results(synergy, chance):
    """Three modalities; only alpha with gamma has synergy, (value, low, high), above that of shuffled labels."""
    found = copy.deepcopy(invented(NAMES))
    for pair in found["estimate"]["pairs"]:
        value, low, high = synergy if (pair["first"], pair["second"]) == ("alpha", "gamma") else (0.0, -0.01, 0.004)
        pair["raw"]["synergy"] = pair["corrected"]["synergy"] = value
        pair["interval"]["synergy"] = [low, high]
        pair["null"]["synergy"] = chance
    return found


CASES = {
    "above its level": ((0.05, 0.03, 0.07), 0.01, True),
    "above zero only": ((0.02, 0.008, 0.03), 0.001, False),
    "below what shuffled labels reach": ((0.05, 0.03, 0.07), 0.04, False),
    "at the level": ((0.02, 0.01, 0.03), 0.0, False),
    "not above zero": ((0.02, -0.01, 0.03), 0.0, False),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sentence_calls_for_a_joint_model_where_the_rule_does(case):
    synergy, chance, counts = CASES[case]
    content = results(synergy, chance)
    ruled = propose(content["estimate"], NAMES, bank=False)["verdict"] == "fusion"
    said = matrix(facts_of(content))
    assert ruled is counts
    assert ("worth a joint model" in said, "none calls for a joint model" in said) == (counts, not counts)
    above_zero = f"Above zero, but not above it: alpha with gamma ({synergy[0]:.2f}{N}bits)."
    assert (above_zero in said) is (synergy[1] > 0 and not counts)


def test_the_level_is_that_of_the_rule():
    assert LEAST_THAT_COUNTS == RELEVANT_BITS


@pytest.mark.parametrize("value", [-0.0, -0.0004, 0.0, 0.0004])
def test_a_rounded_zero_has_no_sign(value):
    content = results((value, value, value), 0.0)
    told = " ".join(entry["statement"] for entry in propose(content["estimate"], NAMES, bank=False)["evidence"])
    assert "0.000 bit" in told and "-0.000" not in told


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [(1, "class", "1 class"), (0, "row", "0 rows"), (2, "modality", "2 modalities"), (3, "key", "3 keys")],
)
def test_one_of_a_thing_is_in_the_singular(n, noun, text):
    assert counted(n, noun) == text


def test_the_only_pair_that_could_not_be_estimated_is_one():
    refused = [{"first": "a", "second": "b", "status": "refused", "reason": "9 rows for 16 cells"}]
    found = propose({"pairs": refused}, ["a", "b"])
    assert found["reason"] == "the only pair could not be estimated: 9 rows for 16 cells"
