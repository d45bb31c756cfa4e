"""What interactions a trained model uses: the decomposition of (x1, x2, the model's prediction).

    D_pred = {(x1, x2, yhat)},     R + U1 + U2 + S = I(X1, X2; Yhat)     bits

Reference: thesis section 3.3.3 (table 3.4), which runs the estimator of the data on held-out rows with the label
replaced by the predicted class. So here: features, symbols, folds, resamples and correction are those of the dataset's
estimate (`information.pairs`), and data and models stand on the same rows and the same symbols.

What a prediction is, decided: `labels="predicted"`, the class of largest probability, as in the thesis. It is
deterministic, so I(X1,X2;Yhat) is H(Yhat) up to what the symbols lose: it tells how inputs make decisions, whether
right or wrong, sure or unsure (hence "model PID values are consistently higher than dataset PID"). `labels="sampled"`
draws one class a row from the predicted probabilities; then information counts confidence, and a calibrated model that
knows all there is to know has the atoms of the data. Departures on purpose: intervals, corrected atoms, symbols that
are cross-fitted instead of fitted on the rows evaluated. Predictions must be of rows the model has not trained on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data import Dataset
from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS, NotCertified
from mmcore.information.entries import together
from mmcore.information.entropy import entropy
from mmcore.information.plan import Plan, allowed_rows, read_options
from mmcore.information.sources import Source, Target, read_source, read_target
from mmcore.selection.arguments import check_dataset, check_mapping, check_name, check_names, check_rows, check_seed
from mmcore.selection.quantify_labels import prediction_codes

Codes = NDArray[np.int64]

LABELS = ("predicted", "sampled")
_ZERO = dict.fromkeys(ATOMS, 0.0)


@dataclasses.dataclass(frozen=True)
class QuantifiedAtoms:
    """The atoms of one target on the rows of a quantification, bits.

    Attributes:
        status: "estimated"; "constant" where the target has one value, which holds no information: all atoms are zero;
            "refused" with the reason, and no numbers.
        raw, corrected: atoms as counted, and after bias correction; `values` are the corrected ones where there are.
        interval: atom -> (low, high), where resamples were drawn.
        chance: atom -> chance level, p_values: atom -> p, where permuted labels were drawn.
        entropy: of the target, bits.
        clusters: symbols of the two modalities, where the estimator has any.
    """

    status: str
    reason: str | None = None
    raw: Mapping[str, float] | None = None
    corrected: Mapping[str, float] | None = None
    interval: Mapping[str, tuple[float, float]] | None = None
    chance: Mapping[str, float] | None = None
    p_values: Mapping[str, float] | None = None
    entropy: float | None = None
    clusters: tuple[int, int] | None = None

    @property
    def values(self) -> dict[str, float]:
        """The atoms: corrected where they were, else as counted.

        Raises:
            InputError: where they were refused.
        """
        found = self.corrected or self.raw
        if found is None:
            raise InputError("atoms", f"refused: {self.reason}", "an estimate", "Read `status` before the values.")
        return {name: float(found[name]) for name in ATOMS}

    @property
    def total(self) -> float:
        """I(X1,X2;Y), the sum of the four."""
        return sum(self.values.values())


@dataclasses.dataclass(frozen=True)
class Quantification:
    """The interactions of a model's predictions beside those of the data, for one pair of modalities.

    Attributes:
        model, first, second: names.
        labels: "predicted" or "sampled".
        prediction: atoms of the predictions; data: atoms of the labels on the same rows and symbols.
        accuracy: share of these rows on which the class of largest probability is right; None where no label is known.
        n_rows, n_groups: rows that were used; groups among them, None without groups.
        n_left_out: rows given that lack a label or one of the two modalities.
    """

    model: str
    first: str
    second: str
    labels: str
    prediction: QuantifiedAtoms
    data: QuantifiedAtoms
    accuracy: float | None
    n_rows: int
    n_groups: int | None
    n_left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class QuantificationFrame:
    """Rows, symbols and the atoms of the labels, made once: whatever model is quantified here stands on the same.

    Attributes:
        ds: the dataset; chosen: the rows that are predicted; usable: mask of those that count.
        sources: of the two modalities; target: the label; plan: holds their symbols.
        data: atoms of the labels.
        any_known: whether any of the rows has a label.
    """

    ds: Dataset
    chosen: Codes
    usable: NDArray[np.bool_]
    sources: tuple[Source, Source]
    target: Target
    plan: Plan
    data: QuantifiedAtoms
    any_known: bool

    def quantify(self, model: str, given: Any, *, labels: str = "predicted") -> Quantification:
        """Return the interactions of one model's predictions; arguments and errors as in `quantify_models`."""
        chosen, target, sample = self.chosen, self.target, labels == "sampled"
        used = np.flatnonzero(self.usable)
        kept = np.isin(chosen, used)
        seed = self.plan.seed
        hard, drawn = prediction_codes(given, target, len(chosen), name=model, sample=sample, seed=seed)
        codes = np.full(len(self.ds), -1, dtype=np.int64)
        codes[chosen] = drawn
        own = dataclasses.replace(self.plan, target=dataclasses.replace(target, codes=codes, numbers=None))
        right = float((hard[kept] == target.codes[chosen][kept]).mean()) if self.any_known else None
        groups = None if self.ds.groups is None else len(np.unique(self.ds.groups[used]))
        left_out = int(len(chosen) - kept.sum())
        names = self.sources[0].name, self.sources[1].name
        atoms = _atoms(own, self.sources)
        return Quantification(model, *names, labels, atoms, self.data, right, len(used), groups, left_out)


def quantification_frame(
    ds: Dataset,
    *,
    rows: Any,
    pair: tuple[str, str] | None = None,
    label: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> QuantificationFrame:
    """Return what all models of a dataset share when their predictions are quantified one after another.

    Args, Raises: as `quantify_models`.

    Example:
        >>> from mmcore.data import from_arrays
        >>> a, b = np.random.default_rng(0).integers(0, 2, (2, 400))
        >>> ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a ^ b, name="xor")
        >>> frame = quantification_frame(ds, rows=np.arange(400), options={"n_boot": 0})
        >>> frame.quantify("first", a).prediction.raw["unique1"] > 0.98
        True
    """
    names = _pair(check_dataset(ds), pair)
    chosen = _rows(ds, rows)
    given = {} if options is None else check_mapping("options", options, "options of an estimate")
    settings = read_options({"n_null": 0, **given})
    check_seed(seed)
    target = _target(ds, check_name("label", label), settings.label_bins)
    sources = (read_source(ds, names[0]), read_source(ds, names[1]))
    usable = np.zeros(len(ds), dtype=bool)
    usable[chosen] = True
    usable &= allowed_rows(ds, settings.rows) & sources[0].present & sources[1].present
    known = target.known & usable
    if known.any():
        usable = known
    plan = Plan(target, ds.groups, settings, seed, usable)
    data = _atoms(plan, sources)
    if data.clusters is not None:
        # a model that never predicts some class would get finer symbols than the data: hold them to the data's
        fixed = dataclasses.replace(settings.clusters, clusters=data.clusters)
        plan = dataclasses.replace(plan, options=dataclasses.replace(settings, clusters=fixed))
    return QuantificationFrame(ds, chosen, usable, sources, target, plan, data, bool(known.any()))


def quantify_models(
    ds: Dataset,
    predictions: Mapping[str, Any],
    *,
    rows: Any,
    pair: tuple[str, str] | None = None,
    label: str | None = None,
    labels: str = "predicted",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> tuple[Quantification, ...]:
    """Return the interactions of each model's predictions on `rows`, beside those of the labels.

    Args:
        ds: a dataset; its groups, where it has any, are the unit of folds and resamples.
        predictions: model -> (n, C) probabilities, or (n,) class codes; of a regression (n,) or (n, 1) values, which
            are cut at the bins of the label.
        rows: (n,) rows of `ds` that were predicted, held out. Those without a label are left out, so that model and
            data are compared on the same rows; where no row has one, the model stands alone.
        pair: two modalities; may be left out where there are just two.
        label: label column; None for the main one.
        labels: "predicted" or "sampled", see above.
        options: those of the dataset's estimate (`information.plan.EstimateOptions` and `clusters.Options`); chance
            levels (`n_null`) only where asked for.
        seed: of everything drawn; the dataset's own for its symbols.

    Raises:
        InputError: for one modality, an unknown one, a model without one prediction a row, probabilities that are none.
        NotBuiltYetError: for a multilabel column.
        What concerns the rows (too few, one class) refuses the atoms concerned instead.

    Reference: thesis section 3.3.3.

    Example:
        >>> from mmcore.data import from_arrays
        >>> a, b = np.random.default_rng(0).integers(0, 2, (2, 400))
        >>> ds = from_arrays({"a": a[:, None], "b": b[:, None]}, labels=a ^ b, name="xor")
        >>> oracle, = quantify_models(ds, {"oracle": a ^ b}, rows=np.arange(400), options={"n_boot": 0, "n_null": 0})
        >>> oracle.prediction.raw["synergy"] > 0.98, oracle.accuracy
        (True, 1.0)
    """
    if labels not in LABELS:
        raise unknown_name("labels", str(labels), LABELS)
    frame = quantification_frame(ds, rows=rows, pair=pair, label=label, options=options, seed=seed)
    asked = check_mapping("predictions", predictions, "predictions by model")
    check_names("predictions", list(asked))
    return tuple(frame.quantify(model, given, labels=labels) for model, given in asked.items())


def quantify_model(ds: Dataset, prediction: Any, *, rows: Any, model: str = "model", **settings: Any) -> Quantification:
    """Return `quantify_models` of one model.

    Args, Raises: as there.
    """
    return quantify_models(ds, {model: prediction}, rows=rows, **settings)[0]


def _pair(ds: Dataset, pair: tuple[str, str] | None) -> tuple[str, str]:
    names = tuple(ds.modalities if pair is None else check_names("pair", pair))
    if len(ds.modalities) < 2:
        received = f"one modality, {ds.modalities[0]}"
        raise InputError("ds", received, "two or more", "One modality has no interaction to quantify.")
    if len(names) != 2 or names[0] == names[1]:
        allowed = "two different modalities of " + ", ".join(ds.modalities)
        raise InputError("pair", ", ".join(names) or "none", allowed, "Pass pair=(first, second).")
    for name in names:
        if name not in ds.modalities:
            raise unknown_name("pair", name, ds.modalities)
    return names[0], names[1]


def _rows(ds: Dataset, rows: Any) -> Codes:
    chosen = check_rows("rows", rows, len(ds))
    twice = len(chosen) - len(np.unique(chosen))
    if twice:
        raise InputError("rows", f"{twice} of {len(chosen)} rows again", "distinct row numbers",
                         "Pass the rows that were predicted, each once.")  # fmt: skip
    return chosen


def _target(ds: Dataset, label: str | None, bins: int) -> Target:
    """Return the label; of classes that no row has one of yet, the codes are all missing."""
    spec = ds.spec.label(label)
    if spec.task == "classification" and (ds.labels(spec.column) < 0).all():
        return Target(spec.column, spec.task, ds.labels(spec.column), tuple(map(str, spec.classes or ())), None)
    return read_target(ds, label, bins)


def _atoms(plan: Plan, sources: tuple[Source, ...]) -> QuantifiedAtoms:
    codes = plan.target.codes[plan.allowed & plan.target.known]
    if len(np.unique(codes)) == 1:
        nothing = dict.fromkeys(ATOMS, (0.0, 0.0))
        why = "one value for every row: it holds no information"
        return QuantifiedAtoms("constant", why, dict(_ZERO), dict(_ZERO), nothing, entropy=0.0)
    try:
        entry = together(plan, sources[0], sources[1])
    except (InputError, NotCertified) as error:
        return QuantifiedAtoms("refused", str(error))
    interval = entry["interval"]
    counts = np.bincount(codes)
    return QuantifiedAtoms(
        entry["status"],
        entry["reason"],
        entry["raw"],
        entry["corrected"],
        None if interval is None else {name: (float(ends[0]), float(ends[1])) for name, ends in interval.items()},
        entry["null"],
        entry["p_values"],
        entropy(counts / counts.sum()),
        None if entry["clusters"] is None else (int(entry["clusters"][0]), int(entry["clusters"][1])),
    )
