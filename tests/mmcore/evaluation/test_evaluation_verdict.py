"""The verdict on simulated prediction tables whose right answer is known, and on tables that must be refused."""

import numpy as np
import pandas as pd
import pytest

from mmcore.atomic import canonical_json
from mmcore.errors import InputError
from mmcore.evaluation.verdict import decide

CLASSES = ("no", "yes")


def table(accuracies, *, n=1500, groups=None, part="valid", seeds=(0,), draw=0):
    """Predictions of models that are right with a given probability, independently of each other."""
    rng = np.random.default_rng([draw, n])
    truth = rng.integers(0, 2, n)
    frames = []
    for model, accuracy in accuracies.items():
        for seed in seeds:
            guess = np.where(rng.random(n) < accuracy, truth, 1 - truth)
            frames.append(pd.DataFrame({
                "model": model, "seed": seed, "fold": 0, "part": part, "sample_id": [f"r{i:05d}" for i in range(n)],
                "group": None if groups is None else [f"p{i % groups}" for i in range(n)],
                "truth": np.array(CLASSES)[truth], "prediction": np.array(CLASSES)[guess],
                "p_0": 1.0 - guess, "p_1": 1.0 * guess,
            }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def models(first, second, late, early):
    return {"unimodal:a": first, "unimodal:b": second, "late_fusion": late, "early_fusion": early}


@pytest.mark.parametrize("groups", [None, 10])
@pytest.mark.parametrize(
    ("accuracies", "verdict", "recommended"),
    [
        (models(0.6, 0.5, 0.6, 0.9), "fusion", "early_fusion"),
        (models(0.7, 0.65, 0.85, 0.85), "late_fusion", "late_fusion"),
        (models(0.85, 0.5, 0.8, 0.8), "one_modality", "unimodal:a"),
    ],
)
def test_clear_worlds_get_their_verdict(accuracies, verdict, recommended, groups):
    result = decide(table(accuracies, groups=groups, seeds=(0, 1)))
    assert (result["verdict"], result["recommended"]) == (verdict, recommended)
    assert result["best_unimodal"] == "unimodal:a" and result["decided_on"] == "validation"
    assert (result["unit"], result["n_units"]) == (("group", 10) if groups else ("sample", 1500))


def test_a_gain_that_is_too_small_for_the_rows_is_no_gain():
    result = decide(table(models(0.80, 0.5, 0.82, 0.82), n=60))
    assert result["verdict"] == "one_modality"
    assert any("does not lie above 0" in reason for reason in result["reasons"])


def test_equal_models_seldom_earn_more_than_one_modality():
    verdicts = [decide(table(models(0.8, 0.8, 0.8, 0.8), n=300, draw=k))["verdict"] for k in range(60)]
    assert verdicts.count("one_modality") >= 54  # 90 %, the promise for worlds with one sufficient modality


def test_fusion_must_beat_the_best_modality_too():
    # late fusion failed to train: beating it shows nothing about interactions
    result = decide(table(models(0.9, 0.5, 0.6, 0.88)))
    assert result["verdict"] == "one_modality"


def test_a_fusion_that_beats_one_modality_but_not_late_fusion_recommends_late_fusion():
    # early fusion is right where the modality is and on 30 rows more; late fusion is right elsewhere, 20 rows more
    right = {"unimodal:a": range(700), "early_fusion": range(730), "late_fusion": [*range(500), *range(700, 920)]}
    hit = {model: np.isin(np.arange(1000), list(rows)) for model, rows in right.items()}
    frame = table(dict.fromkeys(right, 1.0), n=1000)
    kept = np.concatenate(list(hit.values()))
    frame["prediction"] = np.where(kept, frame["truth"], np.where(frame["truth"] == "no", "yes", "no"))
    result = decide(frame)
    by_pair = {(c["model"], c["against"]): c for c in result["comparisons"]}
    assert by_pair["early_fusion", "unimodal:a"]["low"] > 0 > by_pair["late_fusion", "unimodal:a"]["low"]
    assert by_pair["early_fusion", "late_fusion"]["low"] < 0
    assert (result["verdict"], result["recommended"]) == ("late_fusion", "late_fusion")


def test_several_fusions_pay_with_wider_intervals():
    frame = table({**models(0.6, 0.5, 0.7, 0.8), "tensor_fusion": 0.79})
    two = {c["model"]: c for c in decide(frame)["comparisons"] if c["against"] == "late_fusion"}
    one = {
        c["model"]: c
        for c in decide(frame, candidates=["unimodal:a", "late_fusion", "early_fusion"])["comparisons"]
        if c["against"] == "late_fusion"
    }
    assert two["early_fusion"]["level"] == pytest.approx(0.975)
    assert two["early_fusion"]["low"] < one["early_fusion"]["low"]
    assert two["early_fusion"]["p_adjusted"] >= two["early_fusion"]["p"]


def test_min_gain_asks_for_more():
    frame = table(models(0.6, 0.5, 0.7, 0.9))
    assert decide(frame, min_gain=0.1)["verdict"] == "fusion"
    assert decide(frame, min_gain=0.35)["verdict"] == "one_modality"


def test_lower_is_better_for_errors():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=200)
    ids = [f"{i:03d}" for i in range(200)]
    frames = [
        pd.DataFrame({"model": name, "seed": 0, "fold": 0, "part": "valid", "sample_id": ids, "group": None,
                      "truth": truth, "prediction": truth + noise * rng.normal(size=200)})
        for name, noise in models(1.0, 1.5, 0.9, 0.1).items()
    ]  # fmt: skip
    frame = pd.concat(frames, ignore_index=True)
    result = decide(frame.assign(p_0=frame["prediction"]), task="regression", metric="mae")
    assert result["verdict"] == "fusion" and result["recommended"] == "early_fusion"
    assert all(c["difference"] < 0 for c in result["comparisons"] if c["model"] == "early_fusion")


def test_one_modality_only_needs_no_comparison():
    result = decide(table({"unimodal:a": 0.8}))
    assert result["verdict"] == "one_modality" and result["comparisons"] == []


def test_the_proposal_is_quoted_and_changes_nothing():
    frame = table(models(0.85, 0.5, 0.8, 0.8))
    plain, quoted = decide(frame), decide(frame, selection={"verdict": "fusion"})
    assert plain["verdict"] == quoted["verdict"]
    assert "differs" in quoted["reasons"][-1]
    assert canonical_json(decide(frame)) == canonical_json(plain)


def test_the_first_candidate_is_quoted_by_name():
    selection = {"verdict": "one_modality", "candidates": [{"model": "film"}, {"model": "late_fusion"}]}
    said = decide(table(models(0.85, 0.5, 0.8, 0.8)), selection=selection)["reasons"][-1]
    assert "proposed one_modality, first film;" in said and "agrees with" in said


def test_scores_are_the_share_of_right_rows_with_an_interval_that_holds_it():
    frame = table(models(0.6, 0.5, 0.6, 0.9), seeds=(0, 1))
    right = (frame["prediction"] == frame["truth"]).groupby(frame["model"]).mean()
    scores = {entry["model"]: entry for entry in decide(frame)["scores"]}
    assert set(scores) == set(right.index)
    for name, share in right.items():
        assert scores[name]["value"] == pytest.approx(share)
        assert scores[name]["low"] < share < scores[name]["high"]


def test_rows_and_names_in_another_order_change_nothing():
    frame = table(models(0.7, 0.65, 0.85, 0.85))
    assert decide(frame.iloc[::-1]) == decide(frame)


def test_test_rows_are_refused():
    accuracies = models(0.7, 0.6, 0.8, 0.8)
    with pytest.raises(InputError) as error:
        decide(pd.concat([table(accuracies), table(accuracies, part="test").iloc[:1]]))
    assert "test" in error.value.received and "valid" in error.value.remedy


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"candidates": ["late_fuson"]}, "candidates"),
        ({"candidates": ["late_fusion"]}, "candidates"),
        ({"candidates": ["unimodal:a", "early_fusion"]}, "candidates"),
        ({"metric": "mae"}, "metric"),
        ({"metric": "auroc"}, "classes"),
        ({"metric": "auprc"}, "classes"),
        ({"level": 95}, "level"),
        ({"min_gain": -0.1}, "min_gain"),
    ],
)
def test_bad_arguments_are_named(given, argument):
    with pytest.raises(InputError) as error:
        decide(table(models(0.7, 0.6, 0.8, 0.8), n=20), **given)
    assert error.value.argument == argument and error.value.remedy


def test_models_with_other_rows_are_refused():
    frame = table(models(0.7, 0.6, 0.8, 0.8), n=20)
    with pytest.raises(InputError) as error:
        decide(frame[~((frame["model"] == "late_fusion") & (frame["sample_id"] == "r00003"))])
    assert "same rows" in error.value.allowed


def test_an_empty_table_is_refused():
    with pytest.raises(InputError) as error:
        decide(table({"unimodal:a": 0.8}).iloc[:0])
    assert error.value.received == "no rows"


def test_a_simple_verdict_tells_how_large_a_gain_its_rows_leave_open():
    # equal and independent models: the half width is 2.24 sqrt(2 * 0.8 * 0.2 / n), 0.16 of 60 rows and 0.016 of 6,000
    few, many = (decide(table(models(0.80, 0.5, 0.80, 0.80), n=n)) for n in (60, 6000))
    assert few["verdict"] == many["verdict"] == "one_modality"
    assert few["gain_left_open"] > 0.1 and many["gain_left_open"] < 0.04
    against = [c["high"] for c in few["comparisons"] if c["against"] == few["recommended"]]
    assert len(against) == 2 and few["gain_left_open"] == max(against)
    assert any("leave open a gain" in reason for reason in few["reasons"])
    assert decide(table(models(0.6, 0.5, 0.6, 0.9)))["gain_left_open"] is None  # nothing was compared with the winner


def test_a_gain_left_open_counts_downwards_for_errors():
    rng = np.random.default_rng(3)
    truth, ids = rng.normal(size=100), [f"{i:03d}" for i in range(100)]
    frame = pd.concat([
        pd.DataFrame({"model": name, "seed": 0, "fold": 0, "part": "valid", "sample_id": ids, "group": None,
                      "truth": truth, "prediction": truth + rng.normal(size=100)})
        for name in models(0, 0, 0, 0)
    ], ignore_index=True)  # fmt: skip
    result = decide(frame.assign(p_0=frame["prediction"]), task="regression", metric="mae")
    lows = [-c["low"] for c in result["comparisons"] if c["against"] == result["recommended"]]
    assert result["gain_left_open"] == max(lows) > 0 and result["beats_constant"] is None


def test_models_at_chance_are_said_to_have_learnt_nothing():
    chance = [decide(table(models(0.5, 0.5, 0.5, 0.5), n=300, draw=k)) for k in range(40)]
    # the best of four beats the best constant by luck in far fewer than 5 % of draws: the constant is chosen later
    assert sum(result["beats_constant"] is False for result in chance) >= 38
    assert all(
        any("nothing was learnt" in reason for reason in result["reasons"]) is (result["beats_constant"] is False)
        for result in chance
    )
    assert decide(table(models(0.8, 0.5, 0.8, 0.8), n=300))["beats_constant"] is True
