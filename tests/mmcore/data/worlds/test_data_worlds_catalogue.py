"""The table of worlds against their truth, random worlds against what was drawn, shares against the printed ones."""

import math

import numpy as np
import pytest

from mmcore.data.worlds import WORLDS, random_world, world_names
from mmcore.data.worlds.generative import SETS, intended, random_ratios
from mmcore.data.worlds.prior import MOST_PARTS, STRENGTH
from mmcore.errors import InputError
from mmcore.information.worlds import truth

ATOMS = ("redundancy", "unique1", "unique2", "synergy")
FAST = [name for name in WORLDS if not (name.startswith("generative_mixed") or name == "generative_random5")]


def test_every_name_is_its_world_and_every_tag_holds_one():
    for name, entry in WORLDS.items():
        assert entry.name == entry.world.name == name
        assert entry.reference
    assert len(world_names("generative", "specialised")) == 4 and len(world_names("generative", "mixed")) == 6
    assert len(world_names("generative", "random")) == len(world_names("controlled", "random")) == 5
    for layout in ("vector", "sequence", "image"):
        assert world_names("controlled", layout)
    with pytest.raises(InputError):
        world_names("images")
    assert len({entry.world for entry in WORLDS.values()}) == len(WORLDS)


@pytest.mark.parametrize("name", FAST)
def test_tags_say_what_the_truth_says(name):
    known, tags = truth(name), WORLDS[name].tags
    total = known.information[known.modalities]
    best = max(known.information[(modality,)] for modality in known.modalities)
    assert ("one_modality" in tags) == (total - best < 1e-9)
    if "specialised" in tags and "controlled" in tags and "three" not in tags:
        assert sum(value > 1e-6 for value in known.atoms.values()) == 1
    for accuracy in known.accuracy.values():
        assert known.accuracy[()] - 1e-12 <= accuracy <= known.bayes_accuracy + 1e-12


def entropy(p):
    return 0.0 if p in (0.0, 1.0) else -p * math.log2(p) - (1 - p) * math.log2(1 - p)


def test_random_worlds_hold_what_was_drawn():
    leaders = []
    for seed in range(60):
        world = random_world(seed)
        expected = dict.fromkeys(ATOMS, 0.0)
        for part in world.parts:
            if part.kind != "nuisance":
                atom = {"shared": "redundancy", "synergy": "synergy"}.get(part.kind, f"unique{part.modalities[0] + 1}")
                expected[atom] += 1.0 - entropy(part.noise)
        assert truth(world).atoms == pytest.approx(expected, abs=1e-8)
        assert STRENGTH[0] - 1e-9 <= max(expected.values()) <= STRENGTH[1] + 1e-9
        leaders.append(max(expected, key=expected.get))
    # a fair die of four sides: fewer than 5 of 60 has a chance below 0.002
    assert all(leaders.count(atom) >= 5 for atom in ATOMS)


def test_random_worlds_of_more_modalities_and_of_merged_labels():
    for seed in range(10):
        world = random_world(seed, modalities=("a", "b", "c"), layouts=("vector", "sequence", "image"))
        assert sum(part.n_values > 1 for part in world.parts) <= MOST_PARTS
        assert {place for part in world.parts for place in part.modalities} == {0, 1, 2}
        merged = random_world(seed, n_classes=2)
        sizes = np.bincount(merged.merge)
        assert merged.n_classes == 2 and sizes.max() - sizes.min() <= 1
        total = truth(merged).information[merged.modalities]
        assert 0.0 < total <= truth(random_world(seed)).information[merged.modalities] + 1e-9
    for bad in ({"modalities": ("a",)}, {"concentration": 0.0}, {"n_classes": 1}):
        with pytest.raises(InputError):
            random_world(0, **bad)


def test_shares_by_construction_are_those_of_the_printed_truth():
    """Thesis table 3.2, row "Truth", as shares; two mixed sets are printed by another rule (see `intended`)."""
    other = {"mixed_all1_half2_halfc", "mixed_all1_all2_halfc"}
    for name, row in SETS.items():
        printed = np.array(row.truth) / sum(row.truth)
        meant = np.array([intended(row.ratios)[atom] for atom in ATOMS])
        assert meant.sum() == pytest.approx(1.0)
        assert (np.abs(printed - meant).max() < 0.03) == (name not in other)


def test_random_ratios_are_of_their_seed():
    drawn = [random_ratios(seed) for seed in range(200)]
    assert drawn == [random_ratios(seed) for seed in range(200)]
    assert np.array(drawn).mean() == pytest.approx(0.5, abs=0.05)
    with pytest.raises(InputError):
        random_ratios(0, block=1)
    assert all(sum(int(5 * r) for r in ratios) for ratios in drawn)
