"""Recommendations from banks made by hand: what is best near to a dataset is known, and so is what must not matter."""

import functools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hand_made_bank import ACCURACY, CORNERS, SECONDS, made
from worlds import gate as table_of
from worlds import product, same_source, through

from mmcore.atomic import canonical_json
from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.selection import Recommendation, recommend
from mmcore.selection.bank import read_bank

BANK = made()


def exact(r=0.0, u1=0.0, u2=0.0, s=0.0):
    return SimpleNamespace(redundancy=r, unique1=u1, unique2=u2, synergy=s, gap=0.0, interval=None)


def estimated(r=0.0, u1=0.0, u2=0.0, s=0.0, reach=0.05, **more):
    atoms = {"redundancy": r, "unique1": u1, "unique2": u2, "synergy": s}
    around = {name: (value - reach, value + reach) for name, value in atoms.items()}
    return SimpleNamespace(**atoms, gap=None, interval=around, **more)


def regrets(found):
    return {entry["model"]: entry["regret"]["value"] for entry in found.ranking}


nearest_only = functools.partial(recommend, bank=BANK, n_neighbours=1)


@pytest.mark.parametrize(
    ("atoms", "world"),
    [({"r": 0.4, "u1": 0.1}, "redundant"), ({"u1": 0.4, "s": 0.1}, "unique"), ({"s": 0.3, "r": 0.1}, "synergistic")],
)
def test_one_neighbour_and_no_uncertainty_is_the_rule_of_the_thesis(atoms, world):
    found = nearest_only(exact(**atoms))
    assert [(entry["world"], entry["weight"]) for entry in found.neighbours] == [(world, 1.0)]
    best = max(ACCURACY[world].values())
    assert regrets(found) == pytest.approx({name: best - value for name, value in ACCURACY[world].items()})
    values = [regrets(found)[model] for model in found.models[:3]]
    assert sorted(values) == sorted(regrets(found).values())[:3]
    assert found.draws == {"number": 1, "kind": "none"} and found.fallback is None


def test_the_unique_modality_may_be_either():
    one, two = nearest_only(exact(u1=0.4)), nearest_only(exact(u2=0.4))
    assert (one.models[0], two.models[0]) == ("unimodal:first", "unimodal:second")
    assert two.neighbours[0]["atoms"]["unique2"] == 1.0 and two.neighbours[0]["distance"] == 0.0
    named = recommend({("video", "audio"): exact(u2=0.4)}, bank=BANK)
    assert named.models[0] == "unimodal:audio"


def swapped(name):
    return {"unimodal:first": "unimodal:second", "unimodal:second": "unimodal:first"}.get(name, name)


@pytest.mark.parametrize("reach", [0.0, 0.05])
def test_exchanging_the_modalities_exchanges_their_names_only(reach):
    bank = made({**CORNERS, "mixed": (0.2, 0.3, 0.1, 0.4)}, {**ACCURACY, "mixed": ACCURACY["unique"]})
    one = recommend(estimated(0.1, 0.4, 0.15, 0.2, reach=reach), bank=bank)
    two = recommend(estimated(0.1, 0.15, 0.4, 0.2, reach=reach), bank=bank)
    assert [swapped(model) for model in one.models] == list(two.models)
    assert {swapped(m): v for m, v in regrets(one).items()} == pytest.approx(regrets(two))
    # and so does exchanging those of every world
    turned = {name: (a[0], a[2], a[1], a[3]) for name, a in {**CORNERS, "mixed": (0.2, 0.3, 0.1, 0.4)}.items()}
    accuracy = {world: {swapped(m): v for m, v in row.items()}
                for world, row in {**ACCURACY, "mixed": ACCURACY["unique"]}.items()}  # fmt: skip
    three = recommend(estimated(0.1, 0.4, 0.15, 0.2, reach=reach), bank=made(turned, accuracy))
    assert three.models == one.models and regrets(three) == pytest.approx(regrets(one))


def test_a_pair_named_the_other_way_round_gets_the_same():
    one = recommend({("a", "b"): estimated(0.1, 0.4, 0.15, 0.2)}, bank=BANK)
    two = recommend({("b", "a"): estimated(0.1, 0.15, 0.4, 0.2)}, bank=BANK)
    assert one.models == two.models and regrets(one) == pytest.approx(regrets(two))


def test_the_order_of_the_banks_rows_does_not_matter():
    pair = estimated(0.2, 0.4, 0.1, 0.2, reach=0.1)
    assert canonical_json(recommend(pair, bank=made(order=-1)).to_dict()) == canonical_json(
        recommend(pair, bank=BANK).to_dict()
    )


def test_the_scale_of_the_atoms_does_not_matter():
    one = recommend(estimated(0.4, 0.8, 0.2, 0.4, reach=0.1), bank=BANK)
    two = recommend(estimated(0.2, 0.4, 0.1, 0.2, reach=0.05), bank=BANK)
    assert one.models == two.models and regrets(one) == pytest.approx(regrets(two))
    smaller = made({world: tuple(0.1 * bits for bits in atoms) for world, atoms in CORNERS.items()})
    three = recommend(estimated(0.4, 0.8, 0.2, 0.4, reach=0.1), bank=smaller)
    assert regrets(three) == pytest.approx(regrets(one))


def test_weights_add_to_one():
    for pair in (exact(s=0.2), estimated(0.3, 0.3, 0.0, 0.3, reach=0.2), estimated(0.04, reach=0.005)):
        found = recommend(pair, bank=BANK)
        assert sum(entry["weight"] for entry in found.neighbours) == pytest.approx(1.0)
        assert all(sum(entry["atoms"].values()) == pytest.approx(1.0) for entry in found.neighbours)


def test_late_fusion_and_the_best_single_modality_are_always_contestants():
    for atoms in ({"s": 0.5}, {"u2": 0.5}, {"r": 0.5}, {"u1": 0.2, "u2": 0.3}, {}):
        for top in (1, 3):
            models = recommend(exact(**atoms), bank=BANK, top=top, budget=1.5).models
            best = "unimodal:second" if atoms.get("u2") else "unimodal:first"
            assert {"late_fusion", best} <= set(models)
    assert len(recommend(exact(s=0.5), bank=BANK, top=1).models) == 3


def test_the_best_guess_is_tried_where_a_simpler_model_comes_first():
    # tensor fusion gains .04 in one of two worlds equally near, and loses .02 in the other
    accuracy = {"x": {**ACCURACY["synergistic"], "late_fusion": 0.80, "tensor_fusion": 0.84},
                "y": {**ACCURACY["synergistic"], "late_fusion": 0.80, "tensor_fusion": 0.78}}  # fmt: skip
    bank = made({"x": (0.0, 0.0, 0.0, 1.0), "y": (0.0, 0.0, 0.0, 1.0)}, accuracy)
    found = recommend(exact(s=0.5), bank=bank, top=1)
    assert found.models == ("late_fusion", "tensor_fusion", "unimodal:first")
    assert "simpler" in " ".join(found.ranking[0]["reasons"]) and found.ranking[1]["model"] == "tensor_fusion"


def test_where_nothing_is_known_the_models_that_lose_least_over_all_worlds_are_tried():
    noise = estimated(0.01, 0.004, -0.003, 0.008, reach=0.03)
    found = recommend(noise, bank=BANK, top=1)
    assert "no synthetic dataset is near" in found.fallback and found.neighbours == ()
    # by hand, of the best (0.9, 0.9, 0.95) in three worlds that weigh the same, as they are and mirrored
    means = {"tensor_fusion": (0 + 0.1 + 0) / 3, "late_fusion": (0 + 0.01 + 0.4) / 3, "sum": (0 + 0.05 + 0.45) / 3,
             "unimodal:first": (0 + 0.2 + 0.45) / 3, "unimodal:second": (0 + 0.2 + 0.45) / 3}  # fmt: skip
    assert regrets(found) == pytest.approx(means)
    assert found.verdict == "one_modality" and set(recommend(noise, bank=False).models) - {"early_fusion"} < {
        *found.models, "unimodal:second"}  # fmt: skip
    assert "tensor_fusion" in found.models


def test_a_larger_budget_allows_more():
    allowed, dearest, unlimited = set(), 0.0, regrets(recommend(exact(s=0.5), bank=BANK))
    for budget in (1.0, 2.0, 5.0, 8.0, 1e9):
        found = recommend(exact(s=0.5), bank=BANK, budget=budget)
        now = {entry["model"] for entry in found.ranking}
        assert allowed <= now and all(entry["cpu_seconds"] <= budget for entry in found.ranking)
        left = {entry["model"]: entry["reason"] for entry in found.left_out}
        assert all("over the budget" in left[model] for model in SECONDS if model not in now)
        # what is left out still says what the others lose
        assert regrets(found)["unimodal:first"] == pytest.approx(unlimited["unimodal:first"])
        allowed, dearest = now, max(entry["cpu_seconds"] for entry in found.ranking)
    assert allowed == set(SECONDS) and dearest == 8.0


def test_costs_grow_with_the_rows():
    seconds = {e["model"]: e["cpu_seconds"] for e in recommend(exact(s=0.5), bank=BANK, n_rows=5000).ranking}
    assert seconds == pytest.approx({model: 5.0 * value for model, value in SECONDS.items()})
    with pytest.raises(InputError, match="n_rows"):
        recommend(exact(s=0.5), bank=BANK, n_rows=0)


@pytest.mark.parametrize("budget", [0, -1.0, float("nan"), float("inf"), "60", True, 0.5])
def test_a_budget_that_nothing_meets_is_refused(budget):
    with pytest.raises(InputError) as told:
        recommend(exact(s=0.5), bank=BANK, budget=budget)
    assert told.value.argument == "budget"
    assert budget != 0.5 or "unimodal:first" in told.value.remedy


def test_few_rows_make_another_recommendation_than_many():
    """A noisy exclusive or beside a noisy shared bit: synergy 1 - h(.2) = .278 of .397 bit, redundancy the rest."""
    table = product(through(table_of(lambda a, b: a ^ b), 0.2), same_source(0.3))
    synergies = np.linspace(0.0, 1.0, 21)  # worlds of all mixtures of the two, the truth at 0.70 between them
    worlds = {f"w{k:02d}": (1.0 - s, 0.0, 0.0, s) for k, s in enumerate(synergies)}
    # what sees interactions gains with synergy and loses a little without: it is better from .5 on
    accuracy = {name: {"late_fusion": 0.7, "sum": 0.65, "tensor_fusion": 0.6 + 0.2 * s, "unimodal:first": 0.6,
                       "unimodal:second": 0.6} for name, s in zip(worlds, synergies)}  # fmt: skip
    found = {}
    for n in (200, 20_000):
        cells = np.random.default_rng(0).choice(table.size, size=n, p=table.ravel())
        x1, x2, y = np.unravel_index(cells, table.shape)
        decomposed = pid.estimate(x1, x2, y, n_boot=60, seed=0)
        found[n] = recommend(decomposed, bank=made(worlds, accuracy), top=1, n_neighbours=6)
    few, many = found[200], found[20_000]
    effective = [
        next(e["values"]["effective"] for e in one.evidence if "effective" in e["values"]) for one in (few, many)
    ]
    assert effective[0] > 1.5 * effective[1]
    spans = [{e["model"]: e["regret"]["high"] - e["regret"]["low"] for e in one.ranking} for one in (few, many)]
    assert spans[0]["tensor_fusion"] > 0.02 + spans[1]["tensor_fusion"]
    assert spans[0]["late_fusion"] > 1.5 * spans[1]["late_fusion"]
    chosen = [{e["model"]: e["chosen"] for e in one.ranking} for one in (few, many)]
    assert chosen[1]["tensor_fusion"] == 1.0 and chosen[0]["tensor_fusion"] < 0.95
    # the truth: at a synergy of .70, tensor fusion is best and late fusion 4 points behind
    assert regrets(many)["tensor_fusion"] < 0.001 and regrets(many)["late_fusion"] == pytest.approx(0.04, abs=0.005)
    assert few.draws == many.draws == {"number": 200, "kind": "bootstrap"}


def test_resamples_are_drawn_where_there_are_some():
    draws = np.random.default_rng(0).normal([0.1, 0.4, 0.1, 0.3], 0.02, (50, 4))
    found = recommend(estimated(0.1, 0.4, 0.1, 0.3, draws=draws), bank=BANK)
    assert found.draws == {"number": 200, "kind": "bootstrap"}


def test_the_evidence_says_what_is_gained_and_where_simple_is_enough():
    found = nearest_only(exact(s=0.5))
    gains = {e["values"]["over"]: e for e in found.evidence if "over" in e["values"]}
    assert gains["late_fusion"]["values"] == pytest.approx(
        {"model": "tensor_fusion", "over": "late_fusion", "value": 0.4, "low": 0.4, "high": 0.4}
    )
    assert "zero lies below" in gains["late_fusion"]["statement"]
    mixed = recommend(exact(r=0.3, s=0.3), bank=BANK)
    gains = {e["values"]["over"]: e for e in mixed.evidence if "over" in e["values"]}
    assert gains["unimodal:first"]["values"]["low"] == 0.0 and "may be enough" in gains["unimodal:first"]["statement"]
    alone = nearest_only(exact(u1=0.5))
    assert any("No model of the bank is expected to do better" in e["statement"] for e in alone.evidence)


def test_a_bank_that_disagrees_with_the_rule_is_said_to():
    agreeing, disagreeing = nearest_only(exact(s=0.5)), nearest_only(exact(r=0.5, s=0.1))
    told = [next(e["values"] for e in one.evidence if "agree" in e["values"]) for one in (agreeing, disagreeing)]
    assert [values["agree"] for values in told] == [True, False]
    assert disagreeing.verdict == "fusion" and disagreeing.models[0].startswith("unimodal:")
    assert any("disagree" in e["statement"] for e in disagreeing.evidence)


def test_a_bank_without_a_near_world_says_so():
    for atoms, far in (({"s": 0.5}, False), ({"s": 0.4, "r": 0.1}, False), ({"s": 0.3, "r": 0.3}, True)):
        statement = next(e for e in recommend(exact(**atoms), bank=BANK).evidence if "nearest" in e["values"])
        assert ("nothing in the bank is near" in statement["statement"]) is far
        share = atoms.get("r", 0.0) / sum(atoms.values())  # of the dataset that the nearest world has elsewhere
        assert statement["values"]["distance"] == pytest.approx(2 * min(share, 1 - share))
        assert f"{100 * share:.0f} % of its shares" in statement["statement"]


def test_every_ranked_model_has_reasons_in_sentences():
    found = recommend(estimated(0.1, 0.4, 0.1, 0.3), bank=BANK)
    for entry in found.ranking:
        assert entry["reasons"] and all(reason.endswith(".") for reason in entry["reasons"])
        assert "of the weight" in entry["reasons"][0]
        assert entry["regret"]["low"] <= entry["regret"]["high"] and 0.0 <= entry["chosen"] <= 1.0


def test_expected_accuracy_is_that_of_the_bounds_times_the_relative_one():
    # an exclusive or: I = H(Y) = 1 bit, so that the best classifier makes no error
    found = nearest_only(exact(s=1.0), label_entropy=1.0, n_classes=2)
    by_name = {entry["model"]: entry["expected_accuracy"] for entry in found.ranking}
    assert by_name["tensor_fusion"] == pytest.approx({"value": 1.0, "low": 1.0, "high": 1.0})
    assert by_name["late_fusion"]["value"] == pytest.approx(0.55 / 0.95)
    # I = 1/2 bit of 1: between 1 - H/2 = .75 and Fano's .89
    half = nearest_only(exact(s=0.5), label_entropy=1.0, n_classes=2).ranking[0]["expected_accuracy"]
    assert (half["low"], half["high"]) == pytest.approx((0.75, 0.89), abs=1e-3)
    assert nearest_only(exact(s=1.0)).ranking[0]["expected_accuracy"] is None
    with pytest.raises(InputError, match="n_classes"):
        nearest_only(exact(s=1.0), label_entropy=0.0, n_classes=1)


def test_three_modalities_weigh_their_pairs_by_information():
    pairs = {("a", "b"): exact(s=0.6), ("a", "c"): exact(u1=0.2), ("b", "c"): exact(r=0.001)}
    found = recommend(pairs, bank=BANK, n_neighbours=1)
    weights = {entry["world"]: entry["weight"] for entry in found.neighbours}
    assert weights == pytest.approx({"synergistic": 0.75, "unique": 0.25})  # the third pair holds nothing that counts
    assert {e["model"] for e in found.ranking} == {
        "late_fusion",
        "sum",
        "tensor_fusion",
        *(f"unimodal:{n}" for n in "abc"),
    }
    assert regrets(found)["tensor_fusion"] == pytest.approx(0.25 * 0.1)
    assert regrets(found)["unimodal:b"] == pytest.approx(0.45)  # of its only pair that tells something
    assert found.models[0] == "tensor_fusion" and "unimodal:a" in found.models
    # a world of three modalities is no neighbour
    with pytest.raises(InputError, match="no world of two modalities"):
        recommend(pairs, bank=made(modalities="one two three"))


def test_methods_for_two_modalities_only_are_left_out_of_three():
    accuracy = {world: {**row, "multiplicative_matrix": 0.7, "mctn": 0.7} for world, row in ACCURACY.items()}
    three = {("a", "b"): exact(s=0.6), ("a", "c"): exact(s=0.2), ("b", "c"): exact(s=0.1)}
    for pairs in ({("a", "b"): exact(s=0.6)}, three):
        found = recommend(pairs, bank=made(accuracy=accuracy))
        left = {entry["model"]: entry["reason"] for entry in found.left_out}
        from mmcore.training.methods import fits_number

        n = 2 if len(pairs) == 1 else 3
        for name in ("multiplicative_matrix", "mctn"):
            assert fits_number(name, n) == (name in regrets(found))
            assert fits_number(name, n) or f"{n} modalities" in left[name]


def test_methods_are_named_or_their_absence_is_explained():
    found = recommend(exact(s=0.5), bank=BANK, methods=["tensor_fusion", "mult"])
    assert set(regrets(found)) == {"tensor_fusion", "late_fusion", "unimodal:first", "unimodal:second"}
    assert [entry["model"] for entry in found.left_out] == ["mult"] and "not in the bank" in found.left_out[0]["reason"]
    everything = {entry["model"] for entry in recommend(exact(s=0.5), bank=BANK).left_out}
    assert "mult" in everything and "tensor_fusion" not in everything
    with pytest.raises(InputError) as told:
        recommend(exact(s=0.5), bank=BANK, methods=["tensor_fusoin"])
    assert told.value.argument == "methods" and "tensor_fusion" in told.value.remedy
    with pytest.raises(InputError):
        recommend(exact(s=0.5), bank=BANK, methods="tensor_fusion")


def test_a_bank_of_methods_that_do_not_exist_ranks_what_does():
    accuracy = {world: {**row, "forgotten_fusion": 1.0} for world, row in ACCURACY.items()}
    found = recommend(exact(s=0.5), bank=made(accuracy=accuracy), n_neighbours=1)
    assert regrets(found)["tensor_fusion"] == 0.0
    assert any(e["model"] == "forgotten_fusion" and "no method" in e["reason"] for e in found.left_out)


def test_a_bank_that_is_missing_or_broken_is_told(tmp_path):
    with pytest.raises(InputError) as told:
        recommend(exact(s=0.5), bank=tmp_path)
    assert told.value.argument == "bank" and "worlds.csv" in told.value.received
    (tmp_path / "worlds.csv").write_text("world,kind\n")
    with pytest.raises(InputError):
        recommend(exact(s=0.5), bank=tmp_path)
    with pytest.raises(InputError, match="bank"):
        recommend(exact(s=0.5), bank=42)
    asked = recommend(exact(s=0.5), bank=False)
    assert asked.fallback and asked.models[0] == "early_fusion"


def test_a_bank_from_its_files_recommends_the_same(tmp_path):
    BANK.worlds.to_csv(tmp_path / "worlds.csv")
    BANK.trials.to_csv(tmp_path / "trials.csv", index=False)
    BANK.costs.to_csv(tmp_path / "costs.csv", index=False)
    pair = estimated(0.1, 0.4, 0.1, 0.3)
    assert recommend(pair, bank=tmp_path) == recommend(pair, bank=read_bank(tmp_path)) == recommend(pair, bank=BANK)


def test_a_method_refused_almost_everywhere_is_left_out():
    accuracy = {world: {**row, "film": None} for world, row in ACCURACY.items()}
    accuracy["redundant"]["film"] = 0.95
    found = recommend(exact(s=0.5), bank=made(accuracy=accuracy), n_neighbours=1)
    assert any(e["model"] == "film" and "0 %" in e["reason"] for e in found.left_out)
    assert "film" in regrets(recommend(exact(r=0.5), bank=made(accuracy=accuracy), n_neighbours=1))


def test_a_world_without_information_is_nobodys_neighbour():
    bank = made({**CORNERS, "noise": (0.001, -0.01, 0.0, 0.002)}, {**ACCURACY, "noise": ACCURACY["redundant"]})
    found = recommend(estimated(0.3, 0.3, 0.3, 0.3, reach=0.4), bank=bank)
    assert {entry["world"] for entry in found.neighbours} == set(CORNERS)


def test_the_same_input_gives_the_same_bytes_and_survives_json():
    pair = estimated(0.1, 0.4, 0.1, 0.3)
    one, two = (recommend(pair, bank=made(), seed=3) for _ in range(2))
    assert canonical_json(one.to_dict()) == canonical_json(two.to_dict())
    assert Recommendation.from_dict(json.loads(canonical_json(one.to_dict()))) == one
    assert recommend(pair, bank=BANK, seed=4).to_dict() != one.to_dict()


@pytest.mark.parametrize(
    ("changed", "argument"),
    [
        ({"modalities": ["first"]}, "modalities"),
        ({"modalities": ["first", "first"]}, "modalities"),
        ({"top": 0}, "top"),
        ({"n_neighbours": 0}, "n_neighbours"),
        ({"n_draws": 3}, "n_draws"),
        ({"n_draws": True}, "n_draws"),
    ],
)
def test_wrong_arguments_are_named(changed, argument):
    with pytest.raises(InputError) as told:
        recommend(estimated(s=0.5), bank=BANK, **changed)
    assert told.value.argument == argument and told.value.remedy


def test_modalities_must_hold_the_pairs():
    with pytest.raises(InputError, match="pid"):
        recommend({("a", "x"): exact(s=0.5)}, bank=BANK, modalities=["a", "b"])
    assert "unimodal:b" in regrets(recommend(exact(s=0.5), bank=BANK, modalities=["a", "b"]))


def test_a_text_is_no_list_of_modalities():
    with pytest.raises(InputError, match="a list of names"):
        recommend(exact(s=0.5), bank=BANK, modalities="ab")


def test_three_modalities_of_which_nothing_is_seen_are_all_ranked_alike():
    found = recommend({("a", "b"): exact(), ("a", "c"): exact(), ("b", "c"): exact()}, bank=BANK)
    # a single modality stands for both of every world: means of .9, (.9 + .5) / 2 and .5, below .9, .9 and .95
    assert {m: v for m, v in regrets(found).items() if m.startswith("unimodal")} == pytest.approx(
        dict.fromkeys([f"unimodal:{name}" for name in "abc"], (0.0 + 0.2 + 0.45) / 3)
    )
    turned = recommend({("c", "b"): exact(), ("c", "a"): exact(), ("b", "a"): exact()}, bank=BANK)
    assert regrets(turned) == pytest.approx(regrets(found))
