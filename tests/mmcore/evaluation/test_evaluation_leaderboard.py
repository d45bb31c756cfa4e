"""Leaderboards against Demsar's published example, domains against thesis table 7.2, and refusals."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from mmcore.errors import InputError
from mmcore.evaluation.domains import dataset_domains, model_domains
from mmcore.evaluation.leaderboard import leaderboard, nemenyi_distance, oriented_scores, signed_rank_p

# Demsar 2006, JMLR 7, table 6: AUC of C4.5 (plain, with m, with cf, with both) on 14 datasets. The last two are printed
# as .975 on the dataset before the last, with ranks 2 and 3: the tie is broken here as there
DEMSAR = np.array([
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
])  # fmt: skip
MODELS = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")


def long(values, models=MODELS):
    rows = [(f"d{i:02d}", m, v) for i, row in enumerate(values) for m, v in zip(models, row, strict=True)]
    return pd.DataFrame(rows, columns=["dataset", "model", "value"])


def test_demsar_s_mean_ranks_and_statistics():
    board = leaderboard(long(DEMSAR), True)
    rank = {e.model: e.mean_rank for e in board.entries}
    # the text after table 6: 3.143, 2.000, 2.893, 1.964; chi2 = 9.28, F = 3.69 without correction for ties
    assert [rank[m] for m in MODELS] == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    printed = 12 * 14 / (4 * 5) * (sum(r**2 for r in rank.values()) - 4 * 25 / 4)
    assert printed == pytest.approx(9.28, abs=0.005)
    assert 13 * printed / (14 * 3 - printed) == pytest.approx(3.69, abs=0.005)
    assert (
        board.friedman_chi2 == pytest.approx(friedmanchisquare(*DEMSAR.T).statistic) and board.friedman_chi2 > printed
    )
    assert board.friedman_p < 0.05 and board.entries[0].model == "C4.5+m+cf"
    assert board.critical_distance == pytest.approx(1.25, abs=0.005)  # section 3.2.2: 2.569 sqrt(20 / 84)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_values_are_those_of_demsar_s_table_5(k, q):
    assert nemenyi_distance(k, 6) / np.sqrt(k * (k + 1) / 36) == pytest.approx(q, abs=1e-3)


def test_pairs_are_wilcoxon_with_holm():
    board = leaderboard(long(DEMSAR), True)
    pair = next(p for p in board.pairs if {p.first, p.second} == {"C4.5", "C4.5+m"})
    assert pair.p < 0.05  # Demsar, section 3.1.3: rejected at 5 %
    assert len(board.pairs) == 6 and all(p.p_adjusted >= p.p for p in board.pairs)


@pytest.mark.parametrize("n", [1, 5, 12, 40])
def test_signed_ranks_are_scipy_s_where_it_is_exact(n):
    difference = np.random.default_rng(n).normal(0.4, 1.0, n)
    assert signed_rank_p(difference) == pytest.approx(wilcoxon(difference, method="exact").pvalue, rel=1e-9)
    assert signed_rank_p(difference) == signed_rank_p(-difference) == signed_rank_p(np.append(difference, 0.0))


def test_signed_ranks_with_ties_by_enumeration():
    ranks, observed = np.array([1.5, 1.5, 3.0, 4.5, 4.5]), np.array([1, 1, -1, 1, 1])
    signs = np.array(list(itertools.product([-1, 1], repeat=5)))
    expected = (np.abs(signs @ ranks) >= abs(observed @ ranks)).mean()
    assert signed_rank_p(observed * np.array([0.1, 0.1, 0.2, 0.7, 0.7])) == pytest.approx(expected)


def test_direction_is_the_only_thing_that_a_sign_changes():
    up, down = leaderboard(long(DEMSAR), True), leaderboard(long(-DEMSAR), False)
    assert up.to_dict() == down.to_dict()
    backwards = leaderboard(long(DEMSAR), False)
    flipped = {e.model: 5 - e.mean_rank for e in up.entries}
    assert {e.model: e.mean_rank for e in backwards.entries} == pytest.approx(flipped)


def test_scaled_means_and_shared_wins():
    values = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [0.0, 10.0, 10.0]])
    board = leaderboard(long(values, "abc"), True)
    found = {e.model: (e.scaled_mean, e.wins) for e in board.entries}
    # the second dataset tells no models apart: shared win, no scaled score
    assert found == {"a": (0.0, pytest.approx(1 / 3)), "b": (0.75, pytest.approx(1 / 3 + 1 / 2)),
                     "c": (1.0, pytest.approx(1 + 1 / 3 + 1 / 2))}  # fmt: skip
    assert sum(wins for _, wins in found.values()) == pytest.approx(3)
    ranks = rankdata(-values, axis=1).mean(axis=0)
    assert {e.model: e.mean_rank for e in board.entries} == dict(zip("abc", ranks, strict=True))


def test_full_agreement_and_no_difference_are_the_ends():
    same_order = np.arange(3.0) + np.arange(8.0)[:, None]
    board = leaderboard(long(same_order, "abc"), True)
    assert board.friedman_p == 0.0 and json.dumps(board.to_dict(), allow_nan=False)
    flat = leaderboard(long(np.ones((5, 3)), "abc"), True)
    assert flat.friedman_p == 1.0 and all(p.p == 1.0 for p in flat.pairs)
    assert all(e.scaled_mean is None for e in flat.entries)


def test_models_that_do_not_differ_are_seldom_told_apart():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(60):
        hits += any(p.differ for p in leaderboard(long(rng.normal(size=(12, 4))), True).pairs)
    assert hits <= 9  # at most 5 %: more than 9 of 60 has probability .001


def test_metrics_of_both_directions_need_scaled_differences():
    directions = {f"d{i:02d}": i % 2 == 0 for i in range(14)}
    with pytest.raises(InputError) as error:
        leaderboard(long(DEMSAR), directions)
    assert error.value.argument == "differences"
    assert leaderboard(long(DEMSAR), directions, differences="scaled").datasets == tuple(sorted(directions))


def test_a_missing_cell_is_refused_or_its_dataset_dropped_by_name():
    scores = long(DEMSAR).drop(index=5)
    with pytest.raises(InputError) as error:
        leaderboard(scores, True)
    assert "C4.5+m on d01" in error.value.received
    board = leaderboard(scores, True, missing="drop_datasets")
    assert board.dropped == ("d01",) and len(board.datasets) == 13


@pytest.mark.parametrize(
    "call",
    [
        lambda: leaderboard(long(DEMSAR[:1]), True),
        lambda: leaderboard(long(DEMSAR[:, :1], ["a"]), True),
        lambda: leaderboard(pd.concat([long(DEMSAR)] * 2), True),
        lambda: leaderboard(long(DEMSAR).drop(columns="value"), True),
        lambda: leaderboard(long(DEMSAR), {"d00": True}),
        lambda: leaderboard(long(DEMSAR), True, level=5),
        lambda: leaderboard(long(DEMSAR), True, differences="ranks"),
        lambda: oriented_scores(long(DEMSAR), True, missing="zero"),
        lambda: nemenyi_distance(1, 5),
    ],
)
def test_bad_tables_are_refused(call):
    with pytest.raises(InputError):
        call()


# thesis table 7.2: best unimodal, in-domain and out-domain number of a dataset
THESIS = {
    "mustard": (68.6, 66.3, 71.8), "mosi": (74.2, 83.0, 75.5), "enrico": (47.0, 47.0, 51.0),
    "push": (0.334, 0.290, 0.402), "vision_touch": (0.202, 0.258, 0.185),
}  # fmt: skip
HIGHER = {name: name not in ("push", "vision_touch") for name in THESIS}


def thesis():
    rows = [(d, m, v) for d, values in THESIS.items()
            for m, v in zip(("unimodal:best", f"in_{d}", "elsewhere"), values, strict=True)]  # fmt: skip
    proposed = {**{f"in_{d}": [d] for d in THESIS}, "elsewhere": []}
    return pd.DataFrame(rows, columns=["dataset", "model", "value"]), proposed


def test_published_improvements_of_out_domain_methods():
    scores, proposed = thesis()
    found = {d.dataset: d for d in dataset_domains(scores, proposed, HIGHER)}
    assert found["mustard"].improvement == pytest.approx(0.047, abs=5e-4)  # printed 4.7 %
    assert found["enrico"].improvement == pytest.approx(0.085, abs=5e-4)  # printed 8.5 %
    assert found["vision_touch"].improvement == pytest.approx((0.202 - 0.185) / 0.202)  # an error: relative reduction
    assert found["mosi"].improvement is None and found["mosi"].gain == pytest.approx((75.5 - 83.0) / 83.0)
    assert found["push"].improvement is None and found["push"].gain == pytest.approx((0.290 - 0.402) / 0.290)
    assert (found["mosi"].in_domain, found["mosi"].unimodal_value, found["mosi"].n_out_domain) == ("in_mosi", 74.2, 1)


def test_sides_of_a_method_are_means_of_scaled_scores():
    scores, proposed = thesis()
    elsewhere = next(m for m in model_domains(scores, proposed, HIGHER) if m.model == "elsewhere")
    # (value - worst) / (best - worst) by hand: 1, 1.3 / 8.8, 1, 0, 1
    by_hand = np.array([1.0, 1.3 / 8.8, 1.0, 0.0, 1.0])
    assert elsewhere.out_domain_mean == pytest.approx(by_hand.mean())
    assert elsewhere.out_domain_variance == pytest.approx(by_hand.var(ddof=1))
    assert elsewhere.in_domain_mean is None and elsewhere.n_in_domain == 0


def test_one_sided_tables_have_no_gain():
    scores = pd.DataFrame({"dataset": "d", "model": ["a", "b"], "value": [0.5, 0.6]})
    assert dataset_domains(scores, {"a": [], "b": []}, True)[0].gain is None
    assert dataset_domains(scores, {"a": ["d"], "b": ["d"]}, True)[0].gain is None
    assert dataset_domains(scores, {"a": ["d"], "b": []}, True)[0].gain == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("change", "argument"),
    [
        (lambda p: {k: v for k, v in p.items() if k != "elsewhere"}, "in_domain"),
        (lambda p: {**p, "elsewhere": ["mosei"]}, "in_domain of elsewhere"),
        (lambda p: {**p, "elsewhere": "mosi"}, "in_domain of elsewhere"),
    ],
)
def test_the_assignment_must_name_every_fusion_and_known_datasets(change, argument):
    scores, proposed = thesis()
    for function in (dataset_domains, model_domains):
        with pytest.raises(InputError) as error:
            function(scores, change(proposed), HIGHER)
        assert error.value.argument == argument
    with pytest.raises(InputError):
        dataset_domains(scores, proposed, {"mosi": True})
