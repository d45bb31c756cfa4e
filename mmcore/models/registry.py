"""The table of models, and the one function that builds any of them for a dataset's specification.

A builder is named by its path `module:attribute` and imported when it is first used, so that listing names costs
no torch import. Two kinds of rows: a `fusion` combines vectors, `(sizes, width=, dropout=, **options)`, and is put
together with encoders and a head by `mmcore.models.assembly`; a `model` does everything itself,
`(modalities, outputs, task=, width=, dropout=, encoders=, **options)`, given the `ModalitySpec`s it may look at and the
number of outputs. To add a method: one file, one row.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream_seed

if TYPE_CHECKING:
    from torch import nn

    from mmcore.data import DatasetSpec
    from mmcore.data.spec import ModalitySpec


@dataclass(frozen=True)
class ModelEntry:
    """One row of the table.

    Attributes:
        name: in parameters and results.
        builder: `module:attribute`.
        reference: where it comes from.
        tags: what may be asked for: `baseline`, `additive`, `any_interaction`, `sequence`, ...
        kind: `fusion` or `model`, see the module.
        fewest, most: modalities that its mathematics allows; None for any number.
    """

    name: str
    builder: str
    reference: str
    tags: tuple[str, ...]
    kind: str = "fusion"
    fewest: int = 1
    most: int | None = None


MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        "unimodal",
        "mmcore.models.fusions.unimodal:Unimodal",
        "Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3",
        ("baseline", "one_modality"),
        most=1,
    ),
    ModelEntry(
        "early_fusion",
        "mmcore.models.fusions.early:EarlyFusion",
        "Baltrusaitis, Ahuja, Morency 2019, Multimodal Machine Learning (TPAMI 41:2), section 6.1",
        ("fusion", "any_interaction"),
        kind="model",
    ),
    ModelEntry(
        "late_fusion",
        "mmcore.models.fusions.late:Concatenation",
        "Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3, 'late fusion (concatenation)'",
        ("fusion", "baseline", "additive"),
    ),
    ModelEntry(
        "early_fusion_steps",
        "mmcore.models.fusions.early_steps:EarlyFusionSteps",
        "Liang et al. 2021, MultiBench (NeurIPS Datasets and Benchmarks), section 3",
        ("fusion", "any_interaction", "sequence"),
        kind="model",
    ),
    ModelEntry(
        "sum",
        "mmcore.models.fusions.sum:Sum",
        "Hastie, Tibshirani 1986, Generalized additive models (Statistical Science 1:3)",
        ("fusion", "baseline", "additive"),
    ),
    ModelEntry(
        "product",
        "mmcore.models.fusions.product:Product",
        "Kim et al. 2017, Hadamard product for low-rank bilinear pooling (ICLR), section 3",
        ("fusion", "any_interaction", "multiplicative"),
    ),
    ModelEntry(
        "tensor_fusion",
        "mmcore.models.fusions.tensor:TensorFusion",
        "Zadeh et al. 2017, Tensor fusion network (EMNLP)",
        ("fusion", "any_interaction", "multiplicative"),
    ),
    ModelEntry(
        "low_rank_tensor_fusion",
        "mmcore.models.fusions.low_rank_tensor:LowRankTensorFusion",
        "Liu et al. 2018, Efficient low-rank multimodal fusion (ACL)",
        ("fusion", "any_interaction", "multiplicative"),
    ),
    ModelEntry(
        "multiplicative_matrix",
        "mmcore.models.fusions.multiplicative_matrix:MultiplicativeMatrix",
        "Jayakumar et al. 2020, Multiplicative interactions and where to find them (ICLR)",
        ("fusion", "any_interaction", "multiplicative"),
        fewest=2,
    ),
    ModelEntry(
        "multiplicative_vector",
        "mmcore.models.fusions.multiplicative_vector:MultiplicativeVector",
        "Jayakumar et al. 2020, Multiplicative interactions and where to find them (ICLR)",
        ("fusion", "any_interaction", "multiplicative"),
        fewest=2,
    ),
    ModelEntry(
        "multiplicative_scalar",
        "mmcore.models.fusions.multiplicative_scalar:MultiplicativeScalar",
        "Jayakumar et al. 2020, Multiplicative interactions and where to find them (ICLR)",
        ("fusion", "multiplicative"),
        fewest=2,
    ),
    ModelEntry(
        "film",
        "mmcore.models.fusions.film:FeaturewiseModulation",
        "Perez et al. 2018, FiLM: visual reasoning with a general conditioning layer (AAAI)",
        ("fusion", "any_interaction", "multiplicative"),
        fewest=2,
    ),
    ModelEntry(
        "gated_multimodal_unit",
        "mmcore.models.fusions.gated_unit:GatedUnit",
        "Arevalo et al. 2017, Gated multimodal units for information fusion (ICLR workshop)",
        ("fusion", "any_interaction", "multiplicative"),
    ),
    ModelEntry(
        "bilinear_gated",
        "mmcore.models.fusions.bilinear_gated:BilinearGated",
        "Kiela et al. 2018, Efficient large-scale multi-modal classification (AAAI)",
        ("fusion", "any_interaction", "multiplicative"),
        fewest=2,
    ),
    ModelEntry(
        "non_local_gate",
        "mmcore.models.fusions.non_local_gate:NonLocalGate",
        "Wang et al. 2018, Non-local neural networks (CVPR); Liang et al. 2021, MultiBench, section 3",
        ("fusion", "attention", "sequence"),
        kind="model",
        fewest=2,
    ),
    ModelEntry(
        "lower_order_interactions",
        "mmcore.models.fusions.lower_order:LowerOrderInteractions",
        "Liang et al. 2023, Quantifying and modeling multimodal interactions (NeurIPS), section 4.2",
        ("fusion", "any_interaction", "multiplicative"),
        fewest=2,
    ),
    ModelEntry(
        "attention_pooling",
        "mmcore.models.fusions.attention_pooling:AttentionPooling",
        "Ilse, Tomczak, Welling 2018, Attention-based deep multiple instance learning (ICML)",
        ("fusion", "attention"),
    ),
    ModelEntry(
        "late_fusion_transformer",
        "mmcore.models.fusions.late_transformer:LateTransformer",
        "Rheude, Eils, Wild 2025 (arXiv:2512.22991)",
        ("fusion", "any_interaction", "attention", "baseline"),
    ),
    ModelEntry(
        "searched_fusion",
        "mmcore.models.fusions.searched:SearchedFusion",
        "Perez-Rua, Vielzeuf, Pateux, Baccouche, Jurie 2019, MFAS (CVPR), section 3.1",
        ("fusion", "any_interaction"),
        kind="model",
        fewest=2,
    ),
    ModelEntry(
        "mfm",
        "mmcore.models.generative.mfm:FactorisationModel",
        "Tsai, Liang, Zadeh, Morency, Salakhutdinov 2019, Learning factorized multimodal representations (ICLR)",
        ("generative", "any_interaction"),
        kind="model",
    ),
    ModelEntry(
        "mvae",
        "mmcore.models.generative.mvae:VariationalModel",
        "Wu, Goodman 2018, Multimodal generative models for scalable weakly-supervised learning (NeurIPS)",
        ("generative", "any_interaction"),
        kind="model",
    ),
    ModelEntry(
        "mctn",
        "mmcore.models.generative.mctn:TranslationNetwork",
        "Pham, Liang, Manzini, Morency, Poczos 2019, Found in translation (AAAI)",
        ("generative", "sequence", "recurrent", "one_source"),
        kind="model",
        fewest=2,
    ),
    ModelEntry(
        "mult",
        "mmcore.models.sequences.mult:MulT",
        "Tsai et al. 2019, Multimodal transformer for unaligned multimodal language sequences (ACL)",
        ("sequence", "attention", "any_interaction"),
        kind="model",
        fewest=2,
    ),
    ModelEntry(
        "ef_transformer",
        "mmcore.models.sequences.transformers:EarlyFusionTransformer",
        "Tsai et al. 2019 (ACL), table 5, 'early-fusion transformer'",
        ("sequence", "attention", "any_interaction", "ablation"),
        kind="model",
    ),
    ModelEntry(
        "lf_transformer",
        "mmcore.models.sequences.transformers:LateFusionTransformer",
        "Tsai et al. 2019 (ACL), table 5, 'late-fusion transformer'",
        ("sequence", "attention", "additive", "ablation"),
        kind="model",
    ),
    ModelEntry(
        "rmfn",
        "mmcore.models.sequences.rmfn:RMFN",
        "Liang, Liu, Zadeh, Morency 2018, Multimodal language analysis with recurrent multistage fusion (EMNLP)",
        ("sequence", "recurrent", "attention", "any_interaction"),
        kind="model",
    ),
    ModelEntry(
        "ef_lstm",
        "mmcore.models.sequences.lstm:EarlyFusionLSTM",
        "Hochreiter, Schmidhuber 1997, Long short-term memory (Neural Computation 9:8)",
        ("sequence", "recurrent", "baseline", "any_interaction"),
        kind="model",
    ),
    ModelEntry(
        "lf_lstm",
        "mmcore.models.sequences.lstm:LateFusionLSTM",
        "Hochreiter, Schmidhuber 1997, Long short-term memory (Neural Computation 9:8)",
        ("sequence", "recurrent", "baseline", "additive"),
        kind="model",
    ),
    ModelEntry(
        "ctc_alignment",
        "mmcore.models.sequences.ctc:CTCAlignment",
        "Graves et al. 2006, Connectionist temporal classification (ICML); Tsai et al. 2019 (ACL), tables 1 to 3",
        ("sequence", "recurrent", "baseline", "any_interaction"),
        kind="model",
    ),
)


def available_models() -> tuple[str, ...]:
    """Return the names that `build_model` knows, in the order of the table.

    Example:
        >>> available_models()[:3]
        ('unimodal', 'early_fusion', 'late_fusion')
    """
    return tuple(entry.name for entry in MODELS)


def model_entry(name: str) -> ModelEntry:
    """Return the row of the table called `name`.

    Raises:
        InputError: for an unknown name, with the nearest known one.

    Example:
        >>> model_entry("late_fusion").tags
        ('fusion', 'baseline', 'additive')
    """
    for entry in MODELS:
        if entry.name == name:
            return entry
    raise unknown_name("model", name, available_models())


def _chosen(spec: DatasetSpec, modalities: Sequence[str] | None) -> tuple[ModalitySpec, ...]:
    if modalities is None:
        return spec.modalities
    if not modalities or len(set(modalities)) < len(modalities):
        raise InputError("modalities", list(modalities), "each name at most once, at least one", "Correct the list.")
    return tuple(spec.modality(name) for name in modalities)


def _builder(entry: ModelEntry) -> Any:
    module, _, attribute = entry.builder.partition(":")
    return getattr(importlib.import_module(module), attribute)


def accepted_arguments(entry: ModelEntry) -> list[str]:
    """Return the arguments that a model takes besides modalities, label and seed.

    Example:
        >>> accepted_arguments(model_entry("late_fusion"))
        ['width', 'dropout', 'encoders', 'head_depth']
    """
    own = list(inspect.signature(_builder(entry)).parameters)
    if entry.kind == "fusion":
        own = [
            "width",
            "dropout",
            "encoders",
            "head_depth",
            *(name for name in own if name not in ("width", "dropout")),
        ]
    return [name for name in own if name not in ("modalities", "outputs", "task", "sizes")]


def _check_arguments(entry: ModelEntry, arguments: dict[str, Any]) -> None:
    accepted = accepted_arguments(entry)
    for key in arguments:
        if key not in accepted:
            raise unknown_name(f"argument of {entry.name}", key, [*accepted, "modalities", "modality", "label", "seed"])


def _check_number(entry: ModelEntry, modalities: Sequence[ModalitySpec]) -> None:
    found = len(modalities)
    if found < entry.fewest or (entry.most is not None and found > entry.most):
        allowed = f"{entry.fewest} or more" if entry.most is None else f"{entry.fewest} to {entry.most}"
        allowed = f"exactly {entry.most}" if entry.most == entry.fewest else allowed
        names = ", ".join(modality.name for modality in modalities)
        remedy = "Name fewer." if found > entry.fewest else "Name more."
        remedy = "Name one modality." if entry.most == 1 else remedy
        raise InputError("modalities", f"{found} ({names})", f"{allowed} for '{entry.name}'", remedy)


def _built(entry: ModelEntry, modalities: Sequence[ModalitySpec], outputs: int, **arguments: Any) -> nn.Module:
    """The model of a row: of itself, or its fusion put together with encoders and a head."""
    builder = _builder(entry)
    if entry.kind != "fusion":
        return builder(modalities, outputs, **arguments)
    from mmcore.models.assembly import FusedModel

    return FusedModel(modalities, outputs, fusion=builder, **arguments)


def build_model(
    name: str,
    spec: DatasetSpec,
    *,
    modalities: Sequence[str] | None = None,
    modality: str | None = None,
    label: str | None = None,
    seed: int = 0,
    **arguments: Any,
) -> nn.Module:
    """Return an untrained `torch.nn.Module`: `model(inputs, presence, lengths) -> (B, outputs)`.

    Args:
        name: a name of the table; `"unimodal:audio"` is short for `"unimodal"` with `modality="audio"`.
        spec: the dataset's specification (`ds.spec`).
        modalities: the modalities that the model sees (None: all). `modality` is the same for exactly one.
        label: the label column that it predicts (None: the first).
        seed: of the initial weights; torch's global generator is left as it was.
        **arguments: the builder's own, such as `width`, `depth`, `dropout`.

    Raises:
        InputError: for an unknown model, modality, label, encoder or argument, or a number of modalities that the model
            cannot take.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> ds = from_arrays({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> build_model("late_fusion", ds.spec, width=8).outputs
        2
    """
    from mmcore.models.randomness import seeded

    base, _, suffix = name.partition(":")
    if base == "unimodal" and suffix:
        modality = suffix
    elif suffix:
        raise unknown_name("model", name, available_models())
    entry = model_entry(base)
    if modality is not None:
        modalities = (modality,)
    elif base == "unimodal" and modalities is None:
        options = ", ".join(m.name for m in spec.modalities)
        raise InputError("modality", "nothing", options, "Name the one modality, as in 'unimodal:<modality>'.")
    _check_arguments(entry, arguments)
    chosen, target = _chosen(spec, modalities), spec.label(label)
    _check_number(entry, chosen)
    with seeded(stream_seed(seed, "initialisation", base)):
        model = _built(entry, chosen, target.n_outputs, task=target.task, **arguments)
    model.configuration = {  # type: ignore[assignment]
        "name": base,
        "modalities": [m.name for m in chosen],
        "label": target.column,
        "seed": seed,
        "arguments": arguments,
    }
    return model
