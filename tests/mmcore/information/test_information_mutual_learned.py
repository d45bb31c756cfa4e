"""Bounds of mutual information as learned: what critics reach on Gaussians, on held-out rows, given a class."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from mmcore.errors import InputError
from mmcore.information.mutual_information import MutualInformation
from mmcore.information.mutual_information.club import club_difference, estimate_club
from mmcore.information.mutual_information.critics import build_critic
from mmcore.information.mutual_information.gaussian import correlated_gaussians, correlation, jeffreys_divergence
from mmcore.information.mutual_information.infonce import estimate_infonce, infonce_bound, infonce_loss
from mmcore.information.mutual_information.learning import Learning, Rows, fit
from mmcore.information.mutual_information.nce_club import estimate_nce_club
from mmcore.information.mutual_information.staircase import gaussian_staircase

LN2 = np.log(2.0)
QUICK = Learning(steps=300, learning_rate=2e-3, evaluate_every=50, patience=3, repeats=3)


# learned on fresh batches


def learned_nats(pairs, information, *, steps=1500, critic="separable", **options):
    """Return InfoNCE and NCE-CLUB over 200 batches of 64 of a critic fitted to fresh batches of 64, in nats."""
    rho, generator = correlation(information, pairs), np.random.default_rng(0)

    def draw(step):
        sides = correlated_gaussians(64, pairs, rho, seed=generator)
        return Rows(*(torch.from_numpy(side.astype(np.float32)) for side in sides), None)

    module = build_critic(critic, pairs, pairs, seed=0, **options)
    fit(module, lambda f, rows: infonce_loss(f(rows.x, rows.y)), draw, Learning(steps=steps, learning_rate=1e-3))
    with torch.no_grad():
        scores = [module(rows.x, rows.y) for rows in map(draw, range(200))]
    return [float(np.mean([float(term(s)) for s in scores])) for term in (infonce_bound, club_difference)]


def test_learned_critic_reaches_the_measured_values():
    """representation_facts.md 1.3, separable, D = 20, I = 2: 1.69, and 4.11 with joint pairs among the negatives."""
    lower, upper = learned_nats(20, 2.0)
    assert lower == pytest.approx(1.69, abs=0.08)
    assert upper * 63 / 64 == pytest.approx(4.11, rel=0.05)
    assert lower < 2.0 < upper


@pytest.mark.slow
@pytest.mark.parametrize(
    ("critic", "pairs", "information", "lower", "upper"),
    [
        ("separable", 20, 4, 2.93, 9.38),
        ("separable", 20, 6, 3.60, 15.78),
        ("separable", 20, 10, 4.06, 34.14),
        ("separable", 100, 2, 0.78, 1.82),
        ("separable", 100, 4, 1.62, 4.02),
        ("separable", 100, 10, 3.26, 11.50),
        ("concatenated", 20, 2, 1.73, 3.64),
        ("concatenated", 100, 2, 0.99, 1.88),
    ],
)
def test_learned_critics_reach_the_measured_values(critic, pairs, information, lower, upper):
    """The other rows of the table of 1.3 (nats; one seed there, one here); at D = 100, I = 2 both violate the bound."""
    options = {"width": 128, "depth": 1, "softplus": True} if critic == "concatenated" else {}
    steps = 1000 if critic == "concatenated" else 1500
    found = learned_nats(pairs, information, steps=steps, critic=critic, **options)
    assert found[0] == pytest.approx(lower, abs=0.1)
    assert found[1] * 63 / 64 == pytest.approx(upper, rel=0.1)
    if (pairs, information) == (100, 2):
        assert found[1] < information


# estimators on held-out rows


def test_bounds_enclose_the_information_of_gaussians():
    rho = correlation(1.0, 2)
    x, y = correlated_gaussians(6_000, 2, rho, seed=0)
    truth = 1.0 / LN2
    lower, club, nce_club = (
        estimate(x, y, learning=QUICK) for estimate in (estimate_infonce, estimate_club, estimate_nce_club)
    )
    assert lower.kind == "lower_bound" and lower.status == "estimated"
    assert 0.8 * truth < lower.value < truth + 0.1
    exact = jeffreys_divergence(rho, 2) / LN2
    for upper in (club, nce_club):
        assert upper.kind == "upper_bound_surrogate"
        assert truth < upper.value == pytest.approx(exact, rel=0.25)
    assert nce_club.diagnostics["infonce"] == pytest.approx(lower.value, abs=1e-12)  # the same critic
    assert lower.interval[0] < lower.value < lower.interval[1]
    assert MutualInformation.from_dict(lower.to_dict()) == lower


def test_nothing_is_found_where_nothing_is_even_by_a_large_critic():
    """Rows held out: a critic that memorises 300 rows has nothing to say about the others."""
    x, y = np.random.default_rng(0).standard_normal((2, 500, 5))
    found = estimate_infonce(x, y, critic_options={"width": 512}, learning=QUICK)
    assert found.value < 0.05


def test_value_near_the_cap_says_so():
    x = np.random.default_rng(0).standard_normal((1_000, 4))
    found = estimate_infonce(x, x, learning=Learning(steps=300, batch_size=8, repeats=2))
    assert found.diagnostics["cap"] == pytest.approx(3.0)  # log2 8
    assert found.status == "capped" and found.value <= 3.0


def shared_class(n, seed):
    """X1 and X2 share nothing but the class: I(X1;X2|Y) = 0 < I(X1;X2)."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    x1, x2 = 3.0 * (2 * y - 1)[None] + generator.standard_normal((2, n))
    return x1[:, None], x2[:, None], y


def test_conditional_bound_takes_negatives_from_the_same_class():
    x1, x2, y = shared_class(3_000, 0)
    found = estimate_infonce(x1, x2, learning=QUICK)
    assert found.value == pytest.approx(1.0, abs=0.1)  # the class, which either side shows almost surely
    given = [estimate(x1, x2, conditional=y, learning=QUICK) for estimate in (estimate_infonce, estimate_nce_club)]
    assert given[0].value == pytest.approx(0.0, abs=0.05) and given[1].value == pytest.approx(0.0, abs=0.1)
    assert given[0].diagnostics["cap"] < np.log2(64)
    # negatives from the whole batch, the class beside x1 (the released code) do not condition at all
    beside = np.hstack([x1, np.eye(2)[y]])
    assert estimate_infonce(beside, x2, learning=QUICK).value > 0.8


def test_condition_can_reveal_what_was_hidden():
    """X1 a sign, X2 = X1 Y: independent, and the same bit once Y is known."""
    generator = np.random.default_rng(0)
    x1, y = 2 * generator.integers(0, 2, (2, 2_000)) - 1
    x2 = (x1 * y)[:, None] + 0.05 * generator.standard_normal((2_000, 1))
    assert estimate_infonce(x1, x2, learning=QUICK).value == pytest.approx(0.0, abs=0.05)
    assert estimate_infonce(x1, x2, conditional=y, learning=QUICK).value == pytest.approx(1.0, abs=0.1)


def test_same_seed_same_bytes_and_the_global_generator_is_left_alone():
    x, y = correlated_gaussians(600, 2, 0.5, seed=0)
    before = torch.default_generator.get_state()
    first, again, other = (estimate_infonce(x, y, learning=Learning(steps=50), seed=s) for s in (3, 3, 4))
    assert first == again and first.value != other.value
    assert torch.equal(before, torch.default_generator.get_state())


@pytest.mark.parametrize(
    ("kw", "argument"),
    [
        ({"learning": Learning(batch_size=512)}, "x"),
        ({"critic": "cosine"}, "critic"),
        ({"conditional": [0, 1]}, "conditional"),
        ({"level": 1.0}, "level"),
    ],
)
def test_bad_input_names_the_argument(kw, argument):
    x, y = correlated_gaussians(400, 1, 0.5, seed=0)
    with pytest.raises(InputError) as caught:
        estimate_infonce(x, y, **{"learning": Learning(steps=1), **kw})
    assert caught.value.argument == argument
    with pytest.raises(InputError):
        Learning(batch_size=1)
    with pytest.raises(InputError):
        estimate_club(x, y[:-1])


def test_a_loss_that_explodes_is_reported():
    x, y = correlated_gaussians(400, 1, 0.5, seed=0)
    with pytest.raises(FloatingPointError, match="learning_rate"):
        estimate_club(x, y, learning=Learning(steps=200, learning_rate=1e30))


# figure 4.3


def test_staircase_reports_batches_before_learning_from_them():
    first, again = (gaussian_staircase((3, 5), (0.5, 1.5), steps=60, batch_size=16, seed=1) for _ in range(2))
    assert [curves.pairs for curves in first] == [3, 5]
    for curves, same in zip(first, again):
        assert curves.to_dict() == same.to_dict()
        assert curves.infonce.shape == curves.club.shape == curves.nce_club.shape == (120,)
        assert set(curves.information) == {0.5, 1.5}
        assert curves.infonce.max() <= np.log(16)
        assert (curves.nce_club * 15 / 16 >= curves.infonce - 1e-5).all()
        levels = curves.levels()
        assert levels[1]["exact"] == pytest.approx(jeffreys_divergence(correlation(1.5, curves.pairs), curves.pairs))
        assert levels[1]["infonce"] > levels[0]["infonce"] > 0.0
        assert curves.smoothed(50)["infonce"][0] == curves.infonce[0]
    alone = gaussian_staircase((5,), (0.5, 1.5), steps=60, batch_size=16, seed=1)[0]
    assert alone.to_dict() == first[1].to_dict()  # streams of its own


@pytest.mark.slow
def test_staircase_shows_that_tight_means_under_fitted():
    """At D = 100, I = 2 NCE-CLUB looks tight because its critic is under-fitted: the closed form is 4.08 nats.

    Better fitted at D = 20, it leaves I and comes near the closed form; InfoNCE stays below I and log 64 throughout.
    """
    low, high = (curves.levels() for curves in gaussian_staircase((20, 100), (2.0, 4.0, 6.0), steps=400))
    for row in low + high:
        assert row["nce_club"] < row["exact"]
        assert row["infonce"] < min(row["information"], np.log(64))
    assert all(row["nce_club"] > 1.5 * row["information"] for row in low)
    assert high[0]["nce_club"] == pytest.approx(2.0, rel=0.15) and high[0]["exact"] == pytest.approx(4.08, abs=0.01)


def test_torch_is_loaded_only_when_asked_for():
    code = "import sys, mmcore.information.mutual_information; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
