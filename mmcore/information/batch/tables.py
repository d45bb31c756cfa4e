"""From held-out logits to the tables p(x1, y), p(x2, y) of the support, and from a union information to atoms.

    a_iy = sum over the rows n of cell i of w_n p(y|x1_n),  rescaled per label to the share of the label

Both tables of a restart then have the same label masses to rounding, whatever the weights of the rows. Calibration
makes the factor of that rescaling one but for its small ridge, see `calibration`. I(X1,X2;Y) is H(Y) less the held-out
log loss of the joint classifier; a table over pairs of points is never formed.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mmcore.information.batch.calibration import calibrate
from mmcore.information.entropy import LN2, entropy, mutual_information

Float = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Tables:
    """Tables (S, m1, L) and (S, m2, L) on the cells, joint information (S,) in bits, and log losses (3, S) in nats."""

    a: Float
    b: Float
    both: Float
    log_losses: Float


def _table(log_posterior: Float, cells: Codes, n_cells: int, weights: Float, prior: Float) -> Float:
    """Return the table (m, L) of the cells, its label masses those of the prior."""
    p = np.exp(log_posterior) * weights[:, None]
    table = np.stack([np.bincount(cells, column, n_cells) for column in p.T], axis=1)
    mass = table.sum(axis=0)
    return np.asarray(table * np.divide(prior, mass, out=np.zeros_like(prior), where=mass > 0))


def calibrated_tables(
    logits: tuple[Float, Float, Float], cells: tuple[Codes, Codes], labels: Codes, weights: Float
) -> Tables:
    """Return the calibrated tables of each restart.

    Args:
        logits: held-out logits (S, N, L) of the first source, the second, and both together.
        cells: point of the support (N,) of each row, for either source.
        labels: codes (N,); weights: how often each row counts (N,).

    Example:
        >>> labels = np.array([0, 0, 1, 1])
        >>> logits = np.array([[[4.0, -4.0], [4.0, -4.0], [-4.0, 4.0], [-4.0, 4.0]]])
        >>> found = calibrated_tables((logits, logits, logits), (labels, labels), labels, np.ones(4))
        >>> found.a[0].round(1).tolist()
        [[0.5, 0.0], [0.0, 0.5]]
    """
    n_seeds, n_classes = logits[0].shape[0], logits[0].shape[2]
    prior = np.bincount(labels, weights, n_classes) / weights.sum()
    sizes = [int(cell.max()) + 1 for cell in cells]
    tables: tuple[list[Float], list[Float]] = ([], [])
    losses = np.empty((3, n_seeds))
    for seed in range(n_seeds):
        for k in range(3):
            found = calibrate(logits[k][seed], labels, weights)
            losses[k, seed] = found.log_loss
            if k < 2:
                tables[k].append(_table(found.log_posterior, cells[k], sizes[k], weights, prior))
    return Tables(np.stack(tables[0]), np.stack(tables[1]), entropy(prior) - losses[2] / LN2, losses)


def atoms_of(tables: Tables, union: Float) -> Float:
    """Return the atoms (S, 4) in bits, in the order of ATOMS, given the union information (S,)."""
    first = np.array([mutual_information(table) for table in tables.a])
    second = np.array([mutual_information(table) for table in tables.b])
    return np.stack([first + second - union, union - second, union - first, tables.both - union], axis=1)
