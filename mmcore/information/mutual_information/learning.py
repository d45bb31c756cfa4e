"""Fitting a critic on some rows, stopping by others, and reading its value off the rest.

Rows are split 60/20/20 into train, validation and test. Adam minimises the loss on random batches of train; the weights
of the best validation loss are kept; the value is the mean over batches of test, each row in `repeats` of them. A value
on rows that the critic was fitted to or chosen by would be no bound (van den Oord et al. 2018, appendix; McAllester and
Stratos 2020, AISTATS). Batches are of the size of training, since InfoNCE depends on it. Columns are standardised by
the train rows. Losses are in nats, results in bits. The number of threads of torch may change the last digits.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmcore.errors import InputError, counted
from mmcore.information.entropy import LN2
from mmcore.information.mutual_information.critics import build_critic, seeded_module
from mmcore.information.mutual_information.result import MutualInformation
from mmcore.information.resampling import check_draws
from mmcore.information.samples import check_number, codes, features
from mmcore.seeds import stream, stream_seed

Term = Callable[[Tensor, Tensor | None], Tensor]


@dataclasses.dataclass(frozen=True)
class Learning:
    """How a critic is fitted.

    Attributes:
        steps: at most so many of Adam.
        batch_size: rows of a batch, of which InfoNCE cannot exceed the logarithm.
        learning_rate: of Adam.
        evaluate_every: steps between two looks at validation.
        patience: looks without improvement before stopping.
        repeats: random partitions of the test rows into batches.
        device: where torch computes.
    """

    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 1e-3
    evaluate_every: int = 50
    patience: int = 10
    repeats: int = 10
    device: str = "cpu"

    def __post_init__(self) -> None:
        whole = {field.name for field in dataclasses.fields(self) if field.type == "int"}
        for name in sorted(whole):
            value, least = getattr(self, name), 2 if name == "batch_size" else 1
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise InputError(name, value, f"an integer >= {least}", "Leave it out for the default.")
        check_number("learning_rate", self.learning_rate, 0.0, math.inf, "Pass for example 1e-3.")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Some rows: x with the indicators of the condition beside it, y, and the classes of the condition."""

    x: Float[Tensor, "rows size_x"]
    y: Float[Tensor, "rows size_y"]
    labels: Int[Tensor, " rows"] | None

    def take(self, rows: np.ndarray) -> Rows:
        """Return the rows of these indices."""
        index = torch.from_numpy(rows).to(self.x.device)
        return Rows(self.x[index], self.y[index], None if self.labels is None else self.labels[index])

    def __len__(self) -> int:
        return len(self.x)


@dataclasses.dataclass(frozen=True)
class Learned:
    """A fitted module, the rows to read values off, and how the fit went."""

    module: nn.Module
    test: Rows
    learning: Learning
    seed: int
    history: Mapping[str, Any]

    def values(self, term: Term) -> Float[Tensor, "repeats batches"]:
        """Return `term` of the scores of each test batch, in nats."""
        generator = stream(self.seed, "mutual information", "test batches")
        with torch.no_grad():
            return torch.stack(
                [
                    torch.stack(
                        [term(self.module(b.x, b.y), b.labels) for b in batches(self.test, self.learning, generator)]
                    )
                    for _ in range(self.learning.repeats)
                ]
            ).double()

    def mean(self, term: Term) -> float:
        """Return the mean of `term` over test batches, in nats."""
        return float(self.values(term).mean())


def batches(rows: Rows, learning: Learning, generator: np.random.Generator) -> Iterator[Rows]:
    """Yield full batches of a random partition of `rows`; all rows where they do not fill one."""
    order, size = generator.permutation(len(rows)), min(learning.batch_size, len(rows))
    for start in range(0, len(rows) - size + 1, size):
        yield rows.take(order[start : start + size])


def fit(
    module: nn.Module,
    loss: Callable[[nn.Module, Rows], Tensor],
    draw: Callable[[int], Rows],
    learning: Learning,
    *,
    validate: Callable[[], float] | None = None,
) -> dict[str, Any]:
    """Fit `module` in place by Adam on `draw(step)`; with `validate`, keep the weights of its least value.

    Returns:
        steps taken, the best step and its validation loss (nats), and the last training loss (nats).

    Raises:
        FloatingPointError: where a loss is not finite.
    """
    optimiser = torch.optim.Adam(module.parameters(), lr=learning.learning_rate)
    best, best_step, kept, looks = float("inf"), 0, None, 0
    step, current = 0, torch.zeros(())
    for step in range(1, learning.steps + 1):
        optimiser.zero_grad(set_to_none=True)
        current = loss(module, draw(step))
        if not bool(torch.isfinite(current)):
            raise FloatingPointError(f"the loss is {current.item()} at step {step}: lower learning_rate")
        current.backward()
        optimiser.step()
        if validate is None or (step % learning.evaluate_every and step != learning.steps):
            continue
        with torch.no_grad():
            value = validate()
        looks += 1
        if value < best:
            best, best_step, kept, looks = value, step, copy.deepcopy(module.state_dict()), 0
        if looks >= learning.patience:
            break
    if kept is not None:
        module.load_state_dict(kept)
    found = {"steps": step, "training_loss": float(current.detach())}
    return found if validate is None else {**found, "best_step": best_step, "validation_loss": best}


def learn_critic(
    x: Any,
    y: Any,
    term: Term,
    *,
    conditional: Any,
    critic: str,
    options: Mapping[str, int | bool] | None,
    learning: Learning | None,
    seed: int,
) -> Learned:
    """Return the critic by that name, fitted so that `term` of its scores is least on validation rows.

    Raises:
        InputError: for unusable rows, too few of them for the batch, or an unknown name.
    """

    def build(size_x: int, size_y: int) -> nn.Module:
        return build_critic(critic, size_x, size_y, seed=stream_seed(seed, "critic"), **(options or {}))

    def loss(module: nn.Module, rows: Rows) -> Tensor:
        return term(module(rows.x, rows.y), rows.labels)

    return learn_scores(x, y, build, loss, conditional=conditional, learning=learning, seed=seed)


def learn_scores(
    x: Any,
    y: Any,
    build: Callable[[int, int], nn.Module],
    loss: Callable[[Any, Rows], Tensor],
    *,
    conditional: Any,
    learning: Learning | None,
    seed: int,
) -> Learned:
    """Return the module of `build(size_x, size_y)`, fitted by `loss` on train and stopped by it on validation rows.

    Raises:
        InputError: for unusable rows, or too few of them for the batch.
    """
    learning = Learning() if learning is None else learning
    if not isinstance(learning, Learning):
        raise InputError("learning", type(learning).__name__, "a Learning, or None", "Pass Learning(steps=500).")
    check_draws(seed, 0, 0)
    train, validation, test = split(x, y, conditional, learning, seed)
    module = seeded_module(lambda: build(train.x.shape[1], train.y.shape[1]), stream_seed(seed, "module"))
    module.to(learning.device)
    generator = stream(seed, "mutual information", "train batches")
    size = min(learning.batch_size, len(train))

    def draw(step: int) -> Rows:
        return train.take(generator.choice(len(train), size, replace=False))

    def validate() -> float:
        same = stream(seed, "mutual information", "validation batches")
        return float(np.mean([float(loss(module, rows)) for rows in batches(validation, learning, same)]))

    history = fit(module, loss, draw, learning, validate=validate)
    history |= {"rows": {"train": len(train), "validation": len(validation), "test": len(test)}}
    return Learned(module, test, learning, seed, history)


def split(x: Any, y: Any, conditional: Any, learning: Learning, seed: int) -> tuple[Rows, Rows, Rows]:
    """Return train, validation and test rows (60/20/20), columns standardised by the train rows.

    Raises:
        InputError: for unusable rows, lengths that differ, or fewer rows than five batches.
    """
    first, second = features(x, "x"), features(y, "y")
    n_rows = len(first)
    if len(second) != n_rows:
        raise InputError("y", counted(len(second), "row"), f"{n_rows} rows, as x has", "Align the rows first.")
    if n_rows < 5 * learning.batch_size:
        allowed = f"at least {5 * learning.batch_size}, five batches of {learning.batch_size}"
        raise InputError(
            "x", counted(n_rows, "row"), allowed, "Lower batch_size, or use mutual_information.neighbours."
        )
    order = stream(seed, "mutual information", "split").permutation(n_rows)
    parts = np.split(order, [round(0.6 * n_rows), round(0.8 * n_rows)])
    first, second = (_standardised(matrix, parts[0]) for matrix in (first, second))
    labels = None
    if conditional is not None:
        classes, n_classes = codes(conditional, "conditional", n_rows)
        first = np.hstack([first, np.eye(n_classes)[classes]])
        labels = torch.from_numpy(classes).to(learning.device)
    tensors = [torch.from_numpy(matrix.astype(np.float32)).to(learning.device) for matrix in (first, second)]
    train, validation, test = (Rows(tensors[0], tensors[1], labels).take(part) for part in parts)
    return train, validation, test


def _standardised(matrix: np.ndarray, train: np.ndarray) -> np.ndarray:
    spread = matrix[train].std(axis=0)
    return np.asarray((matrix - matrix[train].mean(axis=0)) / np.where(spread > 0.0, spread, 1.0))


def held_out(
    learned: Learned,
    term: Term,
    *,
    method: str,
    kind: str,
    level: float,
    status: Callable[[float], str] | None = None,
    diagnostics: Mapping[str, Any] | None = None,
) -> MutualInformation:
    """Return `term` on the test rows, in bits, with a t interval over the batches of one partition.

    The interval holds for the fitted module: fitting it anew on other rows adds to the spread. With one batch there is
    none.

    Raises:
        InputError: for a level outside (0, 1).
    """
    from scipy.stats import t

    check_number("level", level, 0.0, 1.0, "Pass for example level=0.95.")
    values = learned.values(term).cpu().numpy() / LN2
    value, n_batches = float(values.mean()), values.shape[1]
    interval = None
    if n_batches > 1:
        # one partition's batches are apart from each other; those of two partitions share rows
        error = float(np.mean(values.std(axis=1, ddof=1))) / np.sqrt(n_batches)
        half = float(t.ppf(0.5 * (1.0 + level), n_batches - 1)) * error
        interval = (value - half, value + half)
    return MutualInformation(
        value,
        method,
        kind=kind,
        status="estimated" if status is None else status(value),
        interval=interval,
        seed=learned.seed,
        diagnostics={**learned.history, "batch_size": learned.learning.batch_size, **(diagnostics or {})},
    )
