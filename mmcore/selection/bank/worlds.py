"""Which worlds the bank holds, which methods are tried on each, and the keys by which rows are known.

    key of a row = digest of (revision, world, rows, seed of the rows, method, seed of the fit, settings)

The named worlds that are specialised or mixed, of the thesis and of this project, and random ones of two modalities.
Left out on purpose: `random1` to `random5` and `generative_random1` to `generative_random5`, the new worlds on which a
selection from the bank is judged. Reference: thesis section 3.3.4, whose bank are its ten synthetic sets.
Nothing here draws a row or imports what trains models: the keys alone tell what is missing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmcore.data.worlds import random_world
from mmcore.data.worlds.catalogue import WORLDS, World
from mmcore.data.worlds.controlled import ControlledWorld
from mmcore.errors import InputError, unknown_name
from mmcore.seeds import stream_seed
from mmcore.selection.bank.table import PLACES
from mmcore.selection.trials import trial_key
from mmcore.training.methods import available_methods, fits_number, method_names

if TYPE_CHECKING:
    from mmcore.data import Dataset


@dataclasses.dataclass(frozen=True)
class BankSettings:
    """What the bank is asked to hold, as in `bank.yaml`.

    Attributes:
        revision: part of every key; another one computes everything again.
        seed: of the rows and maps of the worlds.
        rows: split -> how many.
        random_worlds: `first` (seed of the first one) and `classes`, one entry a world.
        left_out: methods that are not tried; left_out_tags: tags of worlds that are not held.
        seeds: of the fits; predictions of the first one are quantified.
        once, once_layouts: methods, and layouts of worlds, with the first seed only.
        only: layout -> the only methods on worlds with such a modality.
        estimate: options of `estimate_dataset`.
        settings: of the trials.
        worlds: names of the only worlds; None: all.
        methods: names of the only methods; None: all.
    """

    revision: int
    seed: int
    rows: Mapping[str, int]
    random_worlds: Mapping[str, Any]
    seeds: Sequence[int]
    estimate: Mapping[str, Any]
    settings: Mapping[str, Any]
    left_out: Sequence[str] = ()
    left_out_tags: Sequence[str] = ()
    once: Sequence[str] = ()
    once_layouts: Sequence[str] = ()
    only: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    worlds: Sequence[str] | None = None
    methods: Sequence[str] | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> BankSettings:
        """Return the settings in a mapping.

        Raises:
            InputError: for an unknown or missing name, an unknown method or world, or no seed.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in values:
            if name not in fields:
                raise unknown_name("bank", str(name), fields)
        missing = [
            name
            for name, one in fields.items()
            if one.default is one.default_factory is dataclasses.MISSING and name not in values
        ]
        if missing:
            raise InputError("bank", f"no {', '.join(missing)}", ", ".join(fields), "Name it in bank.yaml.")
        found = cls(**values)
        if not found.seeds:
            raise InputError("bank.seeds", "none", "one seed or more", "Name a seed.")
        names = (*method_names(), *(f"unimodal:{place}" for place in PLACES))
        listed = {argument: getattr(found, argument) or () for argument in ("left_out", "once", "methods")}
        listed |= {f"only.{layout}": methods for layout, methods in found.only.items()}
        for argument, methods in listed.items():
            for method in methods:
                if method not in names:
                    raise unknown_name(f"bank.{argument}", method, names)
        return found


@dataclasses.dataclass(frozen=True)
class BankWorld:
    """One world of the bank."""

    name: str
    world: World
    tags: tuple[str, ...]

    @property
    def kind(self) -> str:
        """How it is made: controlled (exact truth) or generative (thesis)."""
        return "controlled" if isinstance(self.world, ControlledWorld) else "generative"

    @property
    def layouts(self) -> tuple[str, ...]:
        """Layout of each modality."""
        if isinstance(self.world, ControlledWorld):
            return tuple(self.world.layout(place) for place in range(len(self.world.modalities)))
        return ("vector",) * len(self.world.modalities)

    def definition(self, settings: BankSettings) -> list[Any]:
        """Return everything that its rows depend on, JSON-able."""
        return [settings.revision, self.kind, dataclasses.asdict(self.world), dict(settings.rows), settings.seed]

    def draw(self, settings: BankSettings) -> Dataset:
        """Return its rows."""
        from mmcore.data.worlds import draw

        return draw(self.world, settings.rows, seed=stream_seed(settings.seed, "bank", self.name), name=self.name)

    def key(self, settings: BankSettings) -> str:
        """Return the key of its row in the table of worlds."""
        parts = [self.definition(settings), list(self.tags), dict(settings.estimate)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class AskedTrial:
    """One row that the table of trials should have."""

    world: str
    method: str
    seed: int
    quantify: bool
    key: str


def bank_worlds(settings: BankSettings) -> tuple[BankWorld, ...]:
    """Return the worlds of the bank, in its order.

    Raises:
        InputError: for a world that the bank does not have.
    """
    named = [BankWorld(entry.name, entry.world, entry.tags) for entry in WORLDS.values() if "random" not in entry.tags]
    first = int(settings.random_worlds["first"])
    drawn = []
    for index, n_classes in enumerate(settings.random_worlds["classes"]):
        world = random_world(first + index, n_classes=n_classes)
        drawn.append(BankWorld(world.name, world, ("random", "controlled", "vector")))
    every = {one.name: one for one in (*named, *drawn) if not set(one.tags) & set(settings.left_out_tags)}
    if settings.worlds is None:
        return tuple(every.values())
    for name in settings.worlds:
        if name not in every:
            raise unknown_name("bank.worlds", name, every)
    return tuple(every[name] for name in settings.worlds)


def tried_methods(world: BankWorld, settings: BankSettings) -> tuple[str, ...]:
    """Return the methods that are tried on a world: models of sequences only where it has one."""
    count = len(world.layouts)
    found: list[str] = []
    for method in available_methods():
        if "sequence" in method.tags and "sequence" not in world.layouts:
            continue
        if "one_modality" in method.tags:
            found += [f"{method.name}:{place}" for place in PLACES[:count]]
        elif fits_number(method.name, count):
            found.append(method.name)
    chosen = [name for name in found if name not in settings.left_out]
    limits = [settings.only[layout] for layout in dict.fromkeys(world.layouts) if layout in settings.only]
    for limit in limits if settings.methods is None else [*limits, settings.methods]:
        chosen = [name for name in chosen if name in limit]
    return tuple(chosen)


def asked_trials(world: BankWorld, settings: BankSettings) -> tuple[AskedTrial, ...]:
    """Return the rows that the bank should have of a world, in their order."""
    definition = [world.name, world.definition(settings)]
    rare = bool(set(world.layouts) & set(settings.once_layouts))
    asked = []
    for method in tried_methods(world, settings):
        for place, seed in enumerate(settings.seeds):
            if place > 0 and (rare or method in settings.once):
                continue
            key = trial_key(definition, method, seed, settings.settings, quantify=place == 0)
            asked.append(AskedTrial(world.name, method, seed, place == 0, key))
    return tuple(asked)
