"""The table of methods: what `train.models` may name, each a model, an objective and a procedure.

Every model of `mmcore.models` is a method by its own name, trained by its task's loss. The rows below add objectives
and procedures of the literature to a model. All of them are trained with the same options on the same rows, so that
two methods differ in nothing but themselves. `epochs` bounds each fit, not their sum: with M modalities, pretraining
fits M + 1 times, offline blending trains M + 1 windows more and a search its candidates, so that their gain over late
fusion is that of the procedure with its time. To add one: one row, and one file where something is new.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError, unknown_name
from mmcore.models import MODELS, ModelEntry
from mmcore.objectives import find_term

if TYPE_CHECKING:
    import numpy as np

    from mmcore.data import Dataset, DatasetSpec
    from mmcore.training.fitting import FitResult


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        name: in parameters and results.
        model: name of the model that it trains.
        reference: where it comes from.
        tags: what may be asked for.
        objective: as `fit` takes it.
        arguments: of the model.
        procedure: a name of `PROCEDURES`; `fit` is one fit.
        options: of the procedure.
        fit_options: options of `fit` that are part of the method; they win over what the caller says.
        fewest: modalities without which it means nothing, where these are more than its model needs.
    """

    name: str
    model: str
    reference: str
    tags: tuple[str, ...] = ()
    objective: str | Mapping[str, Any] = "auto"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    procedure: str = "fit"
    options: Mapping[str, Any] = field(default_factory=dict)
    fit_options: Mapping[str, Any] = field(default_factory=dict)
    fewest: int = 1


PROCEDURES: tuple[tuple[str, str], ...] = (
    ("fit", "mmcore.training.procedures.single:train"),
    ("pretraining", "mmcore.training.procedures.pretraining:train"),
    ("gradient_blending", "mmcore.training.procedures.gradient_blending:train"),
    ("architecture_search", "mmcore.training.procedures.architecture_search:train"),
)
"""Name -> `module:function`, called with a `Training` and the method's `options`."""


def _with_term(name: str, term: str, *, fewest: int = 1, **options: Any) -> Method:
    """Late fusion with one term beside the task's loss, at the weight that the table of terms gives it."""
    entry = find_term(term)
    objective = {"terms": {term: options}}
    tags = ("fusion", "additive", "objective")
    return Method(name, "late_fusion", entry.reference, tags, objective=objective, fewest=fewest)


COMPOSED: tuple[Method, ...] = (
    Method(
        "pretrained_late_fusion",
        "late_fusion",
        "Du et al. 2023, On uni-modal feature learning in supervised multi-modal learning (ICML), section 4",
        ("fusion", "additive", "procedure"),
        procedure="pretraining",
    ),
    Method(
        "gradient_blending",
        "late_fusion",
        "Wang, Tran, Feiszli 2020, What makes training multi-modal classification networks hard? (CVPR)",
        ("fusion", "additive", "procedure"),
        procedure="gradient_blending",
        fewest=2,
    ),
    Method(
        "online_gradient_blending",
        "late_fusion",
        "Wang, Tran, Feiszli 2020, What makes training multi-modal classification networks hard? (CVPR)",
        ("fusion", "additive", "procedure"),
        procedure="gradient_blending",
        options={"mode": "online"},
        fewest=2,
    ),
    Method(
        "mfas",
        "searched_fusion",
        "Perez-Rua, Vielzeuf, Pateux, Baccouche, Jurie 2019, MFAS: multimodal fusion architecture search (CVPR)",
        ("fusion", "any_interaction", "procedure"),
        procedure="architecture_search",
        fewest=2,
    ),
    Method(
        "modality_dropout",
        "late_fusion",
        "Neverova, Wolf, Taylor, Nebout 2016, ModDrop: adaptive multi-modal gesture recognition (TPAMI 38:8)",
        ("fusion", "additive", "missing"),
        fit_options={"modality_dropout": 0.3},
        fewest=2,
    ),
    _with_term("cca", "cca", fewest=2),
    _with_term("agreement", "agreement", fewest=2),
    _with_term("refnet", "refnet"),
    _with_term("refnet_inputs", "refnet", target="inputs"),
    _with_term("reconstruction", "reconstruction"),
    _with_term("contrastive", "contrastive", fewest=2),
    _with_term("functional_entropy", "functional_entropy"),
)


@dataclass(frozen=True)
class Training:
    """What a procedure is given: the method, the data and every option.

    Attributes:
        method: which one.
        ds, label, modalities, rows: of the data, as in `fit` and `build_model`.
        seed: of everything that is drawn.
        build: arguments of `build_model`: width, dropout, encoders.
        fit: options of `fit`: epochs, batch_size, learning_rate, ..., checkpoint_dir, progress.
    """

    method: Method
    ds: Dataset
    label: str | None
    modalities: tuple[str, ...]
    rows: Mapping[str, np.ndarray] | None
    seed: int
    build: Mapping[str, Any]
    fit: Mapping[str, Any]


def _of_model(entry: ModelEntry) -> Method:
    return Method(entry.name, entry.name, entry.reference, entry.tags)


def available_methods() -> tuple[Method, ...]:
    """Return every method: the models by themselves, then what objectives and procedures make of them."""
    return (*(_of_model(entry) for entry in MODELS), *COMPOSED)


def method_names() -> tuple[str, ...]:
    """Return the names that `train_method` knows.

    Example:
        >>> "late_fusion" in method_names()
        True
    """
    return tuple(method.name for method in available_methods())


def find_method(name: str) -> Method:
    """Return the method called `name`; `unimodal:<modality>` is the method `unimodal`.

    Raises:
        InputError: for an unknown name, with the nearest known one.

    Example:
        >>> find_method("unimodal:audio").model
        'unimodal'
    """
    base = "unimodal" if name.startswith("unimodal:") else name
    for method in available_methods():
        if method.name == base:
            return method
    raise unknown_name("model", name, method_names())


def fits_number(name: str, n_modalities: int) -> bool:
    """Return whether the mathematics of a method allows so many modalities.

    Example:
        >>> fits_number("unimodal", 2)
        False
    """
    method = find_method(name)
    entry = next(entry for entry in MODELS if entry.name == method.model)
    return max(entry.fewest, method.fewest) <= n_modalities and (entry.most is None or n_modalities <= entry.most)


def fitting_methods(
    spec: DatasetSpec,
    modalities: Sequence[str] | None = None,
    *,
    label: str | None = None,
    build: Mapping[str, Any] | None = None,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the methods whose model can be built for these modalities, and of the others why not.

    Args:
        spec: the dataset's specification.
        modalities: those that the models would see (None: all).
        label: the label column (None: the first).
        build: further arguments of `build_model`: width, dropout, encoders.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> names, refused = fitting_methods(ds.spec)
        >>> "late_fusion" in names, "unimodal" in refused
        (True, True)
    """
    from mmcore.models import build_model

    chosen = tuple(modalities if modalities is not None else (m.name for m in spec.modalities))
    names, refused = [], {}
    for method in available_methods():
        try:
            if not fits_number(method.name, len(chosen)):
                raise InputError("modalities", f"{len(chosen)}", "another number", "Name fewer or more.")
            build_model(method.model, spec, modalities=chosen, label=label, **method.arguments, **(build or {}))
            names.append(method.name)
        except InputError as error:
            refused[method.name] = str(error)
    return tuple(names), refused


def _check_fit_options(options: Mapping[str, Any]) -> None:
    """Raise for an option that `fit` does not have."""
    import inspect

    from mmcore.training.fitting import fit

    taken = ("model", "ds", "objective", "label", "rows", "seed")
    accepted = [name for name in inspect.signature(fit).parameters if name not in taken]
    for name in options:
        if name not in accepted:
            raise unknown_name("fit_options", name, accepted)


def train_method(
    name: str,
    ds: Dataset,
    *,
    modalities: Sequence[str] | None = None,
    label: str | None = None,
    rows: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    build: Mapping[str, Any] | None = None,
    **fit_options: Any,
) -> FitResult:
    """Return a model trained by a method of the table.

    Args:
        name: a name of `method_names()`; `unimodal:<modality>` names its modality.
        ds: the dataset.
        modalities: those that it sees (None: all).
        label: the label column (None: the first).
        rows: as in `fit`.
        seed: of initial weights, order of rows, dropout and whatever the procedure draws.
        build: arguments of `build_model` that every model takes: `width`, `dropout`, `encoders`.
        **fit_options: of `fit`; where the method itself says otherwise (`Method.fit_options`), the method wins.

    Raises:
        InputError: for an unknown method, or whatever its parts refuse.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> ds = from_arrays({"a": x[:, :1], "b": x[:, 1:]}, labels=(x[:, 0] > 0).astype(int), name="tiny")
        >>> train_method("late_fusion", ds, epochs=10, device="cpu").best_metric > 0.9
        True
    """
    method = find_method(name)
    _, _, suffix = name.partition(":")
    chosen = (suffix,) if suffix else tuple(modalities if modalities is not None else ds.modalities)
    for modality in chosen:
        if modality not in ds.modalities:
            raise unknown_name("modalities", modality, ds.modalities)
    for key in ("seed", "rows", "label"):
        if key in fit_options:
            raise InputError("fit_options", key, "named once", f"Pass {key} to train_method itself.")
    _check_fit_options(fit_options)
    if len(chosen) < method.fewest:
        received = f"{len(chosen)} ({', '.join(chosen)})"
        raise InputError("modalities", received, f"{method.fewest} or more for '{method.name}'", "Name more.")
    own = {**fit_options, **method.fit_options}
    training = Training(method, ds, label, chosen, rows, seed, dict(build or {}), own)
    path = dict(PROCEDURES)[method.procedure]
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)(training, **method.options)
