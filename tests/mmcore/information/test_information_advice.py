"""Advice from pair tables: a verdict must be right for every joint distribution with these tables, or undecided."""

import json

import numpy as np
import pytest
from worlds import WORLDS, same_source

from mmcore.errors import InputError
from mmcore.information import bounds, pid
from mmcore.information.semi_supervised.advice import collect_second_modality, fusion_class, largest_interaction

COIN, SAME = np.full((2, 2), 0.25), np.eye(2) / 2


def pairs(p):
    return p.sum(axis=1), p.sum(axis=0), p.sum(axis=2)


def world(name):
    return pairs(next(world for world in WORLDS if world.name == name).p)


@pytest.mark.parametrize("seed", range(60))
def test_no_verdict_contradicts_the_joint_table(seed):
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(2, 4, 3))
    p = generator.dirichlet(np.full(np.prod(shape), [0.1, 0.3, 1.0][seed % 3])).reshape(shape)
    truth, least = pid.decompose(p), 0.05
    gain = p.max(axis=2).sum() - p.sum(axis=1).max(axis=1).sum()
    advice = collect_second_modality(*pairs(p), least_gain=least)
    assert advice.verdict in ("yes", "no", "undecided")
    assert not (advice.verdict == "yes" and gain < least)
    assert not (advice.verdict == "no" and gain >= least)
    low, high = advice.quantities["gain"]
    assert low - 1e-6 <= gain <= high + 1e-6
    largest = largest_interaction(bounds.synergy(*pairs(p)))
    if largest is not None:
        assert max(truth.atoms, key=truth.atoms.get) == largest


def test_both_certain_verdicts_occur_on_random_tables():
    generator = np.random.default_rng(0)
    found = [
        collect_second_modality(*pairs(p), least_gain=0.05).verdict
        for p in generator.dirichlet(np.full(8, 0.2), size=40).reshape(-1, 2, 2, 2)
    ]
    assert {"yes", "no", "undecided"} == set(found)


def test_an_and_is_worth_a_second_modality_and_needs_no_interactions():
    # The tables of AND leave one distribution: accuracy 3/4 with one bit, 1 with both; added logits decide it.
    assert collect_second_modality(*world("AND")).quantities["gain"] == pytest.approx((0.25, 0.25), abs=1e-6)
    advice = fusion_class(*world("AND"))
    assert (advice.quantities["largest"], advice.verdict, advice.answer) == ("synergy", "no", "late_fusion")


def test_an_exclusive_or_is_never_claimed():
    # Three coins have the same pair tables.
    for advice in (collect_second_modality(*world("XOR")), fusion_class(*world("XOR"))):
        assert advice.verdict == "undecided"
        assert any("labelled pairs" in reason for reason in advice.reasons)


def test_the_same_information_twice_needs_one_modality():
    advice = fusion_class(*pairs(same_source(0.1)), names=("sound", "picture"))
    assert (advice.verdict, advice.answer) == ("no", "one_modality")
    assert collect_second_modality(*pairs(same_source(0.1))).verdict == "no"


def test_what_only_the_second_knows_is_worth_collecting():
    advice = collect_second_modality(COIN, SAME, COIN, names=("sound", "picture"))
    assert advice.verdict == "yes"
    assert "0.500" in advice.reasons[0]
    assert "picture" in advice.reasons[0]


def test_synergy_that_must_be_there_and_is_not_additive_calls_for_interactions():
    # Found among tables near AND: synergy is the largest for every joint, and the segment is long.
    generator = np.random.default_rng(4)
    seen = set()
    for _ in range(400):
        p = generator.dirichlet(np.full(8, 0.3)).reshape(2, 2, 2)
        advice = fusion_class(*pairs(p))
        seen.add(advice.answer)
        if advice.verdict == "yes":
            assert max(pid.decompose(p).atoms.items(), key=lambda item: item[1])[0] == "synergy"
            assert advice.quantities["beyond_additive"][1] > 0.01
    assert seen == {"one_modality", "late_fusion", "fusion", "undecided"}


def test_what_additive_logits_miss_is_at_most_what_is_said():
    # The additive model of largest likelihood has the information exact_minimum + I_union.
    sklearn = pytest.importorskip("sklearn.linear_model")
    p = np.random.default_rng(5).dirichlet(np.ones(18)).reshape(3, 3, 2)
    found = bounds.synergy(*pairs(p))
    i, j, y = (axis.ravel() for axis in np.indices(p.shape))
    inputs = np.concatenate([np.eye(3)[i], np.eye(3)[j]], axis=1)
    model = sklearn.LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(inputs, y, sample_weight=p.ravel() * 1e4)
    loss = -(p.ravel() * np.log2(model.predict_proba(inputs)[np.arange(18), y])).sum()
    missed = found.label_entropy - loss
    assert found.exact_minimum + found.union_upper == pytest.approx(missed, abs=1e-6)
    assert pid.decompose(p).total - missed <= found.beyond_additive + 1e-6


def test_advice_is_plain_json():
    for advice in (collect_second_modality(*world("AND")), fusion_class(*world("AND"))):
        plain = json.loads(json.dumps(advice.to_dict(), allow_nan=False))
        assert plain["verdict"] == advice.verdict
        assert plain["reasons"] == list(advice.reasons)


@pytest.mark.parametrize("value", [0.0, -0.1, np.nan])
def test_thresholds_are_checked(value):
    for function, argument in ((collect_second_modality, "least_gain"), (fusion_class, "least_loss")):
        with pytest.raises(InputError) as caught:
            function(COIN, COIN, COIN, **{argument: value})
        assert caught.value.argument == argument


def test_one_label_leaves_nothing_to_gain():
    one = np.full((2, 1), 0.5)
    assert collect_second_modality(one, one, COIN).verdict == "no"
