"""The BATCH estimator: consistent Sinkhorn, exact gradients, honest classifiers, gates within 0.01 bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm
from worlds import WORLDS, planted, planted_shared, sample, vectors

from mmcore.errors import InputError
from mmcore.information import pid
from mmcore.information.batch.calibration import calibrate
from mmcore.information.batch.classifiers import cross_fit
from mmcore.information.batch.coupling_network import negative_conditional_entropy
from mmcore.information.batch.options import Options
from mmcore.information.batch.polish import polish
from mmcore.information.batch.sinkhorn import couple, match_labels, sinkhorn
from mmcore.information.batch.support import merge_points
from mmcore.information.certificate import upper_bound
from mmcore.information.discretise import fold_units
from mmcore.information.entropy import LN2, entropy, mutual_information

ATOMS = pid.ATOMS
GATES = ("AND", "OR", "XOR", "UNQ1", "RDN")
ROOT = Path(__file__).resolve().parents[3]
QUICK = {"n_seeds": 1, "epochs": 1, "min_steps": 150, "coupling_epochs": 1}


def world(name):
    return next(w for w in WORLDS if w.name == name)


def empirical(i, j, y, shape):
    counts = np.zeros(shape)
    np.add.at(counts, (i, j, y), 1.0)
    return counts / counts.sum()


def targets(n_labels, n1, n2, seed=0, matched=True):
    """Posterior-like log tables of a batch, (L, n1) and (L, n2), as two classifiers would give them."""
    generator = torch.Generator().manual_seed(seed)
    logs = [
        torch.log_softmax(3 * torch.randn(n_labels, n, generator=generator, dtype=torch.float64), dim=0) - np.log(n)
        for n in (n1, n2)
    ]
    prior = torch.log(torch.arange(1.0, n_labels + 1, dtype=torch.float64) / sum(range(1, n_labels + 1)))
    return [match_labels(log_table, prior) for log_table in logs] if matched else logs


@pytest.mark.parametrize(("n_labels", "n1", "n2"), [(2, 2, 2), (2, 64, 64), (5, 30, 50)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0])
def test_consistent_marginals_are_met_to_a_millionth(n_labels, n1, n2, scale):
    log_a, log_b = targets(n_labels, n1, n2)
    theta = scale * torch.randn(n_labels, n1, n2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    q, found = couple(theta, log_a, log_b, tol=1e-9)
    assert found.sweeps < 1000
    mass = log_a.exp().sum(dim=1, keepdim=True)
    assert float(((q.sum(dim=2) - log_a.exp()).abs() / mass).max()) < 1e-6
    assert float(((q.sum(dim=1) - log_b.exp()).abs() / mass).max()) < 1e-6


def test_targets_of_different_mass_are_what_never_converges():
    # the reference implementation's problem: raw posteriors of a batch, capped at 500 sweeps
    log_a, log_b = targets(2, 64, 64, matched=False)
    mismatch = float(((log_a.exp().sum(dim=1) - log_b.exp().sum(dim=1)).abs() / log_a.exp().sum(dim=1)).max())
    assert mismatch > 0.01
    found = sinkhorn(torch.zeros(2, 64, 64, dtype=torch.float64), log_a, log_b, max_sweeps=500, tol=1e-9)
    assert found.sweeps == 500
    assert found.violation == pytest.approx(mismatch, rel=1e-6)


def test_the_projection_keeps_every_odds_ratio():
    # u + v cancel in theta_ij + theta_kl - theta_il - theta_kj: with the marginals this characterises the projection
    log_a, log_b = targets(3, 6, 5)
    theta = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    q, _ = couple(theta, log_a, log_b, tol=1e-13)

    def odds(x):
        return x[:, 1:, 1:] + x[:, :-1, :-1] - x[:, 1:, :-1] - x[:, :-1, 1:]

    assert torch.allclose(odds(q.log()), odds(theta), atol=1e-9)


def test_a_label_without_mass_at_a_point_gets_none():
    a = torch.tensor([[0.25, 0.25, 0.0], [0.0, 0.25, 0.25]], dtype=torch.float64)
    q, found = couple(torch.randn(2, 3, 3, dtype=torch.float64), a.log(), a.log(), tol=1e-12)
    assert found.violation <= 1e-12
    assert torch.isfinite(q).all()
    assert float(q[0, 2].sum()) == 0.0


def test_the_implicit_gradient_is_that_of_finite_differences_and_of_unrolled_sweeps():
    log_a, log_b = targets(2, 4, 3)
    theta = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: couple(t, log_a, log_b, tol=1e-14)[0], (theta,))
    upstream = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    implicit = torch.autograd.grad((couple(theta, log_a, log_b, tol=1e-14)[0] * upstream).sum(), theta)[0]
    v = torch.zeros_like(log_b)
    for _ in range(200):
        u = log_a - torch.logsumexp(theta + v[:, None, :], dim=2)
        v = log_b - torch.logsumexp(theta + u[:, :, None], dim=1)
    unrolled = torch.autograd.grad(((theta + u[:, :, None] + v[:, None, :]).exp() * upstream).sum(), theta)[0]
    assert torch.allclose(implicit, unrolled, atol=1e-10)


def test_the_objective_is_the_information_of_the_coupling():
    q = np.random.default_rng(0).dirichlet(np.ones(24)).reshape(3, 4, 2)  # labels last
    value = float(negative_conditional_entropy(torch.from_numpy(q).permute(2, 0, 1)))
    information = mutual_information(q.reshape(-1, 2))
    assert entropy(q.sum(axis=(0, 1))) + value / LN2 == pytest.approx(information, abs=1e-12)
    tensor = torch.from_numpy(q).permute(2, 0, 1).clone().requires_grad_()
    assert torch.autograd.gradcheck(_plain_objective, (tensor,))
    plain = torch.autograd.grad(_plain_objective(tensor), tensor)[0]
    ours = torch.autograd.grad(negative_conditional_entropy(tensor), tensor)[0]
    assert torch.allclose(plain, ours, atol=1e-12)


def _plain_objective(q):
    return (q * (q / q.sum(dim=0, keepdim=True)).log()).sum()


def test_calibrated_posteriors_have_the_label_shares_and_their_entropy_is_the_log_loss():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 2000)
    logits = 6 * np.eye(3)[labels] + 5 * generator.normal(size=(2000, 3)) + [2.0, 0.0, -1.0]
    found = calibrate(logits, labels)
    p = np.exp(found.log_posterior)
    assert p.mean(axis=0) == pytest.approx(np.bincount(labels) / 2000, abs=1e-5)
    assert found.log_loss == pytest.approx(float(-(p * found.log_posterior).sum(axis=1).mean()), abs=1e-5)
    raw = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert found.log_loss < -raw[np.arange(2000), labels].mean()


def test_a_classifier_worse_than_none_is_replaced_by_the_label_shares():
    labels = np.array([0] * 60 + [1] * 20)
    wrong = 3.0 * np.eye(2)[1 - labels]
    found = calibrate(wrong, labels)
    assert found.temperature == 0.0
    assert np.exp(found.log_posterior) == pytest.approx(np.tile([0.75, 0.25], (80, 1)), abs=1e-12)


def held_out_information(x, labels, folds):
    logits, _ = cross_fit(x, labels, folds, 2, Options(n_seeds=1, epochs=1), seed=0, name="x")
    return entropy(np.bincount(labels) / len(labels)) - calibrate(logits[0], labels).log_loss / LN2


def test_no_row_is_scored_by_a_network_that_saw_its_group():
    # a label constant within each group and unrelated across them: only memory of the group could tell it
    generator = np.random.default_rng(0)
    group = np.repeat(np.arange(30), 10)
    labels = np.arange(30)[generator.permutation(30)][group] % 2
    x = generator.normal(size=(30, 20))[group] + 0.05 * generator.normal(size=(300, 20))
    assert held_out_information(x, labels, fold_units(None, 300, 5, seed=0)) > 0.7
    assert held_out_information(x, labels, fold_units(group, 300, 5, seed=0)) < 0.1


def test_merged_points_lose_little_and_never_gain():
    generator = np.random.default_rng(0)
    table = generator.dirichlet(np.ones(3), size=5000) / 5000
    mass = table.sum(axis=1)
    full = mutual_information(table)
    lost = []
    for size in (20, 200, 5000):
        cells = merge_points(np.sqrt(table / mass[:, None]), mass, size)
        assert len(np.unique(cells)) == size
        merged = np.stack([np.bincount(cells, column) for column in table.T], axis=1)
        lost.append(full - mutual_information(merged))
    assert lost[0] > lost[1] > 0
    assert lost[1] < 0.01
    assert abs(lost[2]) < 1e-12


@pytest.mark.parametrize("shape", [(4, 4, 2), (5, 3, 3), (6, 6, 5)])
def test_polished_bounds_enclose_the_certified_union(shape):
    p = np.random.default_rng(0).dirichlet(np.full(np.prod(shape), 0.4), size=4).reshape(4, *shape)
    a, b = p.sum(axis=2), p.sum(axis=1)
    start = torch.from_numpy(p.sum(axis=3))
    found = polish(start, a, b, max_steps=2000, tol=1e-5)
    for k, exact in enumerate(pid.decompose_many(p)):
        assert found.lower[k] <= exact.union_upper + 1e-9
        assert found.upper[k] >= exact.union_lower - 1e-9
        assert found.upper[k] - exact.union_upper < 2e-3
        assert found.upper[k] <= upper_bound(p[k], a[k], b[k]) + 1e-12  # never worse than where it started


@pytest.mark.parametrize("name", ["AND", "XOR"])
def test_a_gate_is_within_a_hundredth_of_a_bit(name):
    i, j, y = sample(world(name).p, 4096, 0)
    exact = pid.decompose(empirical(i, j, y, world(name).p.shape))
    found = pid.estimate(i, j, y, method="batch", seed=0, n_seeds=2, epochs=15, coupling_epochs=2)
    for atom in ATOMS:
        assert found.atoms[atom] == pytest.approx(getattr(exact, atom), abs=0.01)
    assert found.status == "estimated"
    assert found.gap is None
    assert found.diagnostics["max_marginal_violation"] <= 1e-6
    assert found.diagnostics["support"] == [2, 2]
    assert found.information1 >= -1e-12
    assert found.total == pytest.approx(entropy(np.bincount(y) / 4096), abs=0.005)  # the label is a function of both


def test_networks_alone_come_near_and_stay_above():
    w = world("AND")
    i, j, y = sample(w.p, 4096, 1)
    found = pid.estimate(i, j, y, method="batch", n_seeds=1, epochs=15, coupling_epochs=4, polish=False)
    assert found.union_upper == pytest.approx(found.diagnostics["union_network"][0])
    assert found.union_lower <= found.union_upper
    exact = pid.decompose(empirical(i, j, y, w.p.shape))
    assert found.synergy == pytest.approx(exact.synergy, abs=0.01)
    assert found.iterations == 0


def rows(n, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, n)
    return generator.normal(size=(n, 2)) + y[:, None], generator.normal(size=(n, 3)) - y[:, None], y


def test_the_same_seed_gives_the_same_bytes_and_nothing_global_moves():
    x1, x2, y = rows(80)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    options = {**QUICK, "n_seeds": 2, "n_boot": 3, "n_null": 1, "groups": np.arange(80) % 16}
    first, again = (pid.estimate(x1, x2, y, method="batch", seed=3, **options) for _ in range(2))
    assert json.dumps(first.to_dict()) == json.dumps(again.to_dict())
    assert pid.PID.from_dict(json.loads(json.dumps(first.to_dict()))).atoms == first.atoms
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    other = pid.estimate(x1, x2, y, method="batch", seed=4, **QUICK)
    assert other.atoms != first.atoms
    assert first.diagnostics["n_groups"] == 16
    assert first.diagnostics["spread"]["synergy"] > 0
    assert len(first.null["synergy"]) == 1
    assert set(first.interval) == set(ATOMS)


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (30, {}),
        (61, {"batch_size": 1000, "coupling_batch": 1000}),
        (131, {"batch_size": 64, "coupling_batch": 65, "max_support": 20}),
    ],
)
def test_few_rows_large_batches_and_partial_ones(n, options):
    found = pid.estimate(*rows(n), method="batch", **QUICK, **options)
    assert all(np.isfinite(list(found.atoms.values())))
    assert min(found.unique1, found.unique2) >= -1e-9
    assert found.union_lower <= found.union_upper
    assert found.diagnostics["support"] == [min(n, options.get("max_support", 256))] * 2
    assert found.diagnostics["max_marginal_violation"] <= 1e-6


def test_unrelated_labels_give_nothing_and_the_null_agrees():
    generator = np.random.default_rng(0)
    x1, x2 = generator.normal(size=(2, 200, 3))
    found = pid.estimate(x1, x2, generator.integers(0, 2, 200), method="batch", **QUICK, n_null=1)
    for atom in ATOMS:
        assert abs(found.atoms[atom]) < 0.05
        assert max(map(abs, found.null[atom])) < 0.05


def test_swapping_the_sources_swaps_the_unique_atoms():
    i, j, y = sample(world("NOISY_UNQ1").p, 2000, 0)
    first = pid.estimate(i, j, y, method="batch", **QUICK)
    second = pid.estimate(j, i, y, method="batch", **QUICK)
    assert first.unique1 > 0.4
    assert second.unique2 == pytest.approx(first.unique1, abs=0.005)
    assert second.unique1 == pytest.approx(first.unique2, abs=0.005)
    assert second.redundancy == pytest.approx(first.redundancy, abs=0.005)


def test_the_interval_of_a_gate_holds_its_truth():
    i, j, y = sample(world("AND").p, 1500, 0)
    found = pid.estimate(i, j, y, method="batch", **QUICK, n_boot=40)
    for atom, truth in world("AND").atoms.items():
        low, high = found.interval[atom]
        assert low - 0.005 <= truth <= high + 0.005
        assert high - low < 0.15
    low, high = found.interval["redundancy"]
    assert high - low > 0.01


X1, X2, Y = rows(60)


@pytest.mark.parametrize(
    ("y", "options", "argument"),
    [
        (Y, {"epoch": 3}, "option of method 'batch'"),
        (Y, {"n_folds": 2}, "n_folds"),
        (Y, {"n_seeds": 0}, "n_seeds"),
        (Y, {"learning_rate": float("nan")}, "learning_rate"),
        (Y, {"polish": "yes"}, "polish"),
        (Y, {"level": 95}, "level"),
        (Y, {"n_boot": 1}, "n_boot"),
        (Y, {"n_null": -1}, "n_null"),
        (Y, {"device": "abacus"}, "device"),
        (Y, {"groups": np.arange(60) % 2}, "groups"),
        (np.r_[np.zeros(58), 1, 1].astype(int), {}, "y"),
        (Y[:50], {}, "y"),
    ],
)
def test_bad_input_is_named(y, options, argument):
    with pytest.raises(InputError) as caught:
        pid.estimate(X1, X2, y, method="batch", **options)
    assert caught.value.argument == argument
    assert caught.value.remedy


MEASURE = """
import json, resource, sys, time
import numpy as np, scipy.special, torch
from mmcore.information import pid
import mmcore.information.batch.estimate
torch.set_num_threads(1)
i, j, y = np.load(sys.argv[1])
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
found = pid.estimate(i, j, y, method="batch", seed=int(sys.argv[2]))
cpu, after = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"atoms": found.atoms, "cpu": cpu, "megabytes": (after - before) / 1024}))
"""


def measured(name, seed, folder):
    w = world(name)
    i, j, y = sample(w.p, 4096, seed)
    np.save(folder / "rows.npy", np.stack([i, j, y]))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder / "rows.npy"), str(seed)],
        capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | threads,
    )  # fmt: skip
    return json.loads(run.stdout), pid.decompose(empirical(i, j, y, w.p.shape))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", GATES)
def test_gates_are_exact_to_a_hundredth_in_ten_seconds_and_a_hundred_megabytes(name, seed, tmp_path):
    found, exact = measured(name, seed, tmp_path)
    for atom in ATOMS:
        assert found["atoms"][atom] == pytest.approx(getattr(exact, atom), abs=0.01)
    assert found["cpu"] < 10
    assert found["megabytes"] < 100


def gaussian_table(means1, means2, n_bins):
    edges = np.linspace(-8, 8, n_bins + 1)
    first, second = (np.stack([np.diff(norm.cdf(edges, mean)) for mean in means]) for means in (means1, means2))
    p = np.einsum("yi,yj->ijy", first, second)
    return p / p.sum()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("means1", "means2"),
    [((-1.0, 1.0), (-1.0, 1.0)), ((-1.4, 1.4), (-0.5, 0.5)), ((-2.0, 0.0, 2.0), (0.0, 2.0, -1.0))],
)
def test_gaussian_mixtures_come_within_sampling_error(means1, means2):
    # thesis section 3.3.1; truth by fine bins. The spread of an atom over samples of 4,096 rows is about 0.015 bit.
    exact = pid.decompose(gaussian_table(means1, means2, 200 if len(means1) == 2 else 100), tol=1e-6)
    errors = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        y = generator.integers(0, len(means1), 4096)
        x1, x2 = (generator.normal(size=4096) + np.array(means)[y] for means in (means1, means2))
        found = pid.estimate(x1, x2, y, method="batch", seed=seed)
        assert found.union_upper - found.union_lower < 2e-3
        errors.append([found.atoms[atom] - getattr(exact, atom) for atom in ATOMS])
    assert np.abs(errors).max() < 0.05
    assert np.abs(np.mean(errors, axis=0)).max() < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("w", [planted(), planted_shared()], ids=lambda w: w.name)
def test_planted_worlds_of_many_labels_are_recovered(w):
    i, j, y = sample(w.p, 8000, 0)
    found = pid.estimate(vectors(i, w.p.shape[0], 1), vectors(j, w.p.shape[1], 2), y, method="batch", seed=0)
    for atom, truth in w.atoms.items():
        assert found.atoms[atom] == pytest.approx(truth, abs=0.025)
