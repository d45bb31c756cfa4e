"""A dataset's estimate.json: format, truth beside estimate, refusals that leave the rest standing."""

import json

import numpy as np
import pytest
from worlds import binary_entropy, planted, sample, vectors

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.pairs import estimate_dataset

ATOMS = ("redundancy", "unique1", "unique2", "synergy")


def planted_dataset(n=3000, **kw):
    world = planted()
    i, j, y = sample(world.p, n, 0)
    truth = {"first": "second_sensor", "second": "first_sensor", **world.atoms}
    truth["unique1"], truth["unique2"] = truth["unique2"], truth["unique1"]
    return from_arrays(
        {"first_sensor": vectors(i, 4, 1), "second_sensor": vectors(j, 4, 2)},
        labels=[f"class {k}" for k in y],
        name="planted_here",
        annotations={"truth": [truth]},
        seed=0,
        **kw,
    )


def test_planted_pair_with_truth_whichever_way_round():
    found = estimate_dataset(planted_dataset(), options={"n_boot": 40}, seed=0)
    (pair,) = found["pairs"]
    assert pair["truth"] == pytest.approx(planted().atoms)
    assert pair["clusters"] == [4, 4]
    assert pair["diagnostics"]["gap"] <= 1e-9
    for name in ATOMS:
        assert pair["corrected"][name] == pytest.approx(pair["truth"][name], abs=0.05)
        low, high = pair["interval"][name]
        assert low <= pair["corrected"][name] <= high
    corrected, information = pair["corrected"], pair["information"]
    assert information["first"]["value"] == pytest.approx(corrected["redundancy"] + corrected["unique1"])
    assert information["second"]["value"] == pytest.approx(corrected["redundancy"] + corrected["unique2"])
    assert information["both"]["value"] == pytest.approx(sum(corrected.values()))
    assert information["both"]["raw"] == pytest.approx(sum(pair["raw"].values()))
    assert found["label"]["entropy"] == pytest.approx(3.0, abs=0.01)


def test_format_is_that_of_the_contract_and_plain_json():
    found = estimate_dataset(planted_dataset(800), options={"n_boot": 10}, seed=0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"dataset", "unit", "label", "estimator", "rows", "information", "pairs", "reach"} <= set(found)
    assert {"method", "discretiser", "solver", "n_boot", "level", "seed", "n_folds", "grouped", "interval"} <= set(
        found["estimator"]
    )
    needed = (
        "first second status reason n_rows n_groups clusters raw corrected interval draws null p_values information "
        "bounds others truth diagnostics"
    )
    assert set(needed.split()) == set(found["pairs"][0])
    assert found["against_rest"] == []
    assert [entry["modalities"] for entry in found["reach"]] == [
        ["first_sensor"],
        ["second_sensor"],
        ["first_sensor", "second_sensor"],
    ]
    again = estimate_dataset(planted_dataset(800), options={"n_boot": 10}, seed=0)
    assert again == found


def test_a_pair_keeps_the_resamples_of_its_interval():
    found = estimate_dataset(planted_dataset(400), options={"n_boot": 30, "clusters": 4}, seed=0)
    draws = np.array(found["pairs"][0]["draws"])
    assert draws.shape == (30, 4) and np.array_equal(draws, np.round(draws, 6))
    raw, corrected = (np.array([found["pairs"][0][kind][name] for name in ATOMS]) for kind in ("raw", "corrected"))
    assert draws.mean(axis=0) == pytest.approx(2 * raw - corrected, abs=1e-6)  # off by the bias that was taken off
    # a row is one resample: its sum is the resampled I(X1,X2;Y), of which the interval of the total is made
    low, high = np.quantile(draws.sum(axis=1), [0.025, 0.975], method="weibull")
    ends = found["pairs"][0]["information"]["both"]["interval"]
    assert ends[0] <= low + 1e-5 and high - 1e-5 <= ends[1]
    assert ends[1] == pytest.approx(max(high, 2 * raw.sum() - low), abs=1e-5)
    for options in ({"n_boot": 0}, {"n_boot": 10, "interval": "subsampling"}):
        (pair,) = estimate_dataset(planted_dataset(400), options={"clusters": 4, **options}, seed=0)["pairs"]
        assert pair["status"] == "estimated" and pair["draws"] is None


def test_at_most_two_hundred_resamples_are_written_and_none_of_one_against_the_rest():
    bits = np.random.default_rng(0).integers(0, 2, (3, 120))
    ds = from_arrays(dict(zip("abc", bits[:, :, None])), labels=bits[0] ^ bits[1], name="three", seed=0)
    found = estimate_dataset(ds, options={"n_boot": 230, "n_null": 0}, seed=0)
    assert [len(pair["draws"]) for pair in found["pairs"]] == [200] * 3
    assert [entry["draws"] for entry in found["against_rest"]] == [None] * 3
    assert {entry["status"] for entry in found["against_rest"]} == {"estimated"}


@pytest.mark.parametrize("method", ["clusters", "posteriors", "neighbours", "gaussian"])
def test_every_estimator_gives_the_resamples_behind_its_interval(method):
    x = np.random.default_rng(0).normal(size=(150, 2))
    y = x.sum(axis=1) > 0
    found = pid.estimate(x[:, 0], x[:, 1], y, method=method, n_boot=12, seed=0)
    assert found.draws.shape == (12, 4) and np.isfinite(found.draws).all()
    for k, (low, high) in enumerate(found.interval.values()):
        assert low <= np.median(found.draws[:, k]) + 0.05 and np.median(found.draws[:, k]) <= high + 0.05
    assert pid.estimate(x[:, 0], x[:, 1], y, method=method, n_boot=0, seed=0).draws is None
    assert pid.PID.from_dict(found.to_dict()) == found


def test_reach_holds_the_best_accuracy():
    found = estimate_dataset(planted_dataset(), options={"n_boot": 40}, seed=0)
    # the best classifier of one sensor guesses its own bit (0.95 right) and one of four for the two others
    best = {"first_sensor": 0.95 / 4, "second_sensor": 0.9 / 4, "both": 0.95 * 0.9 * 0.85}
    for entry, accuracy in zip(found["reach"], best.values()):
        assert entry["lower"] <= accuracy <= entry["upper"]
    alone = {entry["modalities"][0]: entry for entry in found["information"]}
    assert alone["first_sensor"]["value"] == pytest.approx(1 - binary_entropy(0.05), abs=0.03)


def test_presence_labels_and_progress():
    n = 1200
    ds = planted_dataset(n, presence={"first_sensor": np.arange(n) >= 200})
    seen = []
    found = estimate_dataset(ds, options={"n_boot": 0}, seed=0, progress=lambda *step: seen.append(step))
    assert found["pairs"][0]["n_rows"] == 1000
    assert {e["modalities"][0]: e["n_rows"] for e in found["information"]} == {
        "first_sensor": 1000,
        "second_sensor": 1200,
    }
    assert set(found["pairs"][0]["corrected"]) == {"redundancy", "unique1", "unique2", "synergy"}
    assert found["pairs"][0]["interval"] is None
    assert [step[:2] for step in seen] == [(1, 3), (2, 3), (3, 3)]


def test_refused_parts_leave_the_others():
    generator = np.random.default_rng(0)
    bit = generator.integers(0, 2, 300)
    constant, broken = np.ones((300, 2)), generator.normal(size=(300, 2))
    broken[5, 1] = np.nan
    ds = from_arrays(
        {"good": bit[:, None] + 0.0, "twin": 1.0 - bit[:, None], "constant": constant, "broken": broken},
        labels=bit,
        name="mixed",
        seed=0,
    )
    found = estimate_dataset(ds, options={"n_boot": 5}, seed=0)
    status = {(p["first"], p["second"]): p["status"] for p in found["pairs"]}
    assert status[("good", "twin")] == "estimated"
    assert sum(value == "refused" for value in status.values()) == 5
    reasons = {e["modalities"][0]: e["reason"] for e in found["information"]}
    assert "constant" in reasons["constant"]
    assert "non-finite" in reasons["broken"]
    assert reasons["good"] is None
    reach = {tuple(e["modalities"]): e for e in found["reach"]}
    assert reach[("good", "constant")]["status"] == "refused"
    assert reach[("good",)]["upper"] == pytest.approx(1.0)


def test_far_too_few_rows_are_refused():
    generator = np.random.default_rng(0)
    ds = from_arrays(
        {"a": generator.normal(size=(20, 3)), "b": generator.normal(size=(20, 3))},
        labels=np.arange(20) % 7,
        name="small",
        seed=0,
    )
    pair = estimate_dataset(ds, options={"n_boot": 5}, seed=0)["pairs"][0]
    assert pair["status"] == "refused"
    assert "20 rows for 2 x 2 x 7 = 28 cells" in pair["reason"]
    assert pair["raw"] is None


def test_regression_is_binned_and_says_so():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(600, 2))
    ds = from_arrays({"a": x[:, :1], "b": x[:, 1:]}, labels=x.sum(axis=1), name="sum", seed=0)
    found = estimate_dataset(ds, options={"n_boot": 0, "label_bins": 3, "clusters": 4}, seed=0)
    assert found["label"]["task"] == "regression"
    assert len(found["label"]["classes"]) == 3
    assert len(found["label"]["bin_edges"]) == 2
    assert found["label"]["entropy"] == pytest.approx(np.log2(3), abs=1e-4)
    assert found["pairs"][0]["raw"]["synergy"] > 0.1


def test_multilabel_is_refused_part_by_part():
    generator = np.random.default_rng(0)
    ds = from_arrays(
        {"a": generator.normal(size=(60, 2)), "b": generator.normal(size=(60, 2))},
        labels=generator.integers(0, 2, (60, 3)),
        name="many",
        seed=0,
    )
    found = estimate_dataset(ds, seed=0)
    assert found["label"]["entropy"] is None
    assert {p["status"] for p in (*found["pairs"], *found["information"], *found["reach"])} == {"refused"}
    assert "multilabel" in found["pairs"][0]["reason"]


def test_sequences_are_summarised_by_moments():
    generator = np.random.default_rng(0)
    loud = generator.integers(0, 2, 400)
    windows = generator.normal(size=(400, 30, 2)) * (1 + 3 * loud[:, None, None])
    lengths = generator.integers(5, 20, 400)
    ragged = [generator.normal(size=(t, 1)) + 4 * k for t, k in zip(lengths, loud)]
    ds = from_arrays(
        {"windows": windows, "steps": ragged}, labels=loud, kinds={"windows": "timeseries"}, name="waves", seed=0
    )
    found = estimate_dataset(ds, options={"n_boot": 0, "clusters": 2}, seed=0)
    assert found["features"] == dict.fromkeys(("windows", "steps"), "mean and standard deviation over time")
    assert found["pairs"][0]["raw"]["redundancy"] > 0.9


def test_a_wrong_call_raises():
    ds = planted_dataset(200)
    with pytest.raises(InputError) as caught:
        estimate_dataset(ds, options={"n_bots": 3})
    assert caught.value.remedy == "Did you mean 'n_boot'?"
    with pytest.raises(InputError):
        estimate_dataset(ds, label="lable")
    with pytest.raises(InputError, match="clusters"):
        estimate_dataset(ds, options={"method": "clutters"})


def test_chance_levels_and_p_values_agree():
    found = estimate_dataset(planted_dataset(1500), options={"n_boot": 50, "n_null": 99}, seed=0)["pairs"][0]
    for name in ATOMS:
        beyond = found["corrected"][name] > found["null"][name] + 1e-6
        assert beyond == (found["p_values"][name] <= 0.05), name
    assert found["corrected"]["synergy"] > found["null"]["synergy"]
    assert found["corrected"]["redundancy"] <= found["null"]["redundancy"]


def test_a_pair_holds_its_bounds():
    (pair,) = estimate_dataset(planted_dataset(), options={"n_boot": 0, "n_null": 0}, seed=0)["pairs"]
    synergy, accuracy = pair["bounds"]["synergy"], pair["bounds"]["accuracy"]
    assert synergy["lower"] <= pair["raw"]["synergy"] <= synergy["upper"]
    assert max(synergy["lower_redundancy"], synergy["lower_uniqueness"]) <= synergy["lower"] + 1e-9
    # the best classifier of both decides u, v and the exclusive or with errors of 5, 10 and 15 %
    assert accuracy["lower"] <= 0.95 * 0.9 * 0.85 <= accuracy["upper"]
    assert pair["null"] is None


def test_other_estimators_stand_beside_it():
    options = {"n_boot": 20, "n_null": 0, "compare": ("posteriors", "gaussian")}
    (pair,) = estimate_dataset(planted_dataset(1500), options=options, seed=0)["pairs"]
    other = pair["others"]["posteriors"]
    assert other["status"] == "estimated"
    assert other["largest"] == max(ATOMS, key=lambda name: pair["corrected"][name])
    assert other["interval"]["synergy"][0] <= planted().synergy <= other["interval"]["synergy"][1]
    assert pair["others"]["gaussian"]["status"] == "refused"


def test_another_estimator_as_the_method():
    options = {"method": "posteriors", "n_boot": 20, "n_null": 20}
    (pair,) = estimate_dataset(planted_dataset(1500), options=options, seed=0)["pairs"]
    assert pair["status"] == "estimated"
    assert pair["corrected"]["synergy"] == pytest.approx(planted().synergy, abs=0.06)
    assert pair["information"]["both"]["value"] == pytest.approx(sum(pair["corrected"].values()))
    assert json.loads(json.dumps(pair, allow_nan=False)) == pair


@pytest.mark.parametrize("method", ["clusters", "posteriors", "neighbours", "batch", "gaussian"])
def test_too_few_rows_are_of_their_kind_whatever_the_estimator(method):
    generator = np.random.default_rng(0)
    ds = from_arrays(
        {"a": generator.normal(size=(8, 12)), "b": generator.normal(size=(8, 12))},
        labels=np.arange(8) % 2, split=["train"] * 8, name="few",
    )  # fmt: skip
    options = {"method": method, "n_boot": 0, "n_null": 0, "clusters": 3}
    pair = estimate_dataset(ds, options=options, seed=0)["pairs"][0]
    assert (pair["status"], pair["kind"]) == ("refused", "too_few_rows")


def test_numbers_reach_the_linear_estimator():
    generator = np.random.default_rng(0)
    a, b, noise = generator.normal(size=(3, 2000))
    ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a + b + noise, name="sum", seed=0)
    pair = estimate_dataset(ds, options={"method": "gaussian", "n_boot": 0, "n_null": 0}, seed=0)["pairs"][0]
    # rho^2 of either is 1/3, of both 2/3: I1 = I2 = R = -0.5 log2(2/3), I12 = -0.5 log2(1/3)
    assert pair["raw"]["redundancy"] == pytest.approx(-0.5 * np.log2(2 / 3), abs=0.03)
    assert pair["raw"]["synergy"] == pytest.approx(-0.5 * np.log2(1 / 3) + 0.5 * np.log2(2 / 3), abs=0.04)


def test_settings_reach_the_estimators_that_take_them():
    wide, narrow = (
        estimate_dataset(
            planted_dataset(1200), options={"method": "posteriors", "n_boot": 40, "n_null": 0, "level": level}, seed=0
        )["pairs"][0]["interval"]["synergy"]
        for level in (0.95, 0.5)
    )
    assert narrow[1] - narrow[0] < 0.8 * (wide[1] - wide[0])


def test_no_bounds_of_accuracy_without_an_interval():
    found = estimate_dataset(planted_dataset(800), options={"n_boot": 0, "n_null": 0}, seed=0)
    assert {entry["status"] for entry in found["reach"]} == {"refused"}
    assert "too sure" in found["reach"][0]["reason"]
