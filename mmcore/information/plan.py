"""What all parts of a dataset's estimate share: the target, the rows that count, groups, options and seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset
from mmcore.errors import InputError, unknown_name
from mmcore.information import clusters
from mmcore.information.discretise.folds import check_folds, fold_units
from mmcore.information.encode import Distinct, Encoded, encode, look
from mmcore.information.estimators import find_estimator
from mmcore.information.resampling import check_draws
from mmcore.information.samples import codes
from mmcore.information.sources import Source, Target
from mmcore.seeds import stream_seed

Codes = NDArray[np.int64]

ROWS = ("all", "heldout")
_OWN = ("method", "compare", "rows", "n_boot", "n_null", "label_bins")


@dataclasses.dataclass(frozen=True)
class EstimateOptions:
    """Options of `estimate_dataset`.

    Attributes:
        method: estimator of the atoms that the report states.
        compare: further estimators, whose atoms stand beside it.
        rows: "all" labelled rows, or "heldout" ones only (validation and test), where features have seen the labels
            of the training rows.
        n_boot, n_null: resamples for intervals, draws for chance levels.
        label_bins: quantiles into which a regression label is cut.
        clusters: those of the method "clusters".
    """

    method: str = "clusters"
    compare: tuple[str, ...] = ()
    rows: str = "all"
    n_boot: int = 200
    n_null: int = 200
    label_bins: int = 4
    clusters: clusters.Options = dataclasses.field(default_factory=clusters.Options)


def read_options(options: Mapping[str, Any]) -> EstimateOptions:
    """Return the options, or the error that names what is wrong.

    Raises:
        InputError: for an unknown option, method or choice of rows, and for numbers that are none.

    Example:
        >>> read_options({"n_boot": 50, "max_clusters": 4}).clusters.max_clusters
        4
    """
    fields = [field.name for field in dataclasses.fields(clusters.Options)]
    for name in options:
        if name not in (*_OWN, *fields):
            raise unknown_name("options", name, [*_OWN, *fields])
    own = {name: options[name] for name in _OWN if name in options}
    own["compare"] = tuple(own.get("compare") or ())
    found = EstimateOptions(**own, clusters=clusters.Options(**{k: options[k] for k in fields if k in options}))
    for name in (found.method, *found.compare):
        find_estimator(name)
    if found.rows not in ROWS:
        raise unknown_name("rows", str(found.rows), ROWS)
    check_draws(0, found.n_boot, found.n_null)
    if not isinstance(found.label_bins, int) or found.label_bins < 2:
        raise InputError("label_bins", found.label_bins, "an integer >= 2", "Pass for example label_bins=4.")
    return found


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts of one estimate draw from here; symbols of a modality are made once for each number of clusters."""

    target: Target
    groups: NDArray[Any] | None
    options: EstimateOptions
    seed: int
    allowed: NDArray[np.bool_]
    _looks: dict[tuple[Any, ...], Distinct] = dataclasses.field(default_factory=dict)
    _symbols: dict[tuple[Any, ...], Encoded] = dataclasses.field(default_factory=dict)

    def rows(self, sources: Sequence[Source]) -> Codes:
        """Return the labelled rows that have every one of `sources`.

        Raises:
            InputError: where there is none, or all have one label.
        """
        usable = self.target.known & self.allowed
        for source in sources:
            usable = usable & source.present
        rows = np.flatnonzero(usable)
        names = " and ".join(source.name for source in sources)
        if len(rows) == 0:
            allowed = "rows that are labelled and present in all of them"
            raise InputError(names, "no labelled row that has all of them", allowed, "Check labels and presence.")
        if len(np.unique(self.target.codes[rows])) < 2:
            remedy = "There is nothing to tell apart: check the labels of these rows."
            raise InputError(names, "rows of one class", "at least two classes", remedy)
        return rows

    def labels(self, rows: Codes) -> tuple[Codes, int]:
        """Return the classes of `rows` as codes without gaps, and how many there are."""
        return codes(self.target.codes[rows], "y", len(rows))

    def group_codes(self, rows: Codes) -> Codes | None:
        """Return the groups of `rows` as codes without gaps, or None."""
        return None if self.groups is None else codes(self.groups[rows], "groups", len(rows))[0]

    def look(self, source: Source, rows: Codes) -> Distinct:
        """Return the distinct rows of a source, see `encode.look`."""
        key = (source.name, rows.tobytes())
        if key not in self._looks:
            self._looks[key] = look(source, rows, self.options.clusters.max_clusters)
        return self._looks[key]

    def encode(self, source: Source, rows: Codes, n_clusters: int) -> Encoded:
        """Return the symbols of a source, cross-fitted by group."""
        key = (source.name, n_clusters, rows.tobytes())
        if key not in self._symbols:
            options = self.options.clusters
            seed = stream_seed(self.seed, "symbols", source.name)
            folds = None
            if options.n_folds > 1:
                groups = self.group_codes(rows)
                folds = fold_units(groups, len(rows), options.n_folds, seed=self.seed)
                if groups is not None:
                    check_folds(folds, self.target.codes[rows])
            distinct = self.look(source, rows)
            if n_clusters > options.max_clusters:
                distinct = look(source, rows, n_clusters)
            self._symbols[key] = encode(
                source,
                rows,
                n_clusters,
                distinct=distinct,
                folds=folds,
                kind=options.discretiser,
                components=options.components,
                seed=seed,
            )
        return self._symbols[key]


def allowed_rows(ds: Dataset, choice: str) -> NDArray[np.bool_]:
    """Return which rows the choice `rows` admits.

    Raises:
        InputError: for "heldout" where every row is a training row.
    """
    if choice == "all":
        return np.ones(len(ds), dtype=bool)
    held = ds.samples["split"].to_numpy() != "train"
    if not held.any():
        allowed = "validation or test rows"
        raise InputError("rows", "'heldout' of a dataset without held-out rows", allowed, "Use rows: all.")
    return np.asarray(held, dtype=bool)
