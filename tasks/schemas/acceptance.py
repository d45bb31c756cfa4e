"""The acceptance suite of a dataset: what is expected of it, run by Great Expectations, kept as sorted plain results.

Each expectation carries a title, what it allows in words, and whether its failure stops the stage (`gate`) or is a
remark. Great Expectations' own pages load scripts from the network; they are an optional extra.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset
from mmcore.data.faults import MIN_DISTINCT_SHARE

if TYPE_CHECKING:
    from tasks.parameters.model import Validate

SPLITS = ("train", "valid", "test")
_ROUNDING = 1e-12  # a share that is exactly at its limit is allowed


@dataclass(frozen=True)
class Expected:
    """One expectation on one frame, and how the report words it."""

    id: str
    title: str
    frame: str
    expectation: str
    arguments: Mapping[str, Any]
    allowed: str
    source: str
    gate: bool = False
    remedy: str = ""
    found: str = ""


def frames(facts: pd.DataFrame, ds: Dataset, digests: list[str]) -> dict[str, pd.DataFrame]:
    """Return the frames that expectations look at: samples, the dataset as one row, classes, groups and contents.

    Contents are compared between folds where the dataset has folds, else between splits.
    """
    whole = {"modalities": len(ds.modalities), "label_values": len(_label_values(ds))}
    found = {"samples": facts, "dataset": pd.DataFrame([whole])}
    label = next((x for x in ds.spec.labels if x.task == "classification"), None)
    if label is not None:
        counts = facts[label.column].value_counts().reindex(list(label.classes or ()), fill_value=0)
        found["classes"] = pd.DataFrame({"label": counts.index.astype(str), "rows": counts.to_numpy()})
    if "group" in facts:
        splits = facts.groupby("group", sort=True)["split"].nunique()
        found["groups"] = pd.DataFrame({"group": splits.index.astype(str), "splits": splits.to_numpy()})
    # as they are, also a split that is no split: its own check names it
    parts = facts["split"].to_numpy() if ds.folds is None else ds.folds
    contents = pd.DataFrame({"content": digests, "part": parts})
    found["contents"] = contents.groupby("content", sort=True)["part"].nunique().rename("splits").reset_index()
    return found


def _label_values(ds: Dataset) -> list[Any]:
    """Return the different values of the main label, sorted; for a multilabel column, its different sets of names."""
    if not ds.spec.labels:
        return []
    spec = ds.spec.label()
    known = ds.samples[spec.column].dropna()
    if spec.task == "multilabel":
        return sorted({", ".join(names) or "none" for names in known})
    return list(np.unique(known.to_numpy()))


def suite(
    facts: Mapping[str, pd.DataFrame], ds: Dataset, options: Validate, reference: Mapping[str, Any] | None
) -> list[Expected]:
    """Return everything that is expected of this dataset, in the order the report shows it."""
    expected = [
        *_identity(),
        *_substance(ds),
        *_leakage(facts, "split" if ds.folds is None else "fold"),
        *_balance(facts, options),
        *_missing(facts, ds, options),
    ]
    return expected + (_drift(ds, options, reference) if reference else [])


def _identity() -> list[Expected]:
    column = {"column": "sample_id"}
    splits = {"column": "split", "value_set": list(SPLITS)}
    return [
        Expected(
            "sample_id_unique", "Sample ids are unique", "samples", "ExpectColumnValuesToBeUnique", column, "all",
            "expectation", gate=True, remedy="Give every row its own id.",
        ),
        Expected(
            "split_known", "Every row has a split", "samples", "ExpectColumnValuesToBeInSet", splits, "all",
            "expectation", gate=True, remedy="Use train, valid or test.",
        ),
    ]  # fmt: skip


_VALUES = {"classification": ("class", "classes"), "multilabel": ("set of names", "sets of names")}


def _substance(ds: Dataset) -> list[Expected]:
    """What every later stage needs: two modalities, and a label that differs between rows.

    Labels may be missing from rows, also from every row that has two modalities: advice before labels is for those.
    """
    values = _label_values(ds)
    column, task = (ds.spec.label().column, ds.spec.label().task) if ds.spec.labels else ("A label", "")
    one, several = _VALUES.get(task, ("value", "values"))
    count = f"{len(values):,} {several}" if len(values) > 1 else f"one {one}: {values[0]}" if values else "no label"
    modalities = f"one: {ds.modalities[0]}" if len(ds.modalities) == 1 else f"{len(ds.modalities)}"
    remedy = "There is nothing to tell apart: check the labels." if values else (
        "Without any there is nothing to learn: label some rows; not every row needs one."
    )  # fmt: skip
    return [
        Expected(
            "two_modalities", "There are modalities to combine", "dataset", "ExpectColumnValuesToBeBetween",
            {"column": "modalities", "min_value": 2}, "two or more", "expectation", gate=True, found=modalities,
            remedy="With one modality nothing can interact: add another.",
        ),
        Expected(
            "label_values", f"{column} tells rows apart", "dataset", "ExpectColumnValuesToBeBetween",
            {"column": "label_values", "min_value": 2}, f"two {several} or more", "expectation", gate=True,
            found=count, remedy=remedy,
        ),
    ]  # fmt: skip


def _leakage(facts: Mapping[str, pd.DataFrame], part: str) -> list[Expected]:
    one = {"column": "splits", "max_value": 1}
    found = []
    if "groups" in facts:
        found.append(
            Expected(
                "group_one_split", "No group is in two splits", "groups", "ExpectColumnValuesToBeBetween", one, "0",
                "leakage", gate=True, remedy="Split by group, not by row.",
            )
        )  # fmt: skip
    contents = facts["contents"]
    if len(contents) >= MIN_DISTINCT_SHARE * len(facts["samples"]):
        found.append(
            Expected(
                "content_one_split", f"No row repeats in another {part}", "contents", "ExpectColumnValuesToBeBetween",
                one, "0", "leakage", gate=True, remedy=f"Remove the copies from one of the {part}s.",
            )
        )  # fmt: skip
    return found


def _balance(facts: Mapping[str, pd.DataFrame], options: Validate) -> list[Expected]:
    if "classes" not in facts:
        return []
    counts = facts["classes"]["rows"]
    limit = float(counts.min() * options.max_class_imbalance)
    least = options.min_class_rows
    return [
        Expected(
            "class_rows", "Every class has enough rows", "classes", "ExpectColumnValuesToBeBetween",
            {"column": "rows", "min_value": least}, f"≥ {least:,} each", "expectation",
            found=f"fewest {int(counts.min()):,}", remedy="Merge rare classes, or collect more of them.",
        ),
        Expected(
            "class_balance", "Classes are balanced", "classes", "ExpectColumnMaxToBeBetween",
            {"column": "rows", "max_value": limit}, f"largest ≤ {options.max_class_imbalance:g} × smallest",
            "expectation", found=f"{counts.max() / max(int(counts.min()), 1):.1f} ×",
            remedy="Read balanced accuracy beside accuracy.",
        ),
    ]  # fmt: skip


def _missing(facts: Mapping[str, pd.DataFrame], ds: Dataset, options: Validate) -> list[Expected]:
    found = []
    for name in ds.modalities:
        share = 1 - float(ds.presence(name).mean())
        found.append(
            Expected(
                f"missing_{name}", f"{name} is rarely missing", "samples", "ExpectColumnMeanToBeBetween",
                {"column": f"has_{name}", "min_value": 1 - options.max_missing_share},
                f"≤ {options.max_missing_share:.0%} missing", "expectation", found=f"{share:.1%} missing",
                remedy="Read the table of missing modalities; intervals use the rows that have both.",
            )
        )  # fmt: skip
    for label in ds.spec.labels:
        if label.column in facts["samples"]:
            labelled = float(facts["samples"][label.column].notna().mean())
            found.append(
                Expected(
                    f"labelled_{label.column}", f"{label.column} is known", "samples",
                    "ExpectColumnProportionOfNonNullValuesToBeBetween", {"column": label.column, "min_value": 1.0},
                    "all rows", "expectation", found=f"{labelled:.1%} of rows",
                    remedy="Rows without a label take no part in estimation or training.",
                )
            )  # fmt: skip
    return found


def _drift(ds: Dataset, options: Validate, reference: Mapping[str, Any]) -> list[Expected]:
    remedy = f"Look at what changed; if it is right, run 'interplay accept {ds.spec.name}' and commit the reference."
    found = []
    for column, shares in sorted(reference["labels"].items()):
        partition = {"values": list(shares), "weights": list(shares.values())}
        found.append(
            Expected(
                f"drift_{column}", f"Shares of {column} are as accepted", "samples",
                "ExpectColumnKLDivergenceToBeLessThan",
                {"column": column, "partition_object": partition, "threshold": options.max_label_drift},
                f"divergence ≤ {options.max_label_drift:g} nats", "drift", gate=True, remedy=remedy,
            )
        )  # fmt: skip
    for name, accepted in sorted(reference["modalities"].items()):
        if name in ds.modalities:
            found.append(_missing_drift(ds, name, accepted["missing"], options.max_missing_drift, remedy))
        if name in ds.modalities and accepted["mean"] is not None:
            reach = options.max_drift * (accepted["sd"] or abs(accepted["mean"]) or 1.0)
            limits = {"min_value": accepted["mean"] - reach, "max_value": accepted["mean"] + reach}
            found.append(
                Expected(
                    f"drift_{name}", f"{name} is as accepted", "samples", "ExpectColumnMeanToBeBetween",
                    {"column": f"mean_{name}", **limits}, f"mean within {options.max_drift:g} sd", "drift", gate=True,
                    remedy=remedy,
                )
            )  # fmt: skip
    return found


def _missing_drift(ds: Dataset, name: str, accepted: float, allowed: float, remedy: str) -> Expected:
    share = 1 - float(ds.presence(name).mean())
    limits = {"min_value": 1 - accepted - allowed - _ROUNDING, "max_value": 1 - accepted + allowed + _ROUNDING}
    return Expected(
        f"absence_drift_{name}", f"{name} is missing as often as accepted", "samples", "ExpectColumnMeanToBeBetween",
        {"column": f"has_{name}", **limits}, f"within {allowed:.1%} of the accepted {accepted:.1%}", "drift",
        gate=True, remedy=remedy, found=f"{share:.1%} missing",
    )  # fmt: skip


def run_suite(
    expected: list[Expected], facts: Mapping[str, pd.DataFrame], name: str, docs: Path | None = None
) -> list[dict[str, Any]]:
    """Run the suite and return one plain entry a check, in the suite's order.

    Args:
        expected: the suite.
        facts: the frames it looks at.
        name: the dataset's name.
        docs: where to build Great Expectations' own pages, or None.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="file", project_root_dir=str(docs)) if docs else gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    outcomes: dict[str, Any] = {}
    for frame in sorted({item.frame for item in expected}):
        outcomes |= _run_frame(context, gx, frame, [x for x in expected if x.frame == frame], facts[frame], name, docs)
    return [_entry(item, outcomes[item.id], len(facts[item.frame])) for item in expected]


def _run_frame(
    context: Any, gx: Any, frame: str, expected: list[Expected], table: pd.DataFrame, name: str, docs: Path | None
) -> dict[str, Any]:
    source = context.data_sources.add_or_update_pandas(f"{name}-{frame}")
    batch = source.add_dataframe_asset(frame).add_batch_definition_whole_dataframe("all")
    whole = gx.ExpectationSuite(name=f"{name}-{frame}")
    for item in expected:
        kind = getattr(gx.expectations, item.expectation)
        whole.add_expectation(kind(**dict(item.arguments), meta={"id": item.id}))
    whole = context.suites.add_or_update(whole)
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=f"{name}-{frame}", data=batch, suite=whole)
    )
    actions = [gx.checkpoint.UpdateDataDocsAction(name="pages")] if docs else []
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(name=f"{name}-{frame}", validation_definitions=[definition], actions=actions)
    )
    run = checkpoint.run(batch_parameters={"dataframe": table})
    (result,) = run.run_results.values()
    return {outcome.expectation_config.meta["id"]: outcome for outcome in result.results}


def _entry(item: Expected, outcome: Any, n_rows: int) -> dict[str, Any]:
    """Return the plain form of one outcome.

    Raises:
        RuntimeError: when the expectation itself broke; a check that did not run has not passed.
    """
    broken = _exceptions(outcome.exception_info or {})
    if broken:
        raise RuntimeError(f"check {item.id} could not run: {'; '.join(broken)}")
    result = outcome.result
    found = item.found or _found(result, n_rows)
    status = "passed" if outcome.success else ("failed" if item.gate else "warning")
    detail = "" if outcome.success else item.remedy
    examples = sorted({str(value) for value in result.get("partial_unexpected_list", [])})[:5]
    if not outcome.success and examples and item.expectation != "ExpectColumnValuesToBeBetween":
        detail = f"For example {', '.join(examples)}. {detail}"
    return {
        "id": item.id, "title": item.title, "found": found, "allowed": item.allowed, "status": status,
        "detail": detail, "source": item.source,
    }  # fmt: skip


def _exceptions(info: Mapping[str, Any]) -> list[str]:
    """Return what was raised: Great Expectations reports it for the expectation, or once for each of its metrics."""
    nested = [value for value in info.values() if isinstance(value, Mapping)]
    return sorted({str(one.get("exception_message")).strip() for one in (info, *nested) if one.get("raised_exception")})


def _found(result: Mapping[str, Any], n_rows: int) -> str:
    if "unexpected_count" in result:
        return f"{result['unexpected_count']:,} of {n_rows:,}"
    value = result.get("observed_value")
    return f"{value:.3g}" if isinstance(value, int | float) else str(value)
