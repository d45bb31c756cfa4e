"""Cross-fitted classifiers p(y|x): every row is scored by networks that saw neither it nor its group.

    logits of a row of fold f  <-  network trained on the folds other than f and f+1, stopped on fold f+1

Reference: the unimodal classifiers of BATCH (Liang et al. 2023, thesis section 3.2.2); cross-fitting as in Chernozhukov
et al. (2018). Departures on purpose: the reference scores the rows that it trained on, for a fixed number of epochs.
Here all folds and restarts train side by side as one stack; the best state on the stopping fold is kept; equal rows are
trained on once, weighted by their label counts, which is the same loss for a fraction of the work; the last partial
batch is kept. Columns are standardised over all rows, which uses no label.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmcore.information.batch.networks import Adam, Perceptrons, build
from mmcore.information.batch.options import Options
from mmcore.information.batch.support import distinct_rows
from mmcore.seeds import stream_seed

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_PATIENCE = 8  # looks at the stopping fold without a better one
_CHUNK = 4096


@dataclasses.dataclass(frozen=True)
class _Part:
    """Rows of each fold's network, equal ones together: `index` (F, K) and label counts (F, K, L), padded by zeros."""

    index: Tensor
    counts: Tensor


def standardised(x: Float) -> Float:
    """Return the columns of `x` (N, d) that vary, with mean zero and unit variance.

    Example:
        >>> standardised(np.array([[0.0, 5.0], [2.0, 5.0]])).tolist()
        [[-1.0], [1.0]]
    """
    x = x[:, np.ptp(x, axis=0) > 0]
    # divided by the range first, so that the square of a huge column stays finite
    x = x / np.abs(x).max(axis=0)
    return np.asarray((x - x.mean(axis=0)) / x.std(axis=0))


def _part(unit: Codes, labels: Codes, chosen: list[NDArray[np.bool_]], n_classes: int, x: Tensor) -> _Part:
    tables = [
        np.bincount(unit[rows] * n_classes + labels[rows], minlength=len(x) * n_classes).reshape(-1, n_classes)
        for rows in chosen
    ]
    kept = [np.flatnonzero(table.sum(axis=1)) for table in tables]
    longest = max(map(len, kept))
    index = np.zeros((len(kept), longest), dtype=np.int64)
    counts = np.zeros((len(kept), longest, n_classes))
    for k, (places, table) in enumerate(zip(kept, tables)):
        index[k, : len(places)], counts[k, : len(places)] = places, table[places]
    return _Part(torch.from_numpy(index).to(x.device), torch.from_numpy(counts).to(x))


def _loss(networks: Perceptrons, x: Tensor, part: _Part, n_seeds: int) -> Tensor:
    """Return the summed log loss (S F,) of each network on its part, nats."""
    n_folds = len(part.index)
    rows = x[part.index].expand(n_seeds, *part.index.shape, x.shape[1]).reshape(n_seeds * n_folds, -1, x.shape[1])
    log_p = torch.log_softmax(networks(rows), dim=-1).view(n_seeds, *part.counts.shape)
    return -(log_p * part.counts).sum(dim=(-2, -1)).view(-1)


def _slices(part: _Part, size: int, order: Tensor | None = None) -> Iterator[_Part]:
    index, counts = part.index, part.counts
    if order is not None:
        index, counts = index[:, order], counts[:, order]
    for start in range(0, index.shape[1], size):
        yield _Part(index[:, start : start + size], counts[:, start : start + size])


def _train(
    networks: Perceptrons,
    x: Tensor,
    parts: tuple[_Part, _Part],
    n_rows: int,
    options: Options,
    generator: torch.Generator,
) -> int:
    """Train in place, keep each network's best state on its stopping part; return the steps taken."""
    train, stop = parts
    optimiser, seeds = Adam(networks.parameters, options.learning_rate), options.n_seeds
    total = train.counts.sum(dim=(-2, -1)).repeat(seeds)
    length = train.index.shape[1]
    n_batches = -(-length // options.batch_size)
    limit = max(options.min_steps, options.epochs * -(-n_rows // options.batch_size))
    look = max(n_batches, limit // 40)
    best = torch.full_like(total, torch.inf)
    kept = [tensor.detach().clone() for tensor in networks.parameters]
    steps, stale = 0, 0
    while steps < limit and stale < _PATIENCE:
        order = torch.randperm(length, generator=generator).to(x.device) if n_batches > 1 else None
        for batch in _slices(train, options.batch_size, order):
            loss = _loss(networks, x, batch, seeds) * (n_batches / total)
            optimiser.step(loss.sum())
            steps += 1
            if steps % look == 0 or steps == limit:
                better = _keep_best(networks, x, stop, seeds, best, kept)
                stale = 0 if better else stale + 1
            if steps == limit or stale == _PATIENCE:
                break
    with torch.no_grad():
        for tensor, state in zip(networks.parameters, kept):
            tensor.copy_(state)
    return steps


@torch.no_grad()
def _keep_best(networks: Perceptrons, x: Tensor, stop: _Part, seeds: int, best: Tensor, kept: list[Tensor]) -> bool:
    """Update `best` and `kept` in place where a network improved; return whether any did, by 0.1 per cent or more."""
    found = sum((_loss(networks, x, part, seeds) for part in _slices(stop, _CHUNK)), torch.zeros_like(best))
    better = found < best
    clear = bool((found < best * 0.999).any())
    best[better] = found[better]
    for state, tensor in zip(kept, networks.parameters):
        state[better] = tensor[better]
    return clear


def cross_fit(
    x: Float, labels: Codes, folds: Codes, n_classes: int, options: Options, *, seed: int, name: str
) -> tuple[Float, int]:
    """Return held-out logits (n_seeds, N, L) of each row and restart, and the steps the training took.

    Args:
        x: features (N, d), at least one column that varies.
        labels: codes (N,); folds: fold of each row (N,), at least three folds.
        seed, name: of the networks and the batches.

    Example:
        >>> x = np.repeat([[0.0], [1.0]], 30, axis=0)
        >>> logits, _ = cross_fit(x, x[:, 0].astype(int), np.arange(60) % 3, 2, Options(), seed=0, name="x1")
        >>> logits.shape, bool((logits.argmax(axis=2) == x[:, 0]).all())
        ((3, 60, 2), True)
    """
    unit, first = distinct_rows(x)
    rows = torch.from_numpy(standardised(x)[first]).to(dtype=torch.float32, device=options.device)
    generator = torch.Generator().manual_seed(stream_seed(seed, "classifier", name))
    n_folds, n_seeds = int(folds.max()) + 1, options.n_seeds
    following = [(k + 1) % n_folds for k in range(n_folds)]
    train = _part(unit, labels, [(folds != k) & (folds != n) for k, n in enumerate(following)], n_classes, rows)
    stop = _part(unit, labels, [folds == n for n in following], n_classes, rows)
    widths = [rows.shape[1], *[options.hidden] * options.layers, n_classes]
    networks = build(widths, n_seeds * n_folds, generator, rows)
    steps = _train(networks, rows, (train, stop), len(x), options, generator)

    return _held_out_logits(networks, rows, unit, folds, n_seeds), steps


@torch.no_grad()
def _held_out_logits(networks: Perceptrons, x: Tensor, unit: Codes, folds: Codes, n_seeds: int) -> Float:
    """Return the logits (n_seeds, N, L) of each row by the networks of its fold."""
    n_folds = len(networks.biases[0]) // n_seeds
    logits = np.empty((n_seeds, len(unit), networks.biases[-1].shape[-1]))
    for fold in range(n_folds):
        inside = folds == fold
        places = np.unique(unit[inside])
        # networks are stacked (seeds, folds): every n_folds-th belongs to this fold
        alone = Perceptrons([w[fold::n_folds] for w in networks.weights], [b[fold::n_folds] for b in networks.biases])
        scores = []
        for start in range(0, len(places), _CHUNK):
            chosen = torch.from_numpy(places[start : start + _CHUNK]).to(x.device)
            scores.append(alone(x[chosen].expand(n_seeds, -1, -1)).cpu().double())
        logits[:, inside] = torch.cat(scores, dim=1).numpy()[:, np.searchsorted(places, unit[inside])]
    return logits
