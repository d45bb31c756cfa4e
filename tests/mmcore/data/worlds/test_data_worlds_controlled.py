"""Controlled worlds: tables against closed forms and enumeration, symbols against tables, embeddings decoded."""

import dataclasses
import json
import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.linear_model import LogisticRegression

from mmcore.data import load_dataset, save_dataset
from mmcore.data.ragged import Ragged
from mmcore.data.worlds import (
    WORLDS,
    ControlledWorld,
    Embedding,
    Part,
    decode,
    draw,
    find_world,
    images,
    oracle,
    sequences,
    vectors,
)
from mmcore.data.worlds.controlled import draw_symbols, pair_table, posterior, subset_table
from mmcore.data.worlds.parts import error_for
from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.worlds import draw_with_truth, truth

ATOMS = ("redundancy", "unique1", "unique2", "synergy")
CONTROLLED = [name for name, entry in WORLDS.items() if "controlled" in entry.tags]
LAYOUTS = ("vector", "sequence", "image")


def entropy(*p):
    return -sum(x * math.log2(x) for x in p if x > 0)


def capacity(k, e):
    """Bits of a uniform symbol of k levels through a channel that errs with probability e (Cover and Thomas, 7.2)."""
    return math.log2(k) - entropy(e, 1 - e) - e * math.log2(k - 1)


def after(k, *errors):
    """Error of symmetric channels one after another: 1 - e k/(k-1) multiplies."""
    return (1 - math.prod(1 - e * k / (k - 1) for e in errors)) * (k - 1) / k


def atoms_of(*parts, **options):
    return [truth(ControlledWorld("test", parts, **options)).atoms[atom] for atom in ATOMS]


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
def test_the_atoms_of_a_part_are_its_closed_form(k, noise):
    bits = capacity(k, noise)
    assert atoms_of(Part("shared", (0, 1), k, noise)) == pytest.approx([bits, 0, 0, 0], abs=1e-8)
    assert atoms_of(Part("unique", (0,), k, noise)) == pytest.approx([0, bits, 0, 0], abs=1e-8)
    assert atoms_of(Part("unique", (1,), k, noise)) == pytest.approx([0, 0, bits, 0], abs=1e-8)
    assert atoms_of(Part("synergy", (0, 1), k, noise)) == pytest.approx([0, 0, 0, bits], abs=1e-8)
    assert atoms_of(Part("synergy", (1, 0), k, noise)) == pytest.approx([0, 0, 0, bits], abs=1e-8)


def test_blur_is_one_more_channel():
    k, noise, blur = 3, 0.1, 0.2
    unique = capacity(k, after(k, noise, blur))
    both = capacity(k, after(k, noise, blur, blur))
    assert atoms_of(Part("unique", (0,), k, noise, blur)) == pytest.approx([0, unique, 0, 0], abs=1e-8)
    assert atoms_of(Part("synergy", (0, 1), k, noise, blur)) == pytest.approx([0, 0, 0, both], abs=1e-8)
    # two blurred views of one bit err together with a^2, apart with a (1-a): redundancy is what each one knows
    a = 0.2
    right, wrong, apart = (1 - a) ** 2 / 2, a**2 / 2, a * (1 - a) / 2
    total = entropy(*[right + wrong, right + wrong, 2 * apart, 2 * apart]) + 1
    total -= entropy(right, right, wrong, wrong, apart, apart, apart, apart)
    one = capacity(2, a)
    assert atoms_of(Part("shared", (0, 1), blur=a)) == pytest.approx([one, 0, 0, total - one], abs=1e-8)


def test_the_gate_is_the_published_and():
    """Bertschinger et al. 2014, table 1: AND has redundancy and 0.5 bit of synergy; I(X1;Y) = h(1/4) - 1/2."""
    assert atoms_of(Part("gate", (0, 1))) == pytest.approx([entropy(0.25, 0.75) - 0.5, 0, 0, 0.5], abs=1e-9)


@pytest.mark.parametrize("name", ["balanced", "image_sequence", "unique_both", "one_sufficient"])
def test_the_sum_over_parts_is_what_the_solver_finds_in_the_whole_table(name):
    world = find_world(name)
    whole = pid.decompose(pair_table(world, "alpha", "beta"))
    assert truth(world).atoms == pytest.approx(whole.atoms, abs=1e-8)
    merged = dataclasses.replace(world, merge=tuple(reversed(range(world.n_codes))))
    assert truth(merged).atoms == pytest.approx(truth(world).atoms, abs=1e-8)


def enumerated(name):
    """Every outcome of latents and flips of two worlds, written out: {modality: symbol}, y, probability."""
    rows = []
    if name == "merged":
        for c, u, v, a, b, *e in product((0, 1), repeat=9):
            p = 2.0**-5 * math.prod(0.05 if flip else 0.95 for flip in e)
            y = ((c ^ e[0]) & (u ^ e[1])) | ((v ^ e[2]) & (a ^ b ^ e[3]))
            rows.append(({"alpha": (c, u, a), "beta": (c, v, b)}, y, p))
    else:
        for c, u, a, b, *e in product((0, 1), repeat=7):
            p = 2.0**-4 * math.prod(x if flip else 1 - x for x, flip in zip((0.05, 0.1, 0.05), e))
            y = (c ^ e[0], u ^ e[1], a ^ b ^ e[2])
            rows.append(({"alpha": (c, a), "beta": (c, u), "gamma": (c, b)}, y, p))
    return rows


@pytest.mark.parametrize("name", ["merged", "three_layouts"])
def test_information_and_accuracy_of_every_subset_by_enumeration(name):
    known = truth(name)
    for subset, bits in known.information.items():
        table = {}
        for shown, y, p in enumerated(name):
            key = (tuple(shown[m] for m in subset), y)
            table[key] = table.get(key, 0.0) + p
        xs, ys = {x for x, y in table}, {y for x, y in table}
        p_x = [sum(table.get((x, y), 0.0) for y in ys) for x in xs]
        p_y = [sum(table.get((x, y), 0.0) for x in xs) for y in ys]
        assert bits == pytest.approx(entropy(*p_x) + entropy(*p_y) - entropy(*table.values()), abs=1e-10)
        best = sum(max(table.get((x, y), 0.0) for y in ys) for x in xs)
        assert known.accuracy[subset] == pytest.approx(best, abs=1e-12)
    for (first, second), atoms in known.pairs.items():
        r, u1, u2, s = (atoms[atom] for atom in ATOMS)
        assert r + u1 == pytest.approx(known.information[(first,)], abs=1e-8)
        assert r + u2 == pytest.approx(known.information[(second,)], abs=1e-8)
        assert r + u1 + u2 + s == pytest.approx(known.information[(first, second)], abs=1e-8)
        assert min(atoms.values()) > -1e-8


def test_parity_of_three_is_seen_by_no_pair():
    known = truth("three_parity")
    assert all(max(map(abs, atoms.values())) < 1e-9 for atoms in known.pairs.values())
    assert known.information[("alpha", "beta", "gamma")] == pytest.approx(capacity(2, 0.05))
    assert known.bayes_accuracy == pytest.approx(0.95) and known.accuracy[("alpha", "gamma")] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["gate", "views", "sum_modulo_three", "merged", "three_parity", "random2"])
def test_drawn_symbols_follow_the_table(name):
    world, n = find_world(name), 40_000
    rows = draw_symbols(world, n, seed=5)
    names = world.modalities[:2]
    label_parts = [part for part in world.parts if part.n_values > 1]
    table = pair_table(world, *names)
    code = []
    for place, modality in enumerate(names):
        used, total = 0, np.zeros(n, dtype=np.int64)
        for part in world.parts:
            if place in part.modalities:
                if part in label_parts:
                    total = total * part.levels + rows.shown[modality][:, used]
                used += 1
        code.append(total)
    counts = np.bincount(np.ravel_multi_index((*code, rows.y), table.shape), minlength=table.size)
    held = table.ravel() > 0
    assert counts[~held].sum() == 0
    assert chisquare(counts[held], n * table.ravel()[held] / table.sum()).pvalue > 1e-3


@pytest.mark.parametrize("name", CONTROLLED)
def test_a_decoder_recovers_every_symbol(name):
    world = find_world(name)
    symbols = draw_symbols(world, 200, seed=7)
    found = decode(world, draw(world, 200, seed=7), seed=7)
    for modality in world.modalities:
        assert (found[modality] == symbols.shown[modality]).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("prototypes", [1, 2])
def test_the_decoder_is_exact_up_to_the_largest_noise_and_no_further(layout, prototypes):
    parts = (Part("shared", (0, 1), levels=3), Part("synergy", (0, 1)), Part("nuisance", (0, 1), levels=4))
    options = Embedding(spread=0.49, prototypes=prototypes, warp=1.0, distractor=2.0)
    world = ControlledWorld("hard", parts, layouts=(layout,), embedding=options)
    symbols, ds = draw_symbols(world, 3_000, seed=0), draw(world, 3_000, seed=0)
    found = decode(world, ds, seed=0)
    assert all((found[m] == symbols.shown[m]).all() for m in world.modalities)
    # more noise than allowed does hide symbols: the check above can fail
    values = ds["alpha"]
    generator = np.random.default_rng(0)
    if isinstance(values, Ragged):
        noisy = dataclasses.replace(values, values=values.values + generator.normal(size=values.values.shape))
    else:
        noisy = values + generator.normal(size=values.shape) * (80 if layout == "image" else 1)
    decoder = {"vector": vectors, "sequence": sequences, "image": images}[layout].decode
    spoiled = decoder(noisy, world.levels(0), options, seed=0, modality="alpha")
    assert (spoiled != symbols.shown["alpha"]).any()


@pytest.mark.parametrize(
    "name", ["balanced", "merged", "views", "gate", "three_layouts", "sum_modulo_three", "random1"]
)
def test_an_oracle_is_right_as_often_as_the_bayes_accuracy_says(name):
    world, known, n = find_world(name), truth(name), 20_000
    rows = draw_symbols(world, n, seed=11)
    for subset, accuracy in known.accuracy.items():
        if subset:
            p = posterior(world, {modality: rows.shown[modality] for modality in subset})
            assert p.sum(axis=1) == pytest.approx(1.0)
            bound = 4.0 * math.sqrt(accuracy * (1 - accuracy) / n)
            assert (p.argmax(axis=1) == rows.y).mean() == pytest.approx(accuracy, abs=bound)
            # the chances that it gives are met: the mean of the largest is the accuracy
            assert p.max(axis=1).mean() == pytest.approx(accuracy, abs=bound)


@pytest.mark.parametrize("name", ["pure_synergy", "image_redundancy", "sequence_redundancy"])
def test_the_oracle_reads_the_values_themselves(name):
    ds, known = draw(name, 3_000, seed=2), truth(name)
    for subset in (("alpha",), ("alpha", "beta")):
        p = oracle(find_world(name), ds, seed=2, modalities=subset)
        accuracy = known.accuracy[subset]
        bound = 4.0 * math.sqrt(accuracy * (1 - accuracy) / 3_000)
        assert (p.argmax(axis=1) == ds.labels()).mean() == pytest.approx(accuracy, abs=bound)


def linear_accuracy(name, modality, embedding=None):
    world = find_world(name)
    world = dataclasses.replace(world, embedding=embedding) if embedding else world
    ds = draw(world, {"train": 3_000, "test": 8_000}, seed=3)
    train, test = ds.rows("train"), ds.rows("test")
    model = LogisticRegression(max_iter=300).fit(ds[modality][train], ds.labels()[train])
    return model.score(ds[modality][test], ds.labels()[test])


@pytest.mark.parametrize(
    ("name", "modality"), [("pure_redundancy", "beta"), ("one_sufficient", "alpha"), ("one_sufficient", "beta")]
)
def test_a_linear_classifier_of_one_modality_reaches_what_is_predicted(name, modality):
    accuracy = truth(name).accuracy[(modality,)]
    bound = 4.0 * math.sqrt(accuracy * (1 - accuracy) / 8_000)
    found = linear_accuracy(name, modality)
    # above by chance alone; below by chance and by what a fit to 3,000 rows lacks
    assert accuracy - bound - 0.01 < found < accuracy + bound


def test_no_linear_rule_reads_two_prototypes():
    found = linear_accuracy("pure_redundancy", "alpha", Embedding(prototypes=2))
    assert found == pytest.approx(0.5, abs=0.03)


def test_the_mixing_has_zero_mean():
    ds = draw("balanced", 4_000, seed=0)
    assert np.abs(ds["alpha"].mean(axis=0)).max() < 5.0 / math.sqrt(4_000) * ds["alpha"].std(axis=0).max()


def test_shared_distractors_are_the_same_in_both_and_say_nothing():
    world = dataclasses.replace(find_world("pure_synergy"), embedding=Embedding(shared_distractors=6))
    ds = draw(world, 2_000, seed=0)
    cross = np.linalg.svd(np.corrcoef(ds["alpha"].T, ds["beta"].T)[:16, 16:], compute_uv=False)
    assert (cross > 0.3).sum() == 6
    assert truth(world).atoms == truth("pure_synergy").atoms


def test_sequences_of_a_row_are_not_aligned():
    ds = draw("sequence_synergy", 500, seed=0)
    assert (ds["alpha"].lengths != ds["beta"].lengths).mean() > 0.8
    assert set(ds["alpha"].lengths) == set(range(10, 21))
    assert ds["alpha"].times_of(0)[1].tolist() == pytest.approx([0.1, 0.2])
    assert ds["beta"].times_of(0)[1].tolist() == pytest.approx([1 / 15, 2 / 15])


@pytest.mark.parametrize("name", ["balanced_hard", "sequence_balanced", "image_balanced"])
def test_the_same_seed_gives_the_same_bytes_and_larger_draws_begin_alike(name):
    first, again, longer, other = (draw(name, n, seed=s) for n, s in ((60, 4), (60, 4), (200, 4), (60, 5)))
    for modality in first.modalities:
        a, b, c, d = ((x[modality].values if isinstance(x[modality], Ragged) else x[modality])
                      for x in (first, again, longer, other))  # fmt: skip
        assert a.tobytes() == b.tobytes()
        assert c[: len(a)] == pytest.approx(a, abs=1e-5)
        assert d.shape != a.shape or (d != a).any()
    assert (longer.labels()[:60] == first.labels()).all()
    assert (longer.samples["split"][:60] == first.samples["split"]).all()


def test_splits_have_streams_of_their_own():
    few = draw("balanced", {"train": 50, "test": 40, "valid": 30}, seed=0)
    many = draw("balanced", {"train": 90, "valid": 30, "test": 40}, seed=0)
    assert [len(few.rows(part)) for part in ("train", "valid", "test")] == [50, 30, 40]
    for part in ("valid", "test"):
        assert (few["beta"][few.rows(part)] == many["beta"][many.rows(part)]).all()
    assert (few["beta"][few.rows("test")][:30] != few["beta"][few.rows("valid")]).any()
    assert [len(draw("gate", 200, seed=0).rows(part)) for part in ("train", "valid", "test")] == [140, 30, 30]


def test_a_drawn_dataset_is_stored_with_its_truth(tmp_path):
    ds = draw_with_truth("three_layouts", 40, seed=0, name="mixed")
    save_dataset(ds, tmp_path / "mixed")
    back = load_dataset(tmp_path / "mixed")
    assert [m.kind for m in back.spec.modalities] == ["embedding", "timeseries", "image"]
    assert json.loads(json.dumps(back.spec.annotations)) == ds.spec.annotations
    assert [row["first"] for row in back.spec.annotations["truth"]] == ["alpha", "alpha", "beta"]
    assert back.spec.annotations["bayes_accuracy"][-1]["accuracy"] == truth("three_layouts").bayes_accuracy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pure_synergy", "redundancy_synergy", "unique_both", "merged"])
def test_the_posteriors_estimator_recovers_the_atoms(name):
    """With few distractors; 8,000 rows of the 16 entries that a vector has otherwise leave a tenth of a bit unfound."""
    world = dataclasses.replace(find_world(name), embedding=Embedding(width=6))
    ds = draw(world, 6_000, seed=0)
    found = pid.estimate(ds["alpha"], ds["beta"], ds.labels(), method="posteriors", seed=0)
    assert dict(found.corrected) == pytest.approx(truth(world).atoms, abs=0.05)


def test_error_for_undoes_the_closed_form():
    for k, bits in ((2, 0.0), (2, 0.3), (2, 1.0), (4, 1.5), (8, 0.01)):
        assert capacity(k, error_for(k, bits)) == pytest.approx(bits, abs=1e-12)


def test_an_empty_subset_is_the_prior():
    assert subset_table(find_world("gate"), ()).tolist() == [pytest.approx([0.74, 0.26])]


@pytest.mark.parametrize(
    ("argument", "make"),
    [
        ("kind", lambda: Part("xor", (0, 1))),
        ("modalities", lambda: Part("synergy", (0,))),
        ("modalities", lambda: Part("unique", (0, 1))),
        ("modalities", lambda: Part("shared", (0, 0))),
        ("levels", lambda: Part("gate", (0, 1), levels=3)),
        ("noise", lambda: Part("shared", (0, 1), noise=0.6)),
        ("blur", lambda: Part("shared", (0, 1), blur=-0.1)),
        ("bits", lambda: error_for(2, 1.1)),
        ("parts", lambda: ControlledWorld("w", (Part("nuisance", (0,)),))),
        ("parts", lambda: ControlledWorld("w", (Part("unique", (2,)),))),
        ("merge", lambda: ControlledWorld("w", (Part("unique", (0,)),), merge=(0, 0))),
        ("merge", lambda: ControlledWorld("w", (Part("unique", (0,)),), merge=(0, 1, 1))),
        ("layouts", lambda: ControlledWorld("w", (Part("unique", (0,)),), layouts=("text",))),
        ("layouts", lambda: ControlledWorld("w", (Part("unique", (0,)),), layouts=("image",) * 3)),
        ("modalities", lambda: ControlledWorld("w", (Part("unique", (0,)),), modalities=("a", "a"))),
        ("width", lambda: ControlledWorld("w", (Part("unique", (0,), 8),), embedding=Embedding(width=4))),
        ("spread", lambda: Embedding(spread=0.5)),
        ("prototypes", lambda: Embedding(prototypes=3)),
        ("size", lambda: Embedding(size=18)),
        ("steps", lambda: Embedding(steps=(5, 4))),
        ("world", lambda: draw("pure_sinergy", 100, seed=0)),
        ("n", lambda: draw("pure_synergy", 10, seed=0)),
        ("n", lambda: draw("pure_synergy", {"test": 10}, seed=0)),
        ("n", lambda: draw("pure_synergy", {"training": 10}, seed=0)),
        ("n['test']", lambda: draw("pure_synergy", {"train": 5, "test": 0}, seed=0)),
        ("modalities", lambda: truth("gate") and find_world("gate").places(["gamma"])),
        ("world", lambda: truth("three_parity").atoms),
        ("shown", lambda: posterior(find_world("gate"), {})),
        ("shown", lambda: oracle(find_world("pure_redundancy"), draw("pure_redundancy", 60, seed=0), seed=1)),
    ],
)
def test_bad_input_names_its_argument(argument, make):
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.argument == argument
