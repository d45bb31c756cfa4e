"""Other measures: published values, formulas computed by hand, identities, and the failures each is known for."""

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq
from worlds import WORLDS, gate, planted

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.atoms import ATOMS
from mmcore.information.entropy import conditional_mutual_information, entropy, mutual_information
from mmcore.information.measures import MEASURES, available_measures
from mmcore.information.measures.difference import delta_information
from mmcore.information.measures.maximum_entropy import maximum_entropy, support
from mmcore.information.measures.shared_exclusions import shared_information

NAMES = [entry.name for entry in MEASURES]
TABLES = {world.name: world.p for world in (*WORLDS, planted())}
THIRDS = gate(lambda i, j: 2 * i + j)[:, :, :3] * (4 / 3)  # (0,0), (0,1), (1,0) with 1/3 each, all told apart


def random_table(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(2, 5, 3))
    return generator.dirichlet(np.full(int(np.prod(shape)), generator.choice([1.0, 0.3]))).reshape(shape)


def atoms(p: np.ndarray, method: str) -> list[float]:
    return list(pid.decompose(p, method=method).atoms.values())


def test_every_name_of_the_issue_is_there():
    assert available_measures() == ["broja", "i_min", "mmi", "wms", "co_information", "ci", "i_ccs", "i_sx"]
    for entry in MEASURES:
        assert entry.reference
        assert entry.failure


# AND holds 0.8113 bit, each input 0.3113.
PUBLISHED = [
    # Williams and Beer 2010, section 4 and figure 4A; Harder et al. 2013 call the first one the two-bit copy problem
    ("i_min", TABLES["COPY"], (1.0, 0.0, 0.0, 1.0)),
    ("i_min", THIRDS, (np.log2(3) - 1, 1 / 3, 1 / 3, 1 / 3)),
    ("i_min", TABLES["AND"], (0.3113, 0.0, 0.0, 0.5)),
    ("i_min", TABLES["XOR"], (0.0, 0.0, 0.0, 1.0)),
    # Barrett 2015: the weaker source has no unique information
    ("mmi", TABLES["COPY"], (1.0, 0.0, 0.0, 1.0)),
    ("mmi", TABLES["UNQ1"], (0.0, 1.0, 0.0, 0.0)),
    # Griffith and Koch 2014, table 2: whole minus sum on AND 0.189, XOR 1, RDNXOR 0 (where there is one bit)
    ("wms", TABLES["AND"], (0.0, 0.3113, 0.3113, 0.1887)),
    ("wms", TABLES["XOR"], (0.0, 0.0, 0.0, 1.0)),
    ("wms", TABLES["RDNXOR"], (0.0, 1.0, 1.0, 0.0)),
    ("wms", TABLES["RDN"], (0.0, 1.0, 1.0, -1.0)),
    ("co_information", TABLES["XOR"], (-1.0, 1.0, 1.0, 0.0)),
    ("co_information", TABLES["RDN"], (1.0, 0.0, 0.0, 0.0)),
    ("co_information", TABLES["RDNXOR"], (0.0, 1.0, 1.0, 0.0)),
    # Griffith and Koch 2014, table 2: Delta I on AND 0.104, XOR 1
    ("ci", TABLES["AND"], (-0.08496, 0.39624, 0.39624, 0.10376)),
    ("ci", TABLES["XOR"], (0.0, 0.0, 0.0, 1.0)),
    # Ince 2017, section 5: AND 0.104 / 0.208 / 0.208 / 0.292; SUM 0 / 0.5 / 0.5 / 0.5; copies share nothing
    ("i_ccs", TABLES["AND"], (0.1038, 0.2075, 0.2075, 0.2925)),
    ("i_ccs", TABLES["SUM"], (0.0, 0.5, 0.5, 0.5)),
    ("i_ccs", TABLES["XOR"], (0.0, 0.0, 0.0, 1.0)),
    ("i_ccs", TABLES["COPY"], (0.0, 1.0, 1.0, 0.0)),
    ("i_ccs", TABLES["RDN"], (1.0, 0.0, 0.0, 0.0)),
    ("i_ccs", TABLES["RDNXOR"], (1.0, 0.0, 0.0, 1.0)),
    ("i_ccs", TABLES["UNQ1"], (0.0, 1.0, 0.0, 0.0)),
    # Makkeh et al. 2021: pointwise values of XOR are the same in every cell
    ("i_sx", TABLES["XOR"], (np.log2(2 / 3), np.log2(3 / 2), np.log2(3 / 2), np.log2(4 / 3))),
    ("i_sx", TABLES["RDN"], (1.0, 0.0, 0.0, 0.0)),
    ("i_sx", TABLES["COPY"], (np.log2(4 / 3), np.log2(3 / 2), np.log2(3 / 2), np.log2(4 / 3))),
]


@pytest.mark.parametrize(("method", "p", "expected"), PUBLISHED)
def test_published_values(method, p, expected):
    assert atoms(p, method) == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize("method", NAMES)
@pytest.mark.parametrize("seed", range(6))
def test_sums_and_symmetry(method, seed):
    p = random_table(seed)
    found = pid.decompose(p, method=method)
    assert (found.method, found.gap, found.union_lower) == (method, None, None)
    assert found.status == ("converged" if method == "i_ccs" else "closed_form")
    assert found.information1 == pytest.approx(mutual_information(p.sum(axis=1)), abs=1e-12)
    assert found.information2 == pytest.approx(mutual_information(p.sum(axis=0)), abs=1e-12)
    assert found.total == pytest.approx(mutual_information(p.reshape(-1, p.shape[2])), abs=1e-12)
    swapped = pid.decompose(p.transpose(1, 0, 2), method=method)
    expected = [found.redundancy, found.unique2, found.unique1, found.synergy]
    assert list(swapped.atoms.values()) == pytest.approx(expected, abs=1e-9)
    order = np.random.default_rng(seed).permutation(p.shape[2])
    assert atoms(p[:, ::-1, order], method) == pytest.approx(list(found.atoms.values()), abs=1e-9)
    assert pid.PID.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("method", NAMES)
def test_empty_symbols_and_labels_change_nothing(method):
    p = random_table(3)
    wide = np.zeros(tuple(n + 1 for n in p.shape))
    wide[1:, :-1, 1:] = p
    assert atoms(wide, method) == pytest.approx(atoms(p, method), abs=1e-9)


@pytest.mark.parametrize("method", NAMES)
def test_nothing_known_gives_zeros(method):
    assert atoms(TABLES["INDEPENDENT"], method) == pytest.approx([0.0] * 4, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_broja_is_the_smallest_redundancy_that_the_pair_tables_allow(seed):
    # Bertschinger et al. 2014, lemma 3: measures with non-negative atoms that depend on (x1,y), (x2,y) alone
    p = random_table(seed)
    least = pid.decompose(p)
    for method in ("i_min", "mmi"):
        other = pid.decompose(p, method=method)
        assert min(other.atoms.values()) >= -1e-9
        assert other.redundancy >= least.redundancy - 1e-9
        assert other.synergy >= least.synergy - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_delta_information_by_loops(seed):
    p = random_table(seed)
    label, expected = p.sum(axis=(0, 1)), 0.0
    for i, j, y in itertools.product(*map(range, p.shape)):
        if p[i, j, y] > 0:
            weights = [
                label[k] * (p[i, :, k].sum() / label[k]) * (p[:, j, k].sum() / label[k]) for k in range(p.shape[2])
            ]
            expected += p[i, j, y] * np.log2(p[i, j, y] / p[i, j].sum() / (weights[y] / sum(weights)))
    assert delta_information(p) == pytest.approx(expected, abs=1e-12)


def test_delta_information_vanishes_where_sources_are_independent_given_the_label():
    generator = np.random.default_rng(0)
    p = np.einsum(
        "y,iy,jy->ijy", [0.3, 0.7], generator.dirichlet(np.ones(3), 2).T, generator.dirichlet(np.ones(4), 2).T
    )
    assert delta_information(p) == pytest.approx(0.0, abs=1e-12)


def test_delta_information_can_exceed_all_information():
    # Schneidman, Bialek and Berry 2003 show that it can; 16, 1, 2 and 1 of 20 rows do it, and atoms turn negative
    p = np.zeros((2, 2, 2))
    p[0, 1, 0], p[0, 1, 1], p[1, 0, 0], p[1, 0, 1] = 16 / 20, 1 / 20, 2 / 20, 1 / 20
    assert delta_information(p) > 1.2 * mutual_information(p.reshape(4, 2))
    assert min(pid.decompose(p, method="ci").atoms.values()) < 0


def test_shared_exclusions_cell_by_cell():
    # Values of AND in the tests that come with the authors' SxPID (Abzinger/SxPID, testing/test_gates.py)
    found = shared_information(TABLES["AND"])
    cells = [found[0, 0, 0], found[0, 1, 0], found[1, 0, 0], found[1, 1, 1]]
    assert cells == pytest.approx([0.4150374992788438, -0.16992500144231237, -0.16992500144231237, 0.4150374992788438])
    assert np.isnan(found[1, 1, 0])
    p = random_table(5)
    i, j, y = 1, 0, 1
    union = p[i, :, :].sum() + p[:, j, :].sum() - p[i, j, :].sum()
    inside = p[i, :, y].sum() + p[:, j, y].sum() - p[i, j, y]
    assert shared_information(p)[i, j, y] == pytest.approx(np.log2(inside / p[:, :, y].sum() / union))


@pytest.mark.parametrize("seed", range(10))
def test_maximum_entropy_on_the_segment_of_two_by_two_by_two(seed):
    # All tables with the pair tables of p are p + t s, s = (-1)^(i+j+y); at the optimum the entropy's slope is zero:
    # the product of the cells with s = 1 equals the product of the others.
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.full(8, 0.7)).reshape(2, 2, 2)
    sign = np.array([(-1.0) ** sum(cell) for cell in itertools.product((0, 1), repeat=3)]).reshape(2, 2, 2)
    low, high = -p[sign > 0].min(), p[sign < 0].min()
    slope = lambda t: np.log(p + t * sign)[sign > 0].sum() - np.log(p + t * sign)[sign < 0].sum()  # noqa: E731
    t = brentq(slope, low + 1e-15, high - 1e-15, xtol=1e-16)
    found = maximum_entropy(p)
    assert found.q == pytest.approx(p + t * sign, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_maximum_entropy_keeps_the_pair_tables_and_gains_entropy(seed):
    generator = np.random.default_rng(seed)
    p = generator.multinomial(40, np.full(60, 1 / 60)).reshape(4, 3, 5) / 40
    found = maximum_entropy(p)
    for axis in range(3):
        assert found.q.sum(axis=axis) == pytest.approx(p.sum(axis=axis), abs=1e-12)
    assert entropy(found.q) >= entropy(p) - 1e-12
    # no move that keeps the pair tables raises the entropy: log q is orthogonal to moves within the support
    logs = np.where(found.q > 0, np.log(np.where(found.q > 0, found.q, 1.0)), 0.0)
    for a, b, c in itertools.product(range(3), range(2), range(4)):
        block = np.ix_((a, a + 1), (b, b + 1), (c, c + 1))
        if (found.q[block] > 0).all():
            sign = np.array([(-1.0) ** sum(cell) for cell in itertools.product((0, 1), repeat=3)]).reshape(2, 2, 2)
            assert (sign * logs[block]).sum() == pytest.approx(0.0, abs=1e-6)


def test_cells_that_the_pair_tables_force_to_zero():
    assert np.array_equal(support(TABLES["AND"]), TABLES["AND"] > 0)  # proportional fitting would take for ever
    assert support(TABLES["XOR"]).all()
    assert maximum_entropy(TABLES["AND"]).q == pytest.approx(TABLES["AND"], abs=1e-15)


def test_common_surprisal_jumps_where_a_sign_changes():
    # The failure that the table names: between two tables, halving the stretch that holds the jump does not shrink it
    one, other = np.random.default_rng(3).dirichlet(np.ones(8), 2).reshape(2, 2, 2, 2)
    value = lambda t: pid.decompose((1 - t) * one + t * other, method="i_ccs").redundancy  # noqa: E731
    ends = np.linspace(0, 1, 101)
    values = [value(t) for t in ends]
    k = int(abs(np.diff(values)).argmax())
    low, high, at_low, at_high = ends[k], ends[k + 1], values[k], values[k + 1]
    for _ in range(16):
        middle = 0.5 * (low + high)
        found = value(middle)
        if abs(found - at_low) > abs(at_high - found):
            high, at_high = middle, found
        else:
            low, at_low = middle, found
    assert high - low < 1e-6
    assert abs(at_high - at_low) > 0.001


def test_whole_minus_sum_is_the_difference_of_conditional_and_plain_information():
    p = random_table(11)
    expected = conditional_mutual_information(p.transpose(0, 2, 1)) - mutual_information(p.sum(axis=1))
    assert pid.decompose(p, method="wms").synergy == pytest.approx(expected, abs=1e-12)


def test_unknown_measure_lists_the_valid_ones():
    with pytest.raises(InputError) as caught:
        pid.decompose(TABLES["AND"], method="imin")
    assert all(name in caught.value.allowed for name in ("broja", *NAMES))
    assert "i_min" in caught.value.remedy


def test_a_measure_sees_only_checked_tables():
    for method in NAMES:
        with pytest.raises(InputError):
            pid.decompose(np.full((2, 2, 2), 0.2), method=method)


def test_atoms_come_in_the_usual_order():
    assert tuple(pid.decompose(TABLES["AND"], method="i_min").atoms) == ATOMS


def test_what_belongs_to_a_solver_is_refused_where_nothing_is_solved():
    table = np.full((2, 2, 2), 0.125)
    with pytest.raises(InputError, match="i_min"):
        pid.decompose(table, method="i_min", solver="cvxpy")
    with pytest.raises(InputError, match="max_iter"):
        pid.decompose_many([table], method="mmi", max_iter=3)
