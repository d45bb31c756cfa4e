"""The results of all stages as typed facts: the one place that knows the keys of the result files.

Every result may be missing or refused; the facts then hold None (or nothing) and `reasons` says why in one sentence.
No fact is computed from a drawing, so a number in a sentence and the same number in a figure are one field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmcore.errors import InputError
from mmcore.reporting.metrics import Metric, metric_named
from mmcore.reporting.parts import Estimate, Model, Nouns, Pair, Subset, Tested, model_name, model_words

__all__ = [
    "ATOMS", "STAGES", "Estimate", "Facts", "Model", "Nouns", "Pair", "Subset", "Tested", "facts_of", "model_name",
    "model_words",
]  # fmt: skip

ATOMS = ("unique1", "redundancy", "unique2", "synergy")
STAGES = ("checks", "estimate", "selection", "training", "verdict", "evaluation", "explanation", "interactions")
_STAGE_OF = {
    "checks": "prepare", "estimate": "estimate", "selection": "select", "training": "learn", "verdict": "learn",
    "evaluation": "learn", "explanation": "learn", "interactions": "learn",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """All that a page says about one dataset."""

    name: str
    spec: Mapping[str, Any]
    annotations: Mapping[str, Any]
    description: Mapping[str, Any]
    nouns: Nouns
    modalities: tuple[str, ...]
    results: Mapping[str, Any]
    reasons: Mapping[str, str]
    metric: Metric
    entropy: float | None
    classes: tuple[str, ...]
    alone: Mapping[str, Estimate]
    pairs: tuple[Pair, ...]
    models: tuple[Model, ...]
    subsets: tuple[Subset, ...]
    against_rest: tuple[Pair, ...] = ()

    def result(self, stage: str) -> Mapping[str, Any] | None:
        """Return the result of a stage, None where it is missing or refused."""
        return None if stage in self.reasons else self.results[stage]

    @property
    def estimated(self) -> tuple[Pair, ...]:
        """The pairs that have their four parts."""
        return tuple(pair for pair in self.pairs if pair.estimated)

    @property
    def leading(self) -> Pair | None:
        """The pair whose synergy is most surely there: the largest lower end, ties in order of the modalities."""
        found = self.estimated
        if not found:
            return None
        return max(enumerate(found), key=lambda item: (_lower_end(item[1].atoms["synergy"]), -item[0]))[1]

    @property
    def recommended(self) -> Model | None:
        """The model that the verdict names."""
        return next((model for model in self.models if model.recommended), None)

    @property
    def grouped(self) -> bool:
        """Whether rows belong to groups that must not be split."""
        return bool(self.description.get("groups"))

    @property
    def counts_groups(self) -> bool:
        """Whether the number of groups says more than that of rows: not where nearly each row is its own group."""
        groups, n = int(self.description.get("groups") or 0), int(self.description.get("n") or 0)
        return 0 < groups < 0.9 * n and self.nouns.group != self.nouns.sample

    def clusters_alone(self, name: str) -> int | None:
        """Return into how many clusters a modality by itself was cut."""
        entries = (self.result("estimate") or {}).get("information") or []
        return next((entry.get("clusters") for entry in entries if entry["modalities"] == [name]), None)

    def share_estimated(self, names: tuple[str, ...]) -> float:
        """Return which part of the labelled rows the estimate for these modalities rests on; 1 where it is silent."""
        estimate = self.result("estimate") or {}
        total = (estimate.get("rows") or {}).get("n_labelled")
        entries = [(e["modalities"], e.get("n_rows")) for e in estimate.get("information") or []]
        entries += [([pair.first, pair.second], pair.n_rows) for pair in self.pairs]
        used = next((n for members, n in entries if set(members) == set(names)), None)
        return used / total if used and total else 1.0

    def model(self, key: str) -> Model | None:
        """Return the model with this key."""
        return next((model for model in self.models if model.key == key), None)

    @property
    def task(self) -> str | None:
        """What the label is: classification, multilabel or regression; None where nothing says so."""
        labels = self.spec.get("labels") or [{}]
        return None if labels[0].get("task") is None else str(labels[0]["task"])

    @property
    def bins(self) -> int | None:
        """Into how many equally full bins the estimate cut the numbers of the label; None where it is no number."""
        label = (self.result("estimate") or {}).get("label") or {}
        return len(label["classes"]) if self.task == "regression" and label.get("classes") else None

    @property
    def majority_rate(self) -> float | None:
        """The accuracy of always giving the most frequent label; None where the metric is another."""
        rate = (self.result("evaluation") or {}).get("majority_rate") if self.metric.key == "accuracy" else None
        return None if rate is None else float(rate)

    def subset(self, present: tuple[str, ...]) -> Subset | None:
        """Return the subset in which exactly these modalities are present."""
        return next((subset for subset in self.subsets if set(subset.present) == set(present)), None)


def _lower_end(estimate: Estimate) -> float:
    return estimate.value if estimate.low is None else estimate.low


def _reason(stage: str, result: Mapping[str, Any] | None) -> str | None:
    if result is None:
        return f"Stage {_STAGE_OF[stage]} has left no result for it."
    if result.get("status") in ("refused", "absent", "failed"):
        return str(result.get("reason") or f"Stage {_STAGE_OF[stage]} gave no reason.")
    return None


def _pair(raw: Mapping[str, Any], truths: Mapping[tuple[str, str], Mapping[str, float]]) -> Pair:
    first, second = raw.get("first") or raw["modality"], raw.get("second") or "all others"
    estimated = raw.get("status", "estimated") == "estimated"
    intervals, corrected = raw.get("interval") or {}, raw.get("corrected") or raw.get("raw") or {}
    atoms = {a: Estimate(float(corrected[a]), *(intervals.get(a) or (None, None))) for a in ATOMS} if estimated else {}
    information = {k: Estimate.of(v) for k, v in (raw.get("information") or {}).items()} if estimated else {}
    return Pair(
        first=first,
        second=second,
        reason=None if estimated else str(raw.get("reason") or "The estimate was refused without a reason."),
        atoms=atoms,
        raw=raw.get("raw") or {},
        information={key: value for key, value in information.items() if value is not None},
        truth=raw.get("truth") or truths.get((first, second)),
        null=raw.get("null") or {},
        n_rows=raw.get("n_rows"),
        n_groups=raw.get("n_groups"),
        clusters=tuple(raw.get("clusters") or ()),
        diagnostics=raw.get("diagnostics") or {},
        p_values=raw.get("p_values") or {},
        synergy_bounds=(raw.get("bounds") or {}).get("synergy"),
        others=raw.get("others") or {},
    )


def _model(raw: Mapping[str, Any], metric: Metric) -> Model:
    metrics = {key: Estimate.of(value) for key, value in (raw.get("metrics") or {}).items()}
    found = {key: value for key, value in metrics.items() if value is not None}
    difference = raw.get("difference") or None
    score = found.get(metric.key)
    return Model(
        key=raw["model"],
        modalities=tuple(raw.get("modalities") or ()),
        score=score,
        difference=Estimate.of(difference),
        against=difference["to"] if difference else None,
        metrics=found,
        n_parameters=raw.get("n_parameters"),
        flops=raw.get("flops"),
        recommended=bool(raw.get("recommended")),
        reason=None if score else str(raw.get("reason") or "It has no score."),
        to_late=Tested.of(difference),
        to_single=Tested.of(raw.get("difference_unimodal")),
    )


def _ordered_models(models: list[Model], metric: Metric) -> tuple[Model, ...]:
    sign = -1 if metric.higher_is_better else 1
    return tuple(sorted(models, key=lambda m: (m.score is None, sign * m.score.value if m.score else 0, m.key)))


def _ordered_subsets(raw: list[Mapping[str, Any]], modalities: tuple[str, ...]) -> tuple[Subset, ...]:
    def key(subset: Subset) -> tuple[int, list[int]]:
        return -len(subset.present), sorted(modalities.index(name) for name in subset.present)

    found = [
        Subset(
            tuple(sorted(entry["present"], key=modalities.index)),
            Estimate.of(entry.get("trained_on")),
            Estimate.of(entry.get("absent_at_test")),
            entry.get("trained_model"),
        )
        for entry in raw
    ]
    return tuple(sorted(found, key=key))


def _nouns(annotations: Mapping[str, Any]) -> Nouns:
    given = {kind: annotations.get(f"{kind}_noun") for kind in ("sample", "group", "label", "modality")}
    return Nouns(**{kind: str(noun) for kind, noun in given.items() if noun})


def facts_of(results: Mapping[str, Any]) -> Facts:
    """Return the facts in `results` (see `mmcore.reporting.build_page` for its keys).

    Raises:
        InputError: the dataset's own description, without which there is nothing to report on, is missing.
    """
    spec = results.get("dataset")
    if not spec or "name" not in spec:
        raise InputError("results['dataset']", spec, "the content of dataset.json", "Run the prepare stage first.")
    annotations = spec.get("annotations") or {}
    reasons = {stage: reason for stage in STAGES if (reason := _reason(stage, results.get(stage)))}
    modalities = tuple(modality["name"] for modality in spec["modalities"])
    estimate = {} if "estimate" in reasons else results["estimate"]
    evaluation = {} if "evaluation" in reasons else results["evaluation"]
    labels = spec.get("labels") or [{}]
    label = estimate.get("label") or labels[0]
    metric = metric_named(
        evaluation.get("metric", "accuracy"), evaluation.get("higher_is_better"), labels[0].get("unit")
    )
    truths = {(t["first"], t["second"]): t for t in annotations.get("truth") or []}
    alone = {i["modalities"][0]: Estimate.of(i) for i in estimate.get("information") or [] if len(i["modalities"]) == 1}
    return Facts(
        name=spec["name"],
        spec=spec,
        annotations=annotations,
        description=results.get("description") or {},
        nouns=_nouns(annotations),
        modalities=modalities,
        results=results,
        reasons=reasons,
        metric=metric,
        entropy=label.get("entropy"),
        classes=tuple(str(c) for c in label.get("classes") or ()),
        alone={name: value for name, value in alone.items() if value is not None},
        pairs=tuple(_pair(raw, truths) for raw in estimate.get("pairs") or []),
        models=_ordered_models([_model(raw, metric) for raw in evaluation.get("models") or []], metric),
        subsets=_ordered_subsets(evaluation.get("subsets") or [], modalities),
        against_rest=tuple(_pair(raw, {}) for raw in estimate.get("against_rest") or []),
    )
