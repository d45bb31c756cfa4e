"""Atoms from rows by classifiers and neural couplings: the BATCH estimator, faithful and repaired.

    a = p(x1) p(y|x1),  b = p(x2) p(y|x2)  from cross-fitted classifiers;    q = Sinkhorn(exp(f_1 f_2^T); a, b)
    I_union <= I_q(X1,X2;Y),    R = I1 + I2 - I_union,  U1 = I_union - I2,  U2 = I_union - I1,  S = I12 - I_union

Reference: Liang et al. (2023), thesis section 3.2.2. What is repaired: the modules `classifiers`, `calibration`,
`sinkhorn`, `coupling_network`, `support` and `polish` each say where they depart. In short: rows are scored by networks
that never saw them; all tables share their label masses, so the Sinkhorn problem has a solution; no graph over sweeps;
symmetric in the sources; the coupling is evaluated once on one large weighted support rather than averaged over
batches; several restarts, whose mean is returned and whose spread is in the diagnostics; atoms raw, never clipped.

What the numbers are: I1, I2 and I12 are H(Y) less a held-out log loss, so up to the small error of the sample they are
too low where the classifiers miss something, I12 and with it synergy most. Given the tables, `union_upper` is the
information of a feasible coupling and `union_lower` a dual value, so I_union of the tables lies between; neither bounds
the I_union of the population, from which classifier error separates them. Unique atoms are non-negative up to rounding;
redundancy and synergy can be negative, and a negative synergy says that the joint classifier lags behind.
Counting symbols instead is biased upwards by about (cells - 1) / (2 N ln 2) bits, which held-out losses are not: with
many symbols the two differ by about that much.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmcore.errors import InputError, counted
from mmcore.information.atoms import ATOMS, PID
from mmcore.information.batch.calibration import calibrate
from mmcore.information.batch.classifiers import cross_fit, standardised
from mmcore.information.batch.coupling_network import Encoders, train_encoders
from mmcore.information.batch.options import Options, read_options
from mmcore.information.batch.polish import polish
from mmcore.information.batch.sinkhorn import match_labels, sinkhorn
from mmcore.information.batch.support import distinct_rows, merge_points, representatives
from mmcore.information.batch.tables import Tables, atoms_of, calibrated_tables
from mmcore.information.certificate import round_to_tables, upper_bound
from mmcore.information.discretise import fold_units
from mmcore.information.entropy import LN2, entropy, mutual_information
from mmcore.information.interval import CORRECTION_DRAWS, corrected, interval, p_values
from mmcore.information.resampling import bootstrap_rows, permuted_labels
from mmcore.information.samples import Samples, TooFewRows, check_samples
from mmcore.seeds import stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_BOOTSTRAP_STEPS = 100
_UNIFORM_SHARE = 0.01  # of the independent coupling in the start of the polish: a pair without mass would stay without


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    # How many threads share a sum decides its last bits, and small products are slower on many.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclasses.dataclass(frozen=True)
class _Fitted:
    """What resamples need: held-out logits (S, N, L) of x1, x2 and both, cells (N,), pair masses (S, m1, m2)."""

    logits: tuple[Float, Float, Float]
    cells: tuple[Codes, Codes]
    pairs: torch.Tensor


def _source(logits: Float, x: Float, labels: Codes, options: Options) -> tuple[Codes, Codes, Float, Codes]:
    """Return cell (N,), representative rows (m,), log table (S, L, K) of the distinct rows, and their places (K,)."""
    unit, first = distinct_rows(x)
    log_p = np.stack([calibrate(scores, labels).log_posterior for scores in logits])
    mass = np.bincount(unit) / len(unit)
    p = np.exp(log_p)
    table = np.stack([[np.bincount(unit, column) for column in rows.T] for rows in p]) / len(unit)  # (S, L, K)
    points = np.sqrt(table / mass).reshape(-1, len(first)).T
    cell = merge_points(points, mass, options.max_support)
    return cell[unit], first[representatives(points, mass, cell)], np.log(np.maximum(table, 1e-300)), first


def _fit(samples: Samples, options: Options, seed: int) -> tuple[_Fitted, Tables, dict[str, Any]]:
    """Train everything; return what resamples need, the tables, and what to record."""
    labels, n_classes = samples.labels, samples.n_classes
    folds = fold_units(samples.groups, len(labels), options.n_folds, seed=seed)
    sources = (samples.x1, samples.x2, np.concatenate([standardised(samples.x1), standardised(samples.x2)], axis=1))
    fits = [
        cross_fit(x, labels, folds, n_classes, options, seed=seed, name=name)
        for x, name in zip(sources, ("x1", "x2", "both"))
    ]
    logits = (fits[0][0], fits[1][0], fits[2][0])
    device = torch.device(options.device)
    like = torch.zeros(1, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
    log_prior = torch.from_numpy(np.log(np.bincount(labels) / len(labels))).to(like)
    cells, inputs, tables, points = [], [], [], []
    for x, scores in zip(sources[:2], logits[:2]):
        cell, chosen, log_table, first = _source(scores, x, labels, options)
        z = standardised(x).astype(np.float32)
        cells.append(cell)
        inputs.append(torch.from_numpy(z[first]).to(device))
        points.append(torch.from_numpy(z[chosen]).to(device))
        tables.append(match_labels(torch.from_numpy(log_table).to(like), log_prior))
    generator = torch.Generator().manual_seed(stream_seed(seed, "encoders"))
    encoders = train_encoders(inputs[0], inputs[1], tables[0], tables[1], log_prior, len(labels), options, generator)
    pair_of_cells = (cells[0], cells[1])
    on_cells = calibrated_tables(logits, pair_of_cells, labels, np.ones(len(labels)))
    pairs, record = _evaluate(encoders, points[0], points[1], on_cells, options)
    record["classifier_steps"] = [steps for _, steps in fits]
    record["coupling_steps"] = encoders.steps
    record["sinkhorn_sweeps_in_training"] = encoders.mean_sweeps
    record["distinct_rows"] = [len(found) for found in inputs]
    record["n_folds"] = int(folds.max()) + 1
    return _Fitted(logits, pair_of_cells, pairs), on_cells, record


@torch.no_grad()
def _evaluate(
    encoders: Encoders, x1: torch.Tensor, x2: torch.Tensor, tables: Tables, options: Options
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return the pair masses (S, m1, m2) of the networks' coupling on the support, and how well it meets the tables."""
    theta = encoders.logits(x1, x2)  # (S, L, m1, m2)
    with np.errstate(divide="ignore"):
        log_a, log_b = (torch.from_numpy(np.log(t).swapaxes(1, 2).copy()).to(theta) for t in (tables.a, tables.b))
    pairs, violations, sweeps, upper = [], [], [], []
    for k in range(len(theta)):  # one restart after another keeps memory small
        found = sinkhorn(theta[k], log_a[k], log_b[k], max_sweeps=options.sinkhorn_sweeps, tol=options.sinkhorn_tol)
        q = (theta[k] + found.u.unsqueeze(-1) + found.v.unsqueeze(-2)).exp().permute(1, 2, 0).cpu().double().numpy()
        upper.append(float(upper_bound(q, tables.a[k], tables.b[k])))
        violations.append(found.violation)
        sweeps.append(found.sweeps)
        mass = round_to_tables(q, tables.a[k], tables.b[k]).sum(axis=2)
        pairs.append(torch.from_numpy(mass).to(theta))
    record = {
        "union_network": upper,
        "max_marginal_violation": max(violations),
        "sinkhorn_sweeps": sweeps,
        "support": [len(x1), len(x2)],
    }
    return torch.stack(pairs), record


def _union(
    fitted: _Fitted, tables: Tables, options: Options, network: list[float]
) -> tuple[Float, Float, int, torch.Tensor]:
    """Return upper and lower bounds (S,) in bits, the steps of the polish, and the pair masses reached."""
    independent = fitted.pairs.sum(dim=-1, keepdim=True) * fitted.pairs.sum(dim=-2, keepdim=True)
    start = (1.0 - _UNIFORM_SHARE) * fitted.pairs + _UNIFORM_SHARE * independent
    steps = options.polish_steps if options.polish else 1
    done = polish(start, tables.a, tables.b, max_steps=steps, tol=options.tol)
    upper = np.minimum(done.upper, network) if options.polish else np.array(network)
    return upper, done.lower, done.steps if options.polish else 0, done.pairs


def _bootstrap(fitted: _Fitted, samples: Samples, n_boot: int, options: Options, seed: int) -> Float:
    """Return the atoms (n_boot, 4) of resampled rows, networks held fixed, calibration and coupling adjusted."""
    draws, n_rows = [], len(samples.labels)
    steps = _BOOTSTRAP_STEPS if options.polish else 1
    for rows in bootstrap_rows(n_rows, samples.groups, n_boot, seed=seed):
        weights = np.bincount(rows, minlength=n_rows).astype(np.float64)
        tables = calibrated_tables(fitted.logits, fitted.cells, samples.labels, weights)
        done = polish(fitted.pairs, tables.a, tables.b, max_steps=steps, tol=options.tol)
        draws.append(atoms_of(tables, done.upper).mean(axis=0))
    return np.array(draws).reshape(-1, len(ATOMS))


def _null(samples: Samples, n_null: int, options: Options, seed: int) -> Float:
    """Return the atoms (n_null, 4) of permuted labels, everything fitted again with one restart."""
    once = dataclasses.replace(options, n_seeds=1)
    draws = []
    for number, labels in enumerate(permuted_labels(samples.labels, samples.groups, n_null, seed=seed)):
        permuted = dataclasses.replace(samples, labels=labels)
        fitted, tables, record = _fit(permuted, once, stream_seed(seed, "null", number))
        upper, _, _, _ = _union(fitted, tables, once, record["union_network"])
        draws.append(atoms_of(tables, upper).mean(axis=0))
    return np.array(draws).reshape(-1, len(ATOMS))


def _check(samples: Samples, n_boot: int, n_null: int, options: Options) -> None:
    for name, value in (("n_boot", n_boot), ("n_null", n_null)):
        if not isinstance(value, (int, np.integer)) or value < 0 or (name == "n_boot" and value == 1):
            raise InputError(name, value, "0, or an integer >= 2", "Pass for example 200; a null refits for each.")
    smallest = int(np.bincount(samples.labels).min())
    if smallest < options.n_folds:
        received = f"{smallest} rows of the rarest class"
        allowed = f"at least {options.n_folds}, one a fold"
        raise TooFewRows("y", received, allowed, "Collect more rows, merge rare classes, or ask for fewer folds.")
    n_groups = None if samples.groups is None else int(samples.groups.max()) + 1
    if n_groups is not None and n_groups < 3:
        allowed = "at least three groups: to train on, to stop on, to score"
        raise InputError("groups", counted(n_groups, "group"), allowed, "Group by a finer unit, or leave groups out.")
    try:
        torch.zeros(1, device=options.device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA raises the second
        reason = str(error).splitlines()[0]
        raise InputError("device", options.device, "a device that torch has", f"Use 'cpu' ({reason}).") from error


def estimate(
    x1: Any,
    x2: Any,
    y: Any,
    *,
    groups: Any = None,
    seed: int = 0,
    n_boot: int = 0,
    n_null: int = 0,
    **options: Any,
) -> PID:
    """Return the decomposition by cross-fitted classifiers and neural couplings, in bits; status "estimated".

    Args:
        x1, x2: features (N, ...); numbers, or one column of names.
        y: N class labels.
        groups: N names of the leakage unit: no network scores a row of a group that it was trained on.
        seed: of folds, networks, batches, resamples and permutations; the same seed gives the same bytes on a CPU.
        n_boot: resamples of rows or groups, networks held fixed and calibration fitted again: what the networks would
            have learned from other rows is not in `.interval`. With 0 some tens are drawn of one restart, for
            `.corrected` alone.
        n_null: permutations of the labels (within groups where there are any), each fitted again by one restart: a null
            costs about `n_null / n_seeds` estimates, so some tens are what one can afford.
        options: see `options.Options`.

    Diagnostics: rows, groups, folds; `spread` of each atom over the restarts (standard deviation), `union_network`
    (each restart's value before the polish), `union_upper`, `union_lower` of each restart, the largest error of a
    marginal, sweeps, steps, log losses (nats), points of the support, `support_loss` (bits of each source's held-out
    information that merging rows into points and averaging over folds lost), device.

    Raises:
        InputError: for rows that cannot be used, a class rarer than the folds, fewer than three groups, a device that
            torch lacks, an unknown option.

    Reference: Liang et al. 2023, thesis section 3.2.2; departures in the module's first lines.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> x1, x2 = generator.integers(0, 2, (2, 400))
        >>> estimate(x1, x2, x1 ^ x2, n_seeds=1, epochs=1).synergy > 0.95
        True
    """
    chosen = read_options(options)
    samples = check_samples(x1, x2, y, groups)
    _check(samples, n_boot, n_null, chosen)
    with _one_thread():
        fitted, tables, record = _fit(samples, chosen, seed)
        upper, lower, steps, pairs = _union(fitted, tables, chosen, record["union_network"])
        by_restart = atoms_of(tables, upper)
        # for a correction alone one restart will do: it shows the bias of all at a fraction of the cost
        kept = slice(None) if n_boot else slice(1)
        first, second, both = (logits[kept] for logits in fitted.logits)
        some = _Fitted((first, second, both), fitted.cells, pairs[kept])
        draws = _bootstrap(some, samples, n_boot or CORRECTION_DRAWS, chosen, seed)
        null = _null(samples, n_null, chosen, seed)
    record |= _diagnostics(samples, tables, by_restart, upper, lower, chosen)
    raw, shown = by_restart.mean(axis=0), by_restart[kept].mean(axis=0)
    record |= {"n_boot": n_boot, "correction_draws": len(draws), "n_null": n_null}
    record |= {"p_values": p_values(raw, null)} if n_null else {}
    ends = interval(raw, draws, chosen.level).tolist() if n_boot else []
    return PID(
        **dict(zip(ATOMS, raw.tolist())),
        union_lower=float(lower.mean()),
        union_upper=float(upper.mean()),
        status="estimated",
        solver="sinkhorn+projections" if chosen.polish else "sinkhorn",
        iterations=steps,
        method="batch",
        seed=seed,
        corrected=dict(zip(ATOMS, (raw + corrected(shown, draws) - shown).tolist())),
        interval={name: (low, high) for name, (low, high) in zip(ATOMS, ends)} if n_boot else None,
        null={name: tuple(null[:, k].tolist()) for k, name in enumerate(ATOMS)} if n_null else None,
        draws=draws if n_boot else None,
        diagnostics=record,
    )


def _diagnostics(
    samples: Samples, tables: Tables, atoms: Float, upper: Float, lower: Float, options: Options
) -> dict[str, Any]:
    label_entropy = entropy(np.bincount(samples.labels) / len(samples.labels))
    held_out = label_entropy - tables.log_losses[:2] / LN2
    on_cells = np.array([[mutual_information(table) for table in group] for group in (tables.a, tables.b)])
    return {
        "n_rows": len(samples.labels),
        "n_groups": None if samples.groups is None else int(samples.groups.max()) + 1,
        "n_classes": samples.n_classes,
        "n_seeds": options.n_seeds,
        "spread": dict(zip(ATOMS, atoms.std(axis=0).tolist())),
        "union_upper": upper.tolist(),
        "union_lower": lower.tolist(),
        "log_loss": dict(zip(("x1", "x2", "both"), tables.log_losses.mean(axis=1).tolist())),
        "support_loss": (held_out - on_cells).mean(axis=1).tolist(),
        "polish": bool(options.polish),
        "level": options.level,
        "device": str(torch.device(options.device)),
    }
