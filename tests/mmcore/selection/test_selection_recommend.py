"""The rule alone, without a bank: the textbook worlds, each branch, many modalities, estimates that are refused."""

import functools
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from mmcore.atomic import canonical_json
from mmcore.errors import InputError
from mmcore.information.pid import decompose
from mmcore.selection import Recommendation
from mmcore.selection import propose as propose_with_bank
from mmcore.selection import recommend as recommend_with_bank

recommend = functools.partial(recommend_with_bank, bank=False)
propose = functools.partial(propose_with_bank, bank=False)


def exact(r=0.0, u1=0.0, u2=0.0, s=0.0):
    return SimpleNamespace(redundancy=r, unique1=u1, unique2=u2, synergy=s, gap=0.0, interval=None)


def estimated(r=0.0, u1=0.0, u2=0.0, s=0.0, reach=0.05, null=None, corrected=None):
    atoms = {"redundancy": r, "unique1": u1, "unique2": u2, "synergy": s}
    around = {name: (value - reach, value + reach) for name, value in (corrected or atoms).items()}
    return SimpleNamespace(**atoms, gap=None, interval=around, null=null, corrected=corrected)


# AND: I(X1;Y) = .311 bit, redundancy .311, synergy .5 (Williams & Beer 2010)
@pytest.mark.parametrize(
    ("world", "verdict", "first"),
    [
        (exact(s=1.0), "fusion", "early_fusion"),  # XOR
        (exact(r=0.311, s=0.5), "fusion", "early_fusion"),  # AND
        (exact(u1=1.0, u2=1.0), "late_fusion", "late_fusion"),  # two bits, a label of both
        (exact(u1=1.0), "one_modality", "unimodal:first"),  # UNQ
        (exact(u2=1.0), "one_modality", "unimodal:second"),
        (exact(r=1.0), "one_modality", "unimodal:first"),  # RDN
        (exact(), "one_modality", "unimodal:first"),  # no information at all
    ],
)
def test_textbook_worlds(world, verdict, first):
    result = recommend(world)
    assert (result.verdict, result.models[0]) == (verdict, first)
    best = "unimodal:second" if world.unique2 > world.unique1 else "unimodal:first"
    assert {"late_fusion", "early_fusion", best} == set(result.models)


BITS = np.array(list(itertools.product([0, 1], repeat=2)))


def test_nothing_said_denies_that_added_logits_use_part_of_a_synergy():
    both, either = BITS.all(axis=1), BITS[:, 0] != BITS[:, 1]
    assert ((BITS.sum(axis=1) > 1.5) == both).all()  # x1 + x2 - 1.5: AND without error, half a bit of synergy
    design = np.column_stack([BITS, np.ones(4)])
    # The likelihood is concave, so that zero weights, chance, are the best added logits of XOR: they use nothing of it.
    assert (design.T @ (either - 0.5) == 0).all() and (design.T @ (both - 0.5) != 0).any()
    table = np.zeros((2, 2, 2))
    table[BITS[:, 0], BITS[:, 1], both.astype(int)] = 0.25
    found = recommend(decompose(table))
    assert found.evidence[1]["values"]["value"] == pytest.approx(0.5, abs=1e-4)
    assert "late_fusion" in found.models  # stays a contestant: on AND it may be enough
    proposal = propose({"dataset": "d", "pairs": [entry("a", "b", r=0.311, s=0.5)]}, ["a", "b"])
    reasons = [r for model in proposal["candidates"] + proposal["mandatory"] for r in model["reasons"]]
    for text in [*(e["statement"] for e in found.evidence), *reasons]:
        assert not any(word in text for word in ("only", "cannot", "without interactions")), text


def test_the_interval_decides_not_the_value():
    assert recommend(estimated(u1=0.3, s=0.1, reach=0.05)).verdict == "fusion"
    assert recommend(estimated(u1=0.3, s=0.1, reach=0.12)).verdict == "one_modality"
    assert recommend(estimated(u1=0.3, u2=0.1, reach=0.05)).verdict == "late_fusion"
    assert recommend(estimated(u1=0.3, u2=0.1, reach=0.12)).verdict == "one_modality"


def test_the_chance_level_decides_where_it_was_drawn():
    null = {name: [0.2] * 100 for name in ("redundancy", "unique1", "unique2", "synergy")}
    assert recommend(estimated(u1=0.5, s=0.2, reach=0.02)).verdict == "fusion"
    result = recommend(estimated(u1=0.5, s=0.2, reach=0.02, null=null))
    assert result.verdict == "one_modality"
    assert any(e["values"].get("chance") == pytest.approx(0.2) for e in result.evidence)


def test_the_corrected_value_is_what_counts_and_is_quoted():
    corrected = {"redundancy": 0.0, "unique1": 0.4, "unique2": 0.0, "synergy": 0.0}
    result = recommend(estimated(u1=0.4, s=0.3, corrected=corrected))
    assert result.verdict == "one_modality"
    assert "0.000 bit [-0.050, 0.050]" in result.evidence[1]["statement"]


def test_swapping_the_pair_swaps_the_names_only():
    one = recommend({("a", "b"): exact(u1=0.4, u2=0.1)})
    two = recommend({("b", "a"): exact(u1=0.1, u2=0.4)})
    assert (one.verdict, one.models) == (two.verdict, two.models) == (
        "late_fusion", ("late_fusion", "unimodal:a", "early_fusion"))  # fmt: skip


def test_three_modalities():
    # c adds to the best (a); b repeats a; no pair is synergistic
    late = recommend(
        {("a", "b"): exact(r=0.3, u1=0.2), ("a", "c"): exact(u1=0.5, u2=0.2), ("b", "c"): exact(0, 0.3, 0.2)}
    )
    assert late.verdict == "late_fusion" and late.models[1] == "unimodal:a"
    # the unique information of c beside b alone does not count: a holds it too
    one = recommend(
        {("a", "b"): exact(r=0.3, u1=0.3), ("a", "c"): exact(r=0.2, u1=0.4), ("b", "c"): exact(0, 0.3, 0.2)}
    )
    assert one.verdict == "one_modality" and one.models[0] == "unimodal:a"
    # synergy of any pair is enough
    fusion = recommend({("a", "b"): exact(u1=0.6), ("a", "c"): exact(u1=0.6), ("b", "c"): exact(s=0.4)})
    assert fusion.verdict == "fusion"
    assert "1 of 3 pairs" in fusion.evidence[1]["statement"] and fusion.evidence[1]["values"]["pair"] == ["b", "c"]


def test_a_recommendation_survives_json():
    result = recommend(estimated(u1=0.3, s=0.1))
    assert Recommendation.from_dict(json.loads(canonical_json(result.to_dict()))) == result
    with pytest.raises(InputError):
        Recommendation.from_dict({"models": [], "verdict": "maybe", "evidence": []})


def test_an_estimate_without_interval_says_so():
    bare = SimpleNamespace(redundancy=0.0, unique1=0.3, unique2=0.0, synergy=0.2)
    assert "no interval" in recommend(bare).evidence[1]["statement"]


@pytest.mark.parametrize(
    ("pid", "received"),
    [
        ({}, "no pair"),
        ({("a", "a"): exact()}, "('a', 'a')"),
        ({("a", "b"): exact(), ("b", "a"): exact()}, "twice"),
        ({("a", "b"): exact(s=float("nan"))}, "synergy of a and b"),
    ],
)
def test_bad_decompositions_are_refused(pid, received):
    with pytest.raises(InputError) as error:
        recommend(pid)
    assert error.value.argument == "pid" and received in error.value.received and error.value.remedy


def test_a_budget_is_not_pretended_without_a_bank():
    with pytest.raises(InputError) as error:
        recommend(exact(), budget=60.0)
    assert error.value.argument == "budget" and "bank" in error.value.allowed


def entry(first, second, *, s=0.0, u1=0.0, u2=0.0, r=0.0, reach=0.05):
    atoms = {"redundancy": r, "unique1": u1, "unique2": u2, "synergy": s}
    return {"first": first, "second": second, "status": "estimated", "raw": {n: v + 0.02 for n, v in atoms.items()},
            "corrected": atoms, "interval": {n: [v - reach, v + reach] for n, v in atoms.items()}}  # fmt: skip


def refused(first, second):
    return {"first": first, "second": second, "status": "refused", "reason": "12 paired rows are too few"}


def test_the_proposal_keeps_the_contract():
    estimate = {"dataset": "d", "pairs": [entry("a", "b", u1=0.4), entry("a", "c", s=0.3), refused("b", "c")]}
    result = propose(estimate, ["a", "b", "c"])
    assert (result["dataset"], result["verdict"], result["leading_pair"]) == ("d", "fusion", ["a", "c"])
    mandatory = [(m["model"], m["modalities"]) for m in result["mandatory"]]
    every = ["a", "b", "c"]
    assert mandatory == [("unimodal:a", ["a"]), ("unimodal:b", ["b"]), ("unimodal:c", ["c"]),
                         ("late_fusion", every), ("early_fusion", every)]  # fmt: skip
    assert result["candidates"][0]["model"] == "early_fusion"
    assert any("0.300 bit [0.250, 0.350]" in reason for reason in result["candidates"][0]["reasons"])
    assert {m["model"] for m in result["candidates"]} <= {name for name, _ in mandatory}
    assert "12 paired rows" in result["evidence"][-1]["statement"]
    assert json.loads(canonical_json(result)) == result


def test_the_proposal_agrees_with_the_rule():
    for keywords in ({"s": 0.3}, {"u1": 0.3, "u2": 0.2}, {"u1": 0.3}, {"r": 0.3}):
        atoms = {name: keywords.get(name, 0.0) for name in ("r", "u1", "u2", "s")}
        proposed = propose({"dataset": "d", "pairs": [entry("a", "b", **keywords)]}, ["a", "b"])
        assert proposed["verdict"] == recommend(estimated(**atoms)).verdict


def test_nothing_estimated_is_no_verdict_but_the_baselines_stay():
    result = propose({"dataset": "d", "pairs": [refused("a", "b")]}, ["a", "b"])
    assert result["verdict"] is None and result["leading_pair"] is None and result["candidates"] == []
    assert result["status"] == "absent" and "12 paired rows" in result["reason"]
    assert len(result["mandatory"]) == 4


def test_an_atom_without_its_own_interval_is_taken_at_its_value():
    pair = entry("a", "b", s=0.3)
    pair["interval"] = {"unique1": [0.0, 0.1]}
    result = propose({"dataset": "d", "pairs": [pair]}, ["a", "b"])
    assert result["verdict"] == "fusion" and "no interval" in result["evidence"][1]["statement"]


@pytest.mark.parametrize(
    ("estimate", "modalities", "argument"),
    [
        ({"pairs": [entry("a", "b")]}, ["a"], "modalities"),
        ({"pairs": []}, ["a", "b"], "estimate"),
        ({"pairs": [entry("a", "x")]}, ["a", "b"], "estimate.pairs"),
        ({"pairs": [{**entry("a", "b"), "raw": None, "corrected": None}]}, ["a", "b"], "estimate.pairs"),
    ],
)
def test_bad_estimates_are_refused(estimate, modalities, argument):
    with pytest.raises(InputError) as error:
        propose(estimate, modalities)
    assert error.value.argument == argument and error.value.remedy
