"""What the recommendation loses against the best model, beside what the habits of the field lose.

For each dataset of `experiments.regret_sets`: its interactions are estimated as the pipeline does it, on training and
validation rows only; `mmcore.selection.propose` names models from the bank; of the first three the one with the best
validation accuracy is read on the test rows (`experiments.regret_measured`), which nothing before has seen. Beside it:

    late_fusion           always late fusion
    random_3, random_1    three models at random with the same choice on validation rows, or one (exact expectations)
    best_on_average       the three of least mean regret over the bank, whatever the dataset
    best_unimodal         the better single modality on validation rows
    nearest_world         the rule of the thesis: three best of the nearest world by atoms without their uncertainty
    with_contestants      the three with late fusion and the best single modality, which the pipeline trains anyway
    rule                  the three models of the rule on the atoms, without a bank
    rule_if_blind         the recommended three, but the rule where no information was found: what was proposed at first
    validation            every model trained, the best on validation rows: what 25 fits for one choice come to

Expected, and written before the first run: the recommended three reach 99 % of the best accuracy in the mean over the
datasets; their regret is smaller than that of late fusion and of random_3, with an interval over sources that excludes
zero. The interval is that of `experiments.regret_choice`. What of this was missed is named in the parameters, stays in
the record under `claims`, and is explained in docs/experiments.md. Estimates are kept in `place`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from experiments.record import RESULTS, Check, run
from experiments.regret_choice import measured_models, outcome, over_datasets, random_outcome, summary
from experiments.regret_sets import RegretSet, regret_sets
from mmcore import information
from mmcore.atomic import write_json
from mmcore.data import Dataset
from mmcore.errors import InputError, unknown_name
from mmcore.information.atoms import ATOMS
from mmcore.information.pairs import estimate_dataset
from mmcore.selection.bank.table import Bank, read_bank
from mmcore.selection.propose import EstimatedPair, propose
from mmcore.selection.recommend import recommend
from mmcore.selection.trials import content_digest

RECOMMENDED, RELATIVE, ALWAYS, RANDOM = "recommended", 0.99, "late_fusion", "random_3"
PLACES = ("first", "second")


def seen_rows(ds: Dataset, rows: str) -> Dataset:
    """Return the rows that the estimate may see: training and validation rows ("fit") or validation rows ("valid")."""
    parts = ("train", "valid") if rows == "fit" else ("valid",)
    return ds.select(np.sort(np.concatenate([ds.rows(part) for part in parts])))


@functools.cache
def _code(package: ModuleType) -> str:
    """Return a digest of the package's source: an estimate is kept only as long as the code that made it."""
    digest = hashlib.sha256()
    for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def estimated(ds: Dataset, entry: RegretSet, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of `estimate.json` of the rows that selection may see, from `place` where it is there."""
    shown = seen_rows(ds, entry.estimate_rows)
    parts = [content_digest(shown), settings["estimate"], settings["seed"], _code(information)]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    path = Path(settings["place"]) / f"estimate-{key}.json"
    if not path.is_file():
        write_json(path, estimate_dataset(shown, options=settings["estimate"], seed=settings["seed"]))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def in_places(model: str, modalities: Sequence[str]) -> str:
    """Return the name of a model with a modality replaced by its place.

    Example:
        >>> in_places("unimodal:audio", ["image", "audio"]), in_places("sum", ["image", "audio"])
        ('unimodal:second', 'sum')
    """
    base, _, suffix = model.partition(":")
    return f"{base}:{PLACES[list(modalities).index(suffix)]}" if suffix else model


def averaged_order(bank: Bank, methods: Sequence[str]) -> list[str]:
    """Return the methods by their mean regret over the bank's worlds of two modalities, least first."""
    trials = bank.trials[(bank.trials["status"] == "trained") & bank.trials["world"].isin(bank.pairs.index)]
    wide = trials[trials["method"].isin(methods)].groupby(["world", "method"])["accuracy_test"].mean().unstack()
    regret = wide.max(axis=1).to_numpy()[:, None] - wide.to_numpy()
    order = np.argsort(np.nanmean(regret, axis=0), kind="stable")
    return [str(wide.columns[place]) for place in order]


def nearest_world(
    estimate: Mapping[str, Any], modalities: Sequence[str], bank: Bank, methods: Sequence[str], top: int
) -> list[str]:
    """Return the models of the rule of the thesis: the best of the nearest world, by atoms without their uncertainty.

    Empty where the pair was refused; the rule's models where no atom counts.
    """
    pair = estimate["pairs"][0]
    if pair["status"] != "estimated":
        return []
    redundancy, unique1, unique2, synergy = (float(pair["raw"][atom]) for atom in ATOMS)
    atoms = EstimatedPair(redundancy, unique1, unique2, synergy, corrected=pair["corrected"], interval=None)
    first, second = modalities
    found = recommend({(first, second): atoms}, bank=bank, methods=methods, top=top, n_neighbours=1)
    return [entry["model"] for entry in found.ranking][:top] or list(found.models)


def _named(content: Mapping[str, Any]) -> list[str]:
    """Return every model of a proposal, best first: the ranking, else the rule's models, else the four baselines."""
    for part in ("ranking", "candidates", "mandatory"):
        if content[part]:
            return [entry["model"] for entry in content[part]]
    return []


def proposals(ds: Dataset, estimate: Mapping[str, Any], bank: Bank, methods: Sequence[str], top: int) -> dict[str, Any]:
    """Return way -> models (by place) of the ways that read the estimate, and the proposal itself."""
    named = [name for name in methods if ":" not in name]
    content = propose(estimate, ds.modalities, bank=bank, methods=named, n_rows=len(ds.rows("train")), top=top)
    ways = {
        RECOMMENDED: _named(content)[:top] if content["candidates"] else _named(content),
        "with_contestants": [entry["model"] for entry in content["candidates"] or content["mandatory"]],
        "rule": _named(propose(estimate, ds.modalities, bank=False, top=top)),
    }
    ways["nearest_world"] = nearest_world(estimate, ds.modalities, bank, named, top) or ways[RECOMMENDED]
    return {"ways": {way: [in_places(m, ds.modalities) for m in names] for way, names in ways.items()}} | {
        "content": content
    }


def _evidence(estimate: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    pair = estimate["pairs"][0]
    atoms = pair["corrected"] or {}
    return {
        "status": pair["status"], "reason": pair.get("reason"),
        **{atom: None if atoms.get(atom) is None else round(float(atoms[atom]), 6) for atom in ATOMS},
        "verdict": content["verdict"], "fallback": content["fallback"],
        "neighbours": [[one["world"], round(float(one["weight"]), 4)] for one in content["neighbours"][:5]],
    }  # fmt: skip


def family(entry: RegretSet) -> str:
    """Return "random", "generative" or "real"."""
    world = entry.definition.get("world")
    if world is None:
        return "real"
    return "generative" if str(world).startswith("generative") else "random"


def judged_ways(
    sets: Mapping[str, RegretSet], accuracies: pd.DataFrame, bank: Bank, settings: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a row an entry and way (`over_datasets`), and of each entry what was estimated and proposed."""
    methods = list(dict.fromkeys(accuracies["method"]))
    average, top = averaged_order(bank, methods), int(settings["top"])
    rows, evidence = [], {}
    for name, entry in sets.items():
        found = measured_models(accuracies[accuracies["dataset"] == name])
        ds = entry.read()
        estimate = estimated(ds, entry, settings)
        proposed = proposals(ds, estimate, bank, methods, top)
        ways = proposed["ways"] | {
            ALWAYS: ["late_fusion"], "best_on_average": average[:top], "validation": list(found.models),
            "best_unimodal": [f"unimodal:{place}" for place in PLACES],
        }  # fmt: skip
        blind = proposed["content"]["fallback"] is not None
        ways["rule_if_blind"] = ways["rule"] if blind else ways[RECOMMENDED]
        told = {way: {"models": models} | outcome(found, models) for way, models in ways.items()}
        told |= {f"random_{size}": {"models": []} | random_outcome(found, size) for size in (1, top)}
        evidence[name] = _evidence(estimate, proposed["content"]) | {"best": found.models[int(found.test.argmax())]}
        for way, one in told.items():
            place = {"entry": name, "source": entry.source, "family": family(entry), "blind": blind, "way": way}
            rows.append(place | one | {"models": " ".join(one["models"])})
        print(name, evidence[name]["best"], told[RECOMMENDED], flush=True)
    return pd.DataFrame(rows), evidence


def claims(found: Mapping[str, Any], way: str, where: str) -> list[Check]:
    """Return what was claimed of a way, beside what was found, of a summary against that way."""
    source = "issue 5, what it must show"
    told = f"{way}, {where}"
    checks = [
        Check(f"{told}: share of the best accuracy", found[way]["relative"]["value"], (RELATIVE, 1.0), source),
        Check(
            f"{told}: the same of the best of the three", found[way]["best_of_set"]["value"], (RELATIVE, 1.0), source
        ),
    ]
    for other in (ALWAYS, RANDOM):
        difference = found[other][f"regret_of_{way}_less"]
        exact = float("inf") if difference["exact"][1] is None else difference["exact"][1]
        checks.append(Check(f"{told}: regret less that of {other}", difference["value"], (-1.0, 0.0), source))
        for interval, high in (("high end", difference["high"]), ("exact high end", exact)):
            checks.append(Check(f"{told}: regret less that of {other}, {interval}", high, (-1.0, 0.0), source))
    return checks


def judged(told: Sequence[Check], missed: Sequence[str]) -> list[Check]:
    """Return the claims that the stage is held to: all but those that the page says were missed.

    Raises:
        InputError: for a missed claim that is none of them.
    """
    for quantity in missed:
        if quantity not in {claim.quantity for claim in told}:
            raise unknown_name("missed", quantity, [claim.quantity for claim in told])
    return [claim for claim in told if claim.quantity not in missed]


def experiment(settings: Mapping[str, Any]) -> tuple[list[Check], dict[str, Any], dict[str, str]]:
    """Return the checks, the summary over all datasets and by family, and the table of choices."""
    root = Path(settings["root"])
    place = RESULTS / "regret_measured" / "accuracies.csv"
    if not root.is_dir() or not place.is_file():
        missing = root if not root.is_dir() else place
        raise InputError("root", str(missing), "the data and the measured accuracies", "Run regret_measured first.")
    sets = regret_sets(root, settings["measured"])
    table, evidence = judged_ways(sets, pd.read_csv(place), read_bank(settings.get("bank")), settings)
    values, sighted = over_datasets(table), over_datasets(table[~table["blind"]])
    results: dict[str, Any] = {
        "all": summary(values, against=RECOMMENDED),
        "information_found": summary(sighted, against=RECOMMENDED),
    }
    told = [
        *claims(results["all"], RECOMMENDED, "all datasets"),
        *claims(results["information_found"], RECOMMENDED, "where information was found"),
    ]
    for name, rows in values.groupby("family", sort=False):
        results[str(name)] = summary(rows, against=RECOMMENDED)
    results |= {"claims": [claim.to_dict() for claim in told], "datasets": evidence}
    checks = judged(told, settings["missed"])
    text = io.StringIO()
    table.round(6).to_csv(text, index=False, lineterminator="\n")
    return checks, results, {"choices.csv": text.getvalue()}


if __name__ == "__main__":
    from experiments.record import parameters

    run("regret", lambda settings: experiment(settings | {"measured": parameters("regret_measured")}))
