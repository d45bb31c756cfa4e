"""Advice before labels: which modality to add next, whether to collect it at all, and how simple the fusion may be.

From labelled rows of single modalities and unlabelled rows of several: no label is looked at together with more than
one modality (or, with several held ones, with more than those). Each further modality is judged beside the held ones
(`advice_pair`), and ranked: first by the gain in accuracy that the tables guarantee, then by the middle of the gain
that they leave open, then by name. Reference: thesis sections 6.2.1 and 6.4.2; the ranking of more than two modalities
is this project's.

A further modality that cannot be judged (no row shared with a held one, no labelled row of its own, too few rows) is
refused with the reason and stands last, with the accuracy that it reaches alone where that is known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset
from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import NotCertified
from mmcore.information.entropy import mutual_information
from mmcore.information.semi_supervised.bayes_accuracy import single_accuracy
from mmcore.information.sources import Source, join, read_source, read_target
from mmcore.seeds import stream_seed
from mmcore.selection.advice_pair import AdviceOptions, PairAdvice, advise_pair
from mmcore.selection.advice_tables import SemiSupervisedRows, TableOptions, pair_counts, single_counts
from mmcore.selection.arguments import check_dataset, check_mapping, check_name, check_names, check_seed


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A modality that could be added.

    Attributes:
        modality: its name.
        status: "estimated", or "refused" with the reason.
        advice: beside the held modalities; None where refused.
        accuracy_alone: of the best classifier of its symbols alone, as counted; None without labelled rows.
    """

    modality: str
    status: str
    reason: str | None
    advice: PairAdvice | None
    accuracy_alone: float | None


@dataclasses.dataclass(frozen=True)
class ModalityAdvice:
    """Which modality to add next to those at hand.

    Attributes:
        status: "estimated" where at least one candidate could be judged; else "refused" with the first reason.
        label: column; n_classes: classes that occur among the labels that may be read.
        held: modalities at hand, given, or the single one of largest accuracy.
        accuracy_held: of the best classifier of their symbols, as counted; None where it could not be counted.
        candidates: best first, refused ones last.
        least_gain, least_loss, level: what was asked.
        grouped: whether groups were resampled, else rows.
    """

    status: str
    reason: str | None
    label: str
    n_classes: int
    held: tuple[str, ...]
    accuracy_held: float | None
    candidates: tuple[Candidate, ...]
    least_gain: float
    least_loss: float
    level: float
    grouped: bool

    @property
    def next(self) -> str | None:
        """The candidate to add next: the first of those whose collection is not advised against; None without one."""
        open_ = (one.modality for one in self.candidates if one.advice is not None and one.advice.collect != "no")
        return next(open_, None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**dataclasses.asdict(self), "next": self.next}


def advise(
    ds: Dataset,
    *,
    held: str | Sequence[str] | None = None,
    candidates: Sequence[str] | None = None,
    label: str | None = None,
    labelled_rows: Any = None,
    paired_rows: Any = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> ModalityAdvice:
    """Return which modality to add to those held, and what it would bring, without labels of paired rows.

    Args:
        ds: a dataset; presence says which rows have which modality, -1 or NaN which labels are missing.
        held: modality or modalities at hand; the single one of largest accuracy when None.
        candidates: modalities in question; all others when None.
        label: label column; None for the main one.
        labelled_rows: (n,) rows or (N,) mask whose labels may be read; every labelled row when None.
        paired_rows: rows whose pairing of modalities may be used; every row when None.
        options: fields of `AdviceOptions` and `TableOptions`.
        seed: of symbols and resamples.

    Raises:
        InputError: for one modality, an unknown one or one that is both held and a candidate; no label that may be
            read, labels of one class; an unknown option; an argument of the wrong type.
        NotBuiltYetError: for a multilabel column.

    Example:
        >>> from mmcore.data import from_arrays
        >>> a, b = np.random.default_rng(0).integers(0, 2, (2, 300))
        >>> ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=b, name="second")
        >>> found = advise(ds, held="a", options={"n_boot": 20})
        >>> found.next, found.candidates[0].advice.collect, found.candidates[0].advice.fusion
        ('b', 'yes', 'one_modality')
    """
    advice_options, table_options = _options({} if options is None else check_mapping("options", options, "options"))
    check_seed(seed)
    if len(check_dataset(ds).modalities) < 2:
        raise InputError("ds", f"one modality, {ds.modalities[0]}", "two or more", "There is nothing to add to it.")
    known, column = _known(ds, label, labelled_rows, paired_rows, table_options.label_bins)
    symbol_seed = stream_seed(seed, "advice symbols")
    read = {name: _source(ds, name) for name in ds.modalities}
    tables = {name: _alone(source, known, table_options, symbol_seed) for name, source in read.items()}
    names = _held(held, ds, tables)
    asked = _candidates(candidates, ds, names)
    source = _together([read[name] for name in names])
    own = tables[names[0]] if len(names) == 1 else _alone(source, known, table_options, symbol_seed)
    found = []
    for name in asked:
        single = tables[name]
        accuracy = None if isinstance(single, Exception) else single_accuracy(single)
        try:
            counts = pair_counts(source, _together([read[name]]), known, table_options, seed=symbol_seed)
            advice = advise_pair(counts, advice_options, seed=stream_seed(seed, "advice", name))
            found.append(Candidate(name, "estimated", None, advice, accuracy))
        except (InputError, NotCertified) as error:
            found.append(Candidate(name, "refused", str(error), None, accuracy))
    ranked = tuple(sorted(found, key=_rank))
    return ModalityAdvice(
        ranked[0].status,
        ranked[0].reason,
        column,
        len(known.classes),
        names,
        None if isinstance(own, Exception) else single_accuracy(own),
        ranked,
        advice_options.least_gain,
        advice_options.least_loss,
        advice_options.level,
        known.grouped,
    )


def _rank(candidate: Candidate) -> tuple[bool, float, float, str]:
    if candidate.advice is None:
        return True, 0.0, -(candidate.accuracy_alone or 0.0), candidate.modality
    gain = candidate.advice.gain
    # rounded: the linear program behind a bound is exact to 1e-7, and rounding must not rank
    return False, -round(gain.low, 6), -round(gain.middle, 6), candidate.modality


def _options(options: Mapping[str, Any]) -> tuple[AdviceOptions, TableOptions]:
    fields = {kind: [field.name for field in dataclasses.fields(kind)] for kind in (AdviceOptions, TableOptions)}
    for name in options:
        if not any(name in names for names in fields.values()):
            raise unknown_name("options", str(name), [name for names in fields.values() for name in names])
    pick = {kind: {name: options[name] for name in names if name in options} for kind, names in fields.items()}
    return AdviceOptions(**pick[AdviceOptions]), TableOptions(**pick[TableOptions])


def _mask(rows: Any, n: int, argument: str) -> NDArray[np.bool_]:
    if rows is None:
        return np.ones(n, dtype=bool)
    chosen = np.asarray(rows)
    if chosen.dtype == bool and chosen.shape == (n,):
        return chosen
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or (len(chosen) and not 0 <= chosen.min() <= chosen.max() < n):
        received = f"{chosen.dtype} {chosen.shape}"
        raise InputError(argument, received, f"row numbers from 0 to {n - 1}, or a mask", "Pass rows of `ds`.")
    mask = np.zeros(n, dtype=bool)
    mask[chosen.astype(np.int64)] = True
    return mask


def _known(
    ds: Dataset, label: str | None, labelled_rows: Any, paired_rows: Any, bins: int
) -> tuple[SemiSupervisedRows, str]:
    """Return which rows are what; labels that may not be read are taken out before anything looks at them."""
    spec = ds.spec.label(check_name("label", label))
    readable = _mask(labelled_rows, len(ds), "labelled_rows")
    samples = ds.samples.copy()
    samples[spec.column] = samples[spec.column].where(readable)
    target = read_target(dataclasses.replace(ds, samples=samples), spec.column, bins)
    if target.n_classes < 2:
        remedy = "There is nothing to tell apart: check the labels."
        raise InputError(spec.column, "labels of one class", "at least two classes", remedy)
    units = np.arange(len(ds)) if ds.groups is None else np.unique(ds.groups, return_inverse=True)[1]
    paired = _mask(paired_rows, len(ds), "paired_rows")
    return SemiSupervisedRows(target.codes, paired, units.astype(np.int64), ds.groups is not None), spec.column


def _source(ds: Dataset, name: str) -> Source | InputError:
    """Return a modality's features, or the reason why it has none (text)."""
    try:
        return read_source(ds, name)
    except InputError as error:
        return error


def _together(sources: Sequence[Source | InputError]) -> Source:
    """Return the modalities as one source; raise the reason why one of them has no features."""
    read = []
    for source in sources:
        if isinstance(source, InputError):
            raise source
        read.append(source)
    return read[0] if len(read) == 1 else join(read, " and ".join(source.name for source in read))


def _alone(source: Source | InputError, known: SemiSupervisedRows, options: TableOptions, seed: int) -> Any:
    """Return p(x,y) of a source, or the reason why there is none."""
    try:
        return single_counts(_together([source]), known, options, seed=seed)
    except InputError as error:
        return error


def _held(held: str | Sequence[str] | None, ds: Dataset, tables: Mapping[str, Any]) -> tuple[str, ...]:
    if held is None:
        counted = {name: table for name, table in tables.items() if not isinstance(table, Exception)}
        if not counted:
            raise InputError("held", f"no modality that could be counted: {next(iter(tables.values()))}",
                             "a modality with enough labelled rows", "Label more rows.")  # fmt: skip
        order = list(ds.modalities)
        best = max(
            counted,
            key=lambda name: (
                round(single_accuracy(counted[name]), 9),
                round(mutual_information(counted[name]), 9),
                -order.index(name),
            ),
        )
        return (best,)
    names = (held,) if isinstance(held, str) else check_names("held", held)
    for name in names:
        if name not in ds.modalities:
            raise unknown_name("held", name, ds.modalities)
    if not names or len(set(names)) != len(names) or len(names) == len(ds.modalities):
        allowed = "at least one modality, each once, and not all of them"
        raise InputError("held", ", ".join(names) or "none", allowed, "Name what is at hand.")
    return names


def _candidates(candidates: Sequence[str] | None, ds: Dataset, held: tuple[str, ...]) -> tuple[str, ...]:
    if candidates is None:
        return tuple(name for name in ds.modalities if name not in held)
    names = check_names("candidates", candidates)
    for name in names:
        if name not in ds.modalities:
            raise unknown_name("candidates", name, ds.modalities)
    if not names or len(set(names)) != len(names) or set(names) & set(held):
        received = ", ".join(names) or "none"
        raise InputError("candidates", received, "modalities that are not held, each once", "Leave it out for all.")
    return names
