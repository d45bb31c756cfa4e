"""The data, and can they be trusted?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts
from mmcore.reporting.figures import balance
from mmcore.reporting.sentences import meanings
from mmcore.reporting.tokens import NARROW, WIDE
from mmcore.reporting.view import (
    STATUSES,
    Block,
    Cell,
    Column,
    Empty,
    Figure,
    Folded,
    Heading,
    Source,
    Table,
    number_head,
)  # fmt: skip

_KINDS = {"timeseries": "time series"}
_MOST_LABELS = 12


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    found: list[Block] = []
    if facts.description:
        found.append(_balance(facts))
        labels = facts.description.get("labels") or {}
        if len(labels) > _MOST_LABELS:
            found.append(_all_labels(facts, labels))
    found += [Heading(fmt.capital(facts.nouns.modalities)), _modalities(facts)]
    treated = facts.annotations.get("preprocessing")
    if isinstance(treated, Mapping) and treated:
        found.append(Folded("What was done to each of them", _treatment(facts, treated)))
    return (*found, *_checks(facts))


def _treatment(facts: Facts, treated: Mapping[str, Any]) -> Table:
    """What preprocessing and alignment did, one row a modality; column names in full are in dataset.json."""
    aligned = (facts.annotations.get("alignment") or {}).get("modalities") or {}
    rows = []
    for name in facts.modalities:
        record = treated.get(name) or {}
        options = ", ".join(
            f"{key} {_word(value)}" for key, value in (record.get("options") or {}).items() if value is not None
        )
        steps = []
        if record.get("imputed"):
            filled = sum(record["imputed"].values())
            steps.append(f"{fmt.count(filled)} missing numbers filled in, with indicators of where")
        if record.get("fitted_across_folds"):
            steps.append("fitted, without labels, also on rows that some folds test")
        if record.get("dropped_constant"):
            steps.append(f"{fmt.counted(len(record['dropped_constant']), 'constant column')} left out")
        step = str((aligned.get(name) or {}).get("detail") or (aligned.get(name) or {}).get("operation") or "")
        done = Cell(options or "–", quiet="; ".join(steps), quiet_below=True)
        columns = len(record.get("columns") or [])
        rows.append((Cell(name), Cell(fmt.count(columns) if columns else "–"), done, Cell(step or "–")))
    heads = (Column(fmt.capital(facts.nouns.modality)), number_head("Columns now"), Column("Preprocessing"),
             Column("Alignment"))  # fmt: skip
    return Table("What preprocessing and alignment did", heads, tuple(rows))


def _kind(kind: object) -> str:
    return _KINDS.get(str(kind), str(kind))


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _balance(facts: Facts) -> Figure:
    description, nouns = facts.description, facts.nouns
    samples = fmt.plural(nouns.sample)
    kind = description.get("column_kind")
    by = {"group": nouns.group, "fold": "fold", "split": "part"}.get(str(kind), "part")
    title = "Who has which label, and who tests whom" if kind == "group" else f"How the {samples} are divided"
    unit = f"{fmt.capital(samples)} per {nouns.label} and {by}" if kind else f"{fmt.capital(samples)} per {nouns.label}"
    labels = description.get("labels") or {}
    if not labels:
        title, unit = f"How the {samples} are divided", f"{fmt.capital(samples)} in each part of the split"
        unit += f"; {description['folds']} folds test every one of them once" if description.get("folds") else ""
    counted = fmt.plural(nouns.label) if facts.task == "multilabel" else samples  # a sample counts once for each label
    if len(labels) > balance.MOST_LABELS:
        unit += f"; the {balance.KEPT} smallest of {len(labels)}"
    elif labels and kind == "group" and description.get("folds"):
        unit += f"; each fold is tested by {fmt.plural(nouns.group)} that its models never saw"
    return Figure(
        name="balance",
        title=title,
        unit=unit,
        wide=balance.draw(description, counted, WIDE, "balance-w", "wide"),
        narrow=balance.draw(description, counted, NARROW, "balance-n", "narrow"),
        means=meanings.balance(facts),
        source=Source("prepare", "flows/validate.py", "mmcore/data/split.py"),
        note="Darker cells hold more, an outlined cell holds none. Bars give the totals." if labels else "",
    )


def _all_labels(facts: Facts, labels: Mapping[str, int]) -> Folded:
    rows = tuple((Cell(name), Cell(fmt.count(n))) for name, n in labels.items())
    table = Table("All labels and their counts", (Column(fmt.capital(facts.nouns.label)), number_head("Count")), rows)
    return Folded(f"and {len(labels) - balance.KEPT} more", table)


def _modalities(facts: Facts) -> Table:
    n = int(facts.description.get("n") or facts.spec.get("n_samples") or 0)
    counts: Mapping[str, Any] = facts.description.get("missing") or {}
    treated = facts.annotations.get("preprocessing")
    came: Mapping[str, Any] = treated if isinstance(treated, Mapping) else {}
    rows = []
    for modality in facts.spec["modalities"]:
        missing, rate = counts.get(modality["name"]), modality.get("rate")
        shape = " × ".join("any" if size is None else fmt.count(size) for size in modality.get("shape") or [])
        share = f"{fmt.count(missing)} ({fmt.percent(missing / n)})" if missing is not None and n else "–"
        rows.append(
            (
                Cell(modality["name"]),
                Cell(_kind((came.get(modality["name"]) or {}).get("kind") or modality["kind"])),
                Cell(shape or "–"),
                Cell(f"{rate:g}{fmt.NBSP}Hz" if rate else "–"),
                Cell(str(modality.get("unit") or "–")),
                Cell(share),
            )
        )
    heads = (Column(fmt.capital(facts.nouns.modality)), Column("Came as"), number_head("Prepared shape"),
             number_head("Rate"), Column("Unit"), number_head("Missing"))  # fmt: skip
    return Table("Original kind, prepared shape, rate, unit and missing of each modality", heads, tuple(rows))


def _checks(facts: Facts) -> tuple[Block, ...]:
    result = facts.result("checks")
    if result is None:
        return Heading("Acceptance checks"), Empty(f"no checks: {facts.reasons['checks']}")
    checks = result.get("checks") or []
    count = {s: sum(check["status"] == s for check in checks) for s in ("passed", "warning", "failed")}
    warned = fmt.counted(count["warning"], "warning")
    title = f"Acceptance checks: {count['passed']} passed, {warned}, {count['failed']} failed"
    found: list[Block] = [Heading(title.replace(fmt.NBSP, " "))]
    order = {"failed": 0, "warning": 1}
    open_ones = sorted((c for c in checks if c["status"] != "passed"), key=lambda c: order[c["status"]])
    passed = [c for c in checks if c["status"] == "passed"]
    if open_ones:
        found.append(_check_table(open_ones, "Checks that warned or failed"))
    if passed:
        found.append(
            Folded(f"The {fmt.counted(len(passed), 'check')} that passed", _check_table(passed, "Checks that passed"))
        )
    if result.get("quarantine"):
        found.append(_quarantine(facts, result))
    return tuple(found)


def _check_table(checks: list[Mapping[str, Any]], label: str) -> Table:
    rows = tuple(
        (
            Cell(check["title"]), Cell(str(check["found"])), Cell(str(check["allowed"])),
            Cell(status=STATUSES[check["status"]], quiet=str(check.get("detail") or ""), quiet_below=True),
        )
        for check in checks
    )  # fmt: skip
    return Table(label, (Column("Check"), number_head("Found"), number_head("Allowed"), Column("Result")), rows)


def _quarantine(facts: Facts, result: Mapping[str, Any]) -> Folded:
    entries = result["quarantine"]
    rows = tuple((Cell(str(e["sample_id"])), Cell("; ".join(str(r) for r in e["reasons"]))) for e in entries[:50])
    more = len(entries) - len(rows)
    caption = f"The first 50; {fmt.count(more)} more are in checks.json." if more > 0 else ""
    noun = fmt.capital(facts.nouns.sample)
    table = Table("Rows set aside and why", (Column(noun), Column("Reason")), rows, caption=caption)
    allowed = result.get("allowed_share")
    limit = f"; up to {fmt.percent(allowed)} allowed" if allowed is not None else ""
    return Folded(f"{fmt.counted(len(entries), facts.nouns.sample)} set aside{limit}", table)
