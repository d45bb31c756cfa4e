"""The content of selection.json with a bank: its keys, who is a candidate and why, and what is refused or explained."""

import json

import numpy as np
import pytest
from hand_made_bank import ACCURACY, made

from mmcore.atomic import canonical_json
from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.information.pairs import estimate_dataset
from mmcore.selection import propose, recommend

BANK = made()


def entry(first, second, *, s=0.0, u1=0.0, u2=0.0, r=0.0, reach=0.05):
    atoms = {"redundancy": r, "unique1": u1, "unique2": u2, "synergy": s}
    return {"first": first, "second": second, "status": "estimated", "raw": {n: v + 0.02 for n, v in atoms.items()},
            "corrected": atoms, "interval": {n: [v - reach, v + reach] for n, v in atoms.items()}}  # fmt: skip


def refused(first, second):
    return {"first": first, "second": second, "status": "refused", "reason": "12 paired rows are too few"}


def estimate(*pairs, entropy=1.0, classes=("no", "yes"), rows=2000):
    return {"dataset": "d", "pairs": list(pairs), "label": {"entropy": entropy, "classes": list(classes)},
            "rows": {"n_labelled": rows}, "estimator": {"level": 0.95}}  # fmt: skip


KEYS = {"dataset", "verdict", "leading_pair", "candidates", "mandatory", "evidence", "ranking", "neighbours", "draws",
        "budget", "left_out", "fallback"}  # fmt: skip


def test_the_content_is_that_of_the_recommendation():
    result = propose(estimate(entry("a", "b", s=0.5)), ["a", "b"], bank=BANK)
    assert set(result) == KEYS and json.loads(canonical_json(result)) == result
    assert result["ranking"][0].keys() == {"model", "relative_accuracy", "regret", "expected_accuracy", "chosen",
                                           "cpu_seconds", "reasons"}  # fmt: skip
    assert result["neighbours"][0].keys() == {"world", "weight", "distance", "atoms", "best"}
    assert result["fallback"] is None and result["draws"] == {"number": 200, "kind": "interval"}
    costs = {e["model"]: e["cpu_seconds"] for e in result["ranking"]}
    assert costs["tensor_fusion"] == pytest.approx(2 * 8.0)  # 2,000 rows, worlds of 1,000
    assert all(e["expected_accuracy"]["low"] <= e["expected_accuracy"]["high"] <= 1.0 for e in result["ranking"])


def test_the_top_comes_first_and_the_contestants_are_always_there():
    for top in (1, 2, 3):
        result = propose(estimate(entry("a", "b", s=0.5)), ["a", "b"], bank=BANK, top=top)
        candidates = [c["model"] for c in result["candidates"]]
        assert candidates[:top] == [e["model"] for e in result["ranking"][:top]]
        assert {"late_fusion", "unimodal:a"} <= set(candidates) and len(candidates) == len(set(candidates))
        roles = [c["reasons"][0].split(":")[0] for c in result["candidates"]]
        assert roles == ["Recommended"] * top + ["Contestant"] * (len(candidates) - top)
    assert {c["model"]: c["modalities"] for c in result["candidates"]}["unimodal:a"] == ["a"]
    assert result["candidates"][0]["modalities"] == ["a", "b"]
    assert all(reason.endswith(".") for c in result["candidates"] for reason in c["reasons"])


def test_a_contestant_over_the_budget_stays_and_says_so():
    result = propose(estimate(entry("a", "b", s=0.5)), ["a", "b"], bank=BANK, budget=3.0, top=1)
    late = next(c for c in result["candidates"] if c["model"] == "late_fusion")
    assert any("over the budget" in reason for reason in late["reasons"]) and result["budget"] == 3.0
    assert [m["model"] for m in result["mandatory"]] == ["unimodal:a", "unimodal:b", "late_fusion", "early_fusion"]


def test_a_refused_pair_is_quoted_and_the_others_decide():
    result = propose(estimate(entry("a", "b", s=0.5), refused("a", "c"), refused("b", "c")), ["a", "b", "c"], bank=BANK)
    assert result["verdict"] == "fusion" and result["candidates"][0]["modalities"] == ["a", "b", "c"]
    assert sum("12 paired rows" in e["statement"] for e in result["evidence"]) == 2
    assert any(e["model"] == "unimodal:c" and "no pair that holds it" in e["reason"] for e in result["left_out"])


def test_no_pair_at_all_leaves_the_baselines_and_the_reason():
    result = propose(estimate(refused("a", "b")), ["a", "b"], bank=BANK)
    assert set(result) == {*KEYS, "status", "reason"} and result["status"] == "absent"
    assert result["verdict"] is None and result["candidates"] == [] and len(result["mandatory"]) == 4
    assert "12 paired rows" in result["fallback"]


def test_without_information_the_bank_proposes_what_loses_least_and_without_a_bank_the_rule_does():
    noise = estimate(entry("a", "b", s=0.01, reach=0.03))
    with_bank, without = propose(noise, ["a", "b"], bank=BANK), propose(noise, ["a", "b"], bank=False)
    assert "no synthetic dataset is near" in with_bank["fallback"] and "bank" in without["fallback"]
    assert [c["model"] for c in without["candidates"]] == ["unimodal:a", "late_fusion", "early_fusion"]
    told = {c["model"]: c["reasons"] for c in with_bank["candidates"]}
    assert {"tensor_fusion", "late_fusion", "unimodal:a"} <= set(told)
    assert any("over all 3 synthetic datasets alike" in reason.lower() for reason in told["tensor_fusion"])


def test_the_names_of_the_pair_follow_its_orientation():
    one = propose(estimate(entry("a", "b", u2=0.4)), ["a", "b"], bank=BANK)
    two = propose(estimate(entry("b", "a", u1=0.4)), ["a", "b"], bank=BANK)
    assert one["ranking"][0]["model"] == two["ranking"][0]["model"] == "unimodal:b"


def test_the_same_estimate_gives_the_same_bytes():
    given = estimate(entry("a", "b", s=0.3, u1=0.2), entry("a", "c", r=0.3), entry("b", "c", u1=0.1))
    one, two = (canonical_json(propose(given, ["a", "b", "c"], bank=made())) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("modalities", "pairs", "argument"),
    [
        (["a"], [entry("a", "b")], "modalities"),
        (["a", "b"], [], "estimate"),
        (["a", "b"], [entry("a", "x")], "estimate.pairs"),
    ],
)
def test_what_cannot_be_selected_from_is_refused(modalities, pairs, argument):
    with pytest.raises(InputError) as told:
        propose(estimate(*pairs), modalities, bank=BANK)
    assert told.value.argument == argument and told.value.remedy


def columns(n=120, seed=0):
    a, b = np.random.default_rng(seed).integers(0, 2, (2, n))
    return a, b


def bad_datasets():
    a, b = columns()
    one_class = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=np.zeros(120, dtype=int), name="one", seed=0)
    never = {"a": np.arange(120) < 60, "b": np.arange(120) >= 60}
    apart = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a ^ b, presence=never, name="apart", seed=0)
    unlabelled = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a ^ b, name="none", seed=0)
    unlabelled.samples["label"] = None
    return {"one class": one_class, "no paired rows": apart, "no labels": unlabelled}


@pytest.mark.parametrize("problem", ["one class", "no paired rows", "no labels"])
def test_a_dataset_that_tells_nothing_gets_its_reason_or_its_error(problem):
    """Through the estimator itself: refused pairs leave the baselines, with the reason in words."""
    ds = bad_datasets()[problem]
    found = estimate_dataset(ds, options={"n_boot": 0, "n_null": 0}, seed=0)
    result = propose(found, ds.modalities, bank=BANK)
    assert result["status"] == "absent" and result["verdict"] is None and result["reason"]
    assert [m["model"] for m in result["mandatory"]] == ["unimodal:a", "unimodal:b", "late_fusion", "early_fusion"]


def test_an_estimated_dataset_is_proposed_what_its_interactions_call_for():
    a, b = columns(1500)
    ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a ^ b, name="xor", seed=0)
    found = estimate_dataset(ds, options={"n_boot": 40}, seed=0)
    result = propose(found, ds.modalities, bank=BANK)
    assert result["verdict"] == "fusion" and result["candidates"][0]["model"] == "tensor_fusion"
    assert result["draws"] == {"number": 200, "kind": "bootstrap"}
    first = result["ranking"][0]
    # one bit of one: no error is possible, and tensor fusion is the best of the nearest world
    assert first["expected_accuracy"]["high"] == pytest.approx(1.0) and first["expected_accuracy"]["value"] > 0.9
    assert first["regret"]["value"] == pytest.approx(
        recommend({("a", "b"): _as_pid(found["pairs"][0])}, bank=BANK).ranking[0]["regret"]["value"], abs=0.02
    )


def _as_pid(pair):
    from types import SimpleNamespace

    return SimpleNamespace(**pair["raw"], corrected=pair["corrected"], interval=pair["interval"], null=None)


def test_every_method_of_the_bank_has_a_place_or_a_reason():
    result = propose(estimate(entry("a", "b", s=0.5)), ["a", "b"], bank=BANK, budget=4.0)
    told = {e["model"] for e in result["ranking"]} | {e["model"] for e in result["left_out"]}
    assert {name.replace("first", "a").replace("second", "b") for name in ACCURACY["unique"]} <= told


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_a_bank_of_classifications_is_a_hint_for_other_tasks(task):
    content = estimate(entry("a", "b", s=0.5))
    plain = propose(content, ["a", "b"], bank=BANK)
    content["label"]["task"] = task  # classes and their entropy are then those of the estimate's own symbols
    other = propose(content, ["a", "b"], bank=BANK)
    hints = [e for e in other["evidence"] if e["values"].get("task") == task]
    assert len(hints) == 1 and "hint" in hints[0]["statement"] and hints[0] not in plain["evidence"]
    assert all(e["expected_accuracy"] is None for e in other["ranking"])
    assert all(e["expected_accuracy"] is not None for e in plain["ranking"])
    assert [e["model"] for e in other["ranking"]] == [e["model"] for e in plain["ranking"]]
