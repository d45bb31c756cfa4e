"""Advice before labels, on worlds where the answer follows from how they are made."""

import json

import numpy as np
import pytest
from worlds import WORLDS, sample

from mmcore.data import from_arrays
from mmcore.errors import InputError
from mmcore.selection.advice import advise
from mmcore.selection.advice_pair import AdviceOptions, _collect
from mmcore.selection.advice_tables import SemiSupervisedRows, TableOptions, pair_counts

N = 900
THIRD = N // 3
QUICK = {"n_boot": 10}


def semi_supervised(i, j, y):
    """A third of the rows labelled with a alone, a third labelled with b alone, a third paired and not labelled."""
    third = len(y) // 3
    rows = np.arange(len(y))
    labels = [str(value) if k < 2 * third else None for k, value in enumerate(y)]
    presence = {"a": (rows < third) | (rows >= 2 * third), "b": rows >= third}
    arrays = {"a": i[:, None] + 0.0, "b": j[:, None] + 0.0}
    return from_arrays(arrays, labels=labels, presence=presence, name="semi", split=["train"] * len(y))


def world(name, n=N, seed=0):
    return semi_supervised(*sample(next(world for world in WORLDS if world.name == name).p, n, seed))


@pytest.mark.parametrize(
    ("name", "collect", "fusion"),
    [
        ("UNQ1", "no", "one_modality"),  # the label is the held bit
        ("UNQ2", "yes", "one_modality"),  # the label is the other bit: that one alone is enough
        ("COPY", "yes", "late_fusion"),  # both bits, two per label: evidence adds
        ("RDN", "no", "one_modality"),
        ("NOISY_RDN", "no", "one_modality"),
        ("XOR", "undecided", "undecided"),  # three coins have the same pair tables
        ("INDEPENDENT", "undecided", "undecided"),
    ],
)
def test_worlds_whose_answer_is_known(name, collect, fusion):
    found = advise(world(name), held="a", options={**QUICK, "least_gain": 0.05}).candidates[0]
    assert (found.status, found.advice.collect, found.advice.fusion) == ("estimated", collect, fusion)


@pytest.mark.parametrize(("name", "without", "both"), [("COPY", 0.5, 1.0), ("UNQ1", 1.0, 1.0), ("NOISY_RDN", 0.9, 0.9)])
def test_the_expected_accuracies_are_those_of_the_world(name, without, both):
    advice = advise(world(name), held="a", options=QUICK).candidates[0].advice
    assert advice.accuracy_without.middle == pytest.approx(without, abs=0.04)
    assert advice.accuracy_with.low == pytest.approx(both, abs=0.04)
    assert advice.accuracy_with.high == pytest.approx(both, abs=0.04)
    low, high = advice.accuracy_with.interval
    assert 0.0 <= low <= advice.accuracy_with.low + 1e-9
    assert advice.accuracy_with.high - 1e-9 <= high <= 1.0


@pytest.mark.parametrize("seed", range(12))
def test_no_verdict_contradicts_the_joint_distribution(seed):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(12, [0.15, 0.5][seed % 2])).reshape(2, 3, 2)
    gain = p.max(axis=2).sum() - p.sum(axis=1).max(axis=1).sum()
    ds = semi_supervised(*sample(p, N, seed))
    advice = advise(ds, held="a", options={**QUICK, "least_gain": 0.03}).candidates[0].advice
    assert not (advice.collect == "yes" and gain < 0.02)
    assert not (advice.collect == "no" and gain > 0.04)
    assert advice.gain.interval[0] - 0.02 <= gain <= advice.gain.interval[1] + 0.02


def test_theorem_8_as_printed_stands_beside_and_exceeds_one():
    # a fair binary label: H(Y) = log2 2 = 1, so the printed upper side is 1 + I and the lower one 2^(I - 1)
    advice = advise(world("XOR", n=3000), held="a", options={"n_boot": 0}).candidates[0].advice
    known = advice.redundancy + advice.unique_held + advice.unique_added
    assert advice.printed.upper == pytest.approx(1.0 + known + advice.synergy.high, abs=1e-6)
    assert advice.printed.upper > 1.5
    assert advice.printed.lower == pytest.approx(2.0 ** (known + advice.synergy.low - 1.0), abs=1e-3)
    assert advice.accuracy_with.high <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 6])
def test_a_modality_of_noise_is_never_advised(width):
    # nothing is gained: a "yes" is an error of at most 2.5 %; more than 2 of 24 would have P = .02
    answers = []
    for seed in range(24):
        generator = np.random.default_rng(seed)
        y = generator.integers(0, 2, 300)
        a = np.where(generator.random(300) < 0.2, 1 - y, y)[:, None] * 3 + generator.normal(size=(300, width))
        b = generator.normal(size=(300, width))
        labels = [str(label) if k < 150 else None for k, label in enumerate(y)]
        ds = from_arrays({"a": a, "b": b}, labels=labels, name="noise", split=["train"] * 300)
        options = {"n_boot": 40, "least_gain": 0.02}
        found = advise(ds, held="a", paired_rows=np.arange(150, 300), options=options, seed=seed)
        answers.append(found.candidates[0].advice.collect)
    assert answers.count("yes") <= 2


def test_the_next_of_three_modalities():
    # the label is two bits: a holds the first, b the second with an error of 5 %, c the second with 30 %, d is noise
    generator = np.random.default_rng(0)
    u, v, noise = generator.integers(0, 2, (3, N))
    b, c = (np.where(generator.random(N) < error, 1 - v, v) for error in (0.05, 0.3))
    arrays = {name: bits[:, None] + 0.0 for name, bits in (("a", u), ("c", c), ("noise", noise), ("b", b))}
    ds = from_arrays(arrays, labels=(2 * u + v).astype(str), name="three")
    found = advise(ds, held="a", options={"n_boot": 0})
    assert found.next == "b"
    assert [one.modality for one in found.candidates][:2] == ["b", "c"]
    # with two at hand, the label is known to 95 %: beside them nothing guarantees a gain
    two = advise(ds, held=("a", "b"), options={"n_boot": 0})
    assert two.held == ("a", "b")
    assert two.accuracy_held == pytest.approx(0.95, abs=0.03)
    assert all(one.advice.gain.low < 0.01 for one in two.candidates)
    # without a choice, the single modality of largest accuracy is held
    assert advise(ds, candidates=["c"], options={"n_boot": 0}).held in {("a",), ("b",)}


def test_labels_and_pairs_that_may_not_be_read_are_not():
    i, j, y = sample(next(w for w in WORLDS if w.name == "COPY").p, N, 0)
    arrays = {"a": i[:, None] + 0.0, "b": j[:, None] + 0.0}
    labelled, paired = np.arange(2 * THIRD), np.arange(2 * THIRD, N)
    changed = y.copy()
    changed[2 * THIRD :] = (y[2 * THIRD :] + 1) % 4
    chosen = {"held": "a", "labelled_rows": labelled, "paired_rows": paired}

    def dataset(arrays, labels):
        return from_arrays(arrays, labels=labels.astype(str), name="w", split=["train"] * N)

    found = [advise(dataset(arrays, labels), **chosen, options=QUICK) for labels in (y, changed)]
    assert found[0] == found[1]
    assert found[0].candidates[0].advice.rows == (2 * THIRD, 2 * THIRD, THIRD)
    # pairing of labelled rows is never used: shuffle b among labelled rows of one label
    order = np.arange(N)
    for label in range(4):
        rows = np.flatnonzero((y == label) & (order < 2 * THIRD))
        order[rows] = rows[::-1]
    shuffled = {"a": arrays["a"], "b": arrays["b"][order]}
    again = advise(dataset(shuffled, y), **chosen, options={"n_boot": 0})
    assert again.candidates[0].advice.gain.low == pytest.approx(found[0].candidates[0].advice.gain.low, abs=1e-9)


def test_counts_are_those_of_the_rows_and_draws_are_of_units():
    i, j = np.array([0, 0, 1, 1, 0, 1, 0, 1]), np.array([0, 1, 0, 1, 1, 0, 0, 1])
    labels = np.array([0, 1, 1, 0, 1, 1, -1, -1])
    ds = from_arrays({"a": i[:, None] + 0.0, "b": j[:, None] + 0.0}, labels=np.zeros(8, int), name="tiny")
    from mmcore.information.sources import read_source

    known = SemiSupervisedRows(labels, np.arange(8) >= 4, np.arange(8) // 2, True)
    counts = pair_counts(read_source(ds, "a"), read_source(ds, "b"), known, TableOptions(), seed=0)
    assert (counts.shape, counts.rows) == ((2, 2, 2), (6, 6, 4))
    whole = np.asarray(counts.x1y.sum(axis=0)).reshape(2, 2)
    assert sorted(whole.ravel()) == [1, 1, 2, 2]
    # drawing every unit twice changes no table, leaving out the last leaves two pairs
    for one, other in zip(counts.tables(), counts.tables(np.full(4, 2.0)), strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert float(np.array([1.0, 1, 1, 0]) @ counts.x1x2 @ np.ones(4)) == 2.0


def test_groups_are_drawn_whole_and_widen_the_interval():
    i, j, y = sample(next(w for w in WORLDS if w.name == "NOISY_RDN").p, 150, 0)
    repeat = np.repeat(np.arange(150), 6)  # each row six times, as a group: no more evidence than 150 rows
    arrays = {"a": i[repeat, None] + 0.0, "b": j[repeat, None] + 0.0}
    labels = y[repeat].astype(str)
    alone, grouped = (
        advise(from_arrays(arrays, labels=labels, groups=groups, name="w"), held="a", options={"n_boot": 40})
        for groups in (None, repeat)
    )
    widths = [np.diff(one.candidates[0].advice.accuracy_without.interval)[0] for one in (alone, grouped)]
    assert (alone.grouped, grouped.grouped) == (False, True)
    assert (alone.candidates[0].advice.n_units, grouped.candidates[0].advice.n_units) == (900, 150)
    assert widths[1] == pytest.approx(np.sqrt(6) * widths[0], rel=0.5)


def test_the_same_seed_gives_the_same_advice_and_plain_values():
    ds = world("COPY")
    one, two = (advise(ds, held="b", options=QUICK, seed=4) for _ in range(2))
    assert one == two
    assert json.loads(json.dumps(one.to_dict()))["next"] == "a"


@pytest.mark.parametrize(
    ("gain", "answer"),
    [((0.05, 0.2), "yes"), ((-0.01, 0.04), "no"), ((-0.01, 0.05), "undecided"), ((0.04, 1.0), "undecided")],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(gain, answer):
    assert _collect(gain, 0.05) == answer


def test_no_paired_rows_is_refused_with_what_is_known_alone():
    i, j, y = sample(next(w for w in WORLDS if w.name == "UNQ2").p, 400, 0)
    rows = np.arange(400)
    ds = from_arrays({"a": i[:, None] + 0.0, "b": j[:, None] + 0.0}, labels=y.astype(str), name="apart",
                     presence={"a": rows < 200, "b": rows >= 200}, split=["train"] * 400)  # fmt: skip
    found = advise(ds, held="a")
    assert (found.status, found.next, found.candidates[0].advice) == ("refused", None, None)
    assert "both a and b" in found.reason
    assert found.candidates[0].accuracy_alone == 1.0
    assert found.accuracy_held == pytest.approx(0.5, abs=0.1)


def test_a_candidate_without_labelled_rows_or_too_few_of_them_is_refused_and_stands_last():
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 2, (2, 300))
    rows = np.arange(300)
    arrays = {"a": a[:, None] + 0.0, "c": generator.normal(size=(300, 1)), "d": generator.normal(size=(300, 1)),
              "b": b[:, None] + 0.0}  # fmt: skip
    labels = [str(value) if k < 200 else None for k, value in enumerate(b)]
    ds = from_arrays(arrays, labels=labels, presence={"c": rows >= 200, "d": rows >= 198}, name="w",
                     split=["train"] * 300)  # fmt: skip
    found = advise(ds, held="a", options={"n_boot": 0})
    assert [one.modality for one in found.candidates] == ["b", "c", "d"]
    assert [one.status for one in found.candidates] == ["estimated", "refused", "refused"]
    assert "no labelled row that has c" in found.candidates[1].reason
    assert "two symbols" in found.candidates[2].reason


def test_text_is_refused_as_a_candidate_and_raises_where_it_is_held():
    bits = np.random.default_rng(0).integers(0, 2, (200, 1)) + 0.0
    ds = from_arrays({"a": bits, "b": bits, "note": ["w"] * 200}, labels=bits[:, 0].astype(str), name="text")
    found = advise(ds, held="a", options={"n_boot": 0})
    assert [(one.modality, one.status) for one in found.candidates] == [("b", "estimated"), ("note", "refused")]
    assert found.next is None  # b is a copy of a, which is the label
    with pytest.raises(InputError, match="numbers"):
        advise(ds, held="note", options={"n_boot": 0})


def test_a_regression_is_advised_by_its_quantiles_and_reads_no_other_label():
    x, noise = np.random.default_rng(0).normal(size=(2, 800, 1))
    found = []
    for hidden in (1e6, -1e6):  # either would move every quantile
        labels = np.where(np.arange(800) < 600, x[:, 0], hidden)
        ds = from_arrays({"a": noise, "b": x}, labels=labels, name="reg", split=["train"] * 800)
        found.append(advise(ds, held="a", labelled_rows=np.arange(600), options={"n_boot": 0}))
    assert found[0] == found[1]
    assert found[0].n_classes == 4
    # the label is b itself: three edges can split at most three of its eight symbols
    assert found[0].candidates[0].advice.symbols[1] == 8
    assert found[0].candidates[0].accuracy_alone > 0.6
    assert found[0].candidates[0].advice.collect == "yes"


def test_bad_input():
    bits = np.array([[0.0], [1.0]] * 20)
    labels = ["x", "y"] * 20
    two = from_arrays({"a": bits, "b": bits[::-1]}, labels=labels, name="two")
    one_modality = from_arrays({"a": bits}, labels=labels, name="one")
    unlabelled = from_arrays({"a": bits, "b": bits}, labels=[None] * 40, classes=["x", "y"], task="classification",
                             name="none")  # fmt: skip
    one_class = from_arrays({"a": bits, "b": bits}, labels=["x"] * 40, classes=["x", "y"], name="class")
    for ds, more, match in (
        (one_modality, {}, "one modality"),
        (unlabelled, {}, "no labelled row"),
        (one_class, {}, "one class"),
        (two, {"labelled_rows": []}, "labelled_rows|no labelled row"),
        (two, {"labelled_rows": np.array([0, 2])}, "one class"),
        (two, {"labelled_rows": np.array([0, 40])}, "labelled_rows"),
        (two, {"held": "c"}, "held"),
        (two, {"held": ("a", "b")}, "held"),
        (two, {"held": "a", "candidates": ["a"]}, "candidates"),
        (two, {"options": {"least_gian": 0.1}}, "least_gian"),
        (two, {"options": {"n_boot": 1}}, "n_boot"),
        (two, {"options": {"least_gain": 0.0}}, "least_gain"),
        (two, {"options": {"rows_per_cell": -1}}, "rows_per_cell"),
    ):
        with pytest.raises(InputError, match=match):
            advise(ds, **more)


def test_the_defaults_say_what_was_asked():
    found = advise(world("UNQ1"), held="a", options={"n_boot": 0})
    assert (found.least_gain, found.level) == (AdviceOptions().least_gain, AdviceOptions().level)
    advice = found.candidates[0].advice
    assert (advice.gain.interval, advice.agreeing) == (None, None)
    assert "taken as true" in advice.reason
