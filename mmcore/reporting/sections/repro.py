"""Reproduce this report: commands, hashes, parameters, versions, certificates, references."""

from __future__ import annotations

from mmcore.reporting import format as fmt
from mmcore.reporting.facts import Facts
from mmcore.reporting.view import (
    Block,
    Cell,
    Column,
    Commands,
    Empty,
    Folded,
    Heading,
    Pairs,
    References,
    Table,
    number_head,
)

REFERENCES = (
    "Bertschinger, Rauh, Olbrich, Jost, Ay. Quantifying unique information. Entropy 16, 2014. "
    "Definition of R, U1, U2, S.",
    "Liang et al. Quantifying and modeling multimodal interactions: an information decomposition framework. "
    "NeurIPS 2023. Estimator and model selection.",
    "Fano. Transmission of Information, 1961. Upper bound on accuracy.",
    "Shapley. A value for n-person games, 1953. What each modality adds.",
)


def blocks(facts: Facts) -> tuple[Block, ...]:
    """Return the blocks of the section."""
    provenance = facts.results.get("provenance") or {}
    found: list[Block] = (
        [Commands(tuple(provenance["commands"]))] if provenance.get("commands") else [Empty("no commands recorded")]
    )
    found += [Heading("Where it comes from"), Pairs(_origins(facts))]
    if provenance.get("parameters"):
        rows = tuple((Cell(str(k), code=True), Cell(str(v), code=True)) for k, v in provenance["parameters"].items())
        found.append(
            Folded(
                f"The {fmt.counted(len(rows), 'parameter')}",
                Table("Parameters", (Column("Key"), Column("Value")), rows),
            )
        )
    if provenance.get("files"):
        files = tuple(
            (Cell(f["path"], code=True), Cell(fmt.size(f["bytes"])), Cell(grouped(f["sha256"]), code=True))
            for f in provenance["files"]
        )
        heads = (Column("File"), number_head("Size"), Column("sha256"))
        found.append(Folded("Files and their hashes", Table("Files and their hashes", heads, files)))
    return (*found, Heading("References"), References(REFERENCES))


def grouped(digest: str) -> str:
    """Return the first 32 digits of a hash in groups of eight.

    Example:
        >>> grouped("4f1c9ab0e7d3520c" * 4)
        '4f1c9ab0 e7d3520c 4f1c9ab0 e7d3520c …'
    """
    return " ".join(digest[i : i + 8] for i in range(0, min(len(digest), 32), 8)) + (" …" if len(digest) > 32 else "")


def _origins(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    provenance, spec = facts.results.get("provenance") or {}, facts.spec
    items = []
    about = ", ".join(
        str(v)
        for v in (f"version {spec['version']}" if spec.get("version") else "", spec.get("licence"), spec.get("source"))
        if v
    )
    items.append(
        ("Data", about, f"sha256 {grouped(provenance['data_sha256'])}" if provenance.get("data_sha256") else "")
    )
    if provenance.get("parameters_sha256"):
        items.append(("Parameters", "", f"sha256 {grouped(provenance['parameters_sha256'])}"))
    seeds = ((facts.result("evaluation") or {}).get("protocol") or {}).get("seeds")
    if seeds:
        items.append(("Seeds of the models", ", ".join(str(s) for s in seeds), ""))
    if provenance.get("versions"):
        items.append(("Versions", ", ".join(f"{k} {v}" for k, v in sorted(provenance["versions"].items())), ""))
    items += _certificates(facts)
    return tuple(items)


def _certificates(facts: Facts) -> list[tuple[str, str, str]]:
    gaps = [float(p.diagnostics["gap"]) for p in facts.estimated if p.diagnostics.get("gap") is not None]
    failed = sum(p.diagnostics.get("n_resamples_failed") or 0 for p in facts.estimated)
    items = []
    if gaps:
        exponent = f"{max(gaps):.0e}".replace("-", fmt.MINUS)
        solver = next((p.diagnostics.get("solver") for p in facts.estimated if p.diagnostics.get("solver")), None)
        by = f" by {solver}" if solver else ""
        solved = f"{fmt.counted(len(gaps), 'decomposition')} solved{by}, the widest gap {exponent} bits"
        items.append(("Certificates", f"{solved}; {fmt.counted(failed, 'resample')} failed", ""))
    rows = (facts.result("estimate") or {}).get("rows") or {}
    if rows.get("n_labelled") is not None:
        items.append(("Rows", f"{fmt.count(rows['n_labelled'])} labelled of {fmt.count(rows['n_total'])}", ""))
    return items
