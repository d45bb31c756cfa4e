"""Controlled worlds: independent parts with known atoms, one label, and a way to show symbols without losing any.

    p(s_1, .., s_M, code) = product over parts,      code = (component of each part),      y = merge[code]

Every modality shows one symbol of each part that it has (`parts`); an embedding that an exact decoder can undo
(`embedding`) turns symbols into vectors, sequences or images, so that information and Bayes accuracy of the data are
those of the table. Without `merge` the label is the tuple of all components: the atoms of the world are then the sums
of those of its parts, and its Bayes accuracies the products (Bertschinger et al. 2014: additivity over independent
systems). With `merge` several tuples are one class: a label that is no sum of anything, decomposed by the solver.

Reference: ours. What the thesis's generators lack (section 3.3.1): mixing with zero mean, atoms known before any draw,
synergy without redundancy, unaligned sequences, images, more than two modalities.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from mmcore.data.spec import check_modality_name
from mmcore.data.worlds.embedding import LAYOUTS, Embedding
from mmcore.data.worlds.parts import Part, sample
from mmcore.errors import InputError, unknown_name

Float = NDArray[np.float64]
Codes = NDArray[np.int64]

_MOST_MODALITIES = 6
_MOST_CELLS = 4_000_000


@dataclasses.dataclass(frozen=True)
class ControlledWorld:
    """A world of independent parts.

    Args:
        name: of the world.
        parts: its systems, at least one of which decides something of the label.
        modalities: names, 1 to 6.
        layouts: how each modality shows its symbols, of `LAYOUTS`; one for all, or one each.
        merge: class of each tuple of components, the first part's varying slowest; None: each tuple is a class.
        embedding: sizes and difficulty.

    Raises:
        InputError: for what does not fit together.

    Example:
        >>> world = ControlledWorld("xor", (Part("synergy", (0, 1), noise=0.1),))
        >>> world.n_classes, world.modalities
        (2, ('alpha', 'beta'))
    """

    name: str
    parts: tuple[Part, ...]
    modalities: tuple[str, ...] = ("alpha", "beta")
    layouts: tuple[str, ...] = ("vector",)
    merge: tuple[int, ...] | None = None
    embedding: Embedding = dataclasses.field(default_factory=Embedding)

    def __post_init__(self) -> None:
        for modality in self.modalities:
            check_modality_name(modality)
        count = len(self.modalities)
        if not 1 <= count <= _MOST_MODALITIES or len(set(self.modalities)) != count:
            raise InputError("modalities", self.modalities, f"1 to {_MOST_MODALITIES} different names", "Rename them.")
        for layout in self.layouts:
            if layout not in LAYOUTS:
                raise unknown_name("layouts", layout, LAYOUTS)
        if len(self.layouts) not in (1, count):
            raise InputError("layouts", self.layouts, f"one, or {count}", "Give one layout, or one a modality.")
        for part in self.parts:
            if max(part.modalities) >= count:
                raise InputError("parts", part, f"modalities 0 to {count - 1}", "Name more modalities.")
        if self.n_codes < 2:
            raise InputError("parts", self.parts, "a part that decides something of the label", "Add a part.")
        if self.merge is not None:
            classes = set(self.merge)
            if len(self.merge) != self.n_codes or classes != set(range(len(classes))) or len(classes) < 2:
                allowed = f"{self.n_codes} classes, 0 to at least 1 without a gap"
                raise InputError("merge", self.merge, allowed, "Give the class of each tuple of components.")
        for place, layout in enumerate(self.layouts * (count if len(self.layouts) == 1 else 1)):
            self.embedding.check(self.levels(place), layout)

    @property
    def n_codes(self) -> int:
        """Number of tuples of components."""
        return math.prod(part.n_values for part in self.parts)

    @property
    def n_classes(self) -> int:
        """Number of classes of the label."""
        return self.n_codes if self.merge is None else max(self.merge) + 1

    def layout(self, place: int) -> str:
        """Return the layout of the modality at `place`."""
        return self.layouts[0 if len(self.layouts) == 1 else place]

    def levels(self, place: int) -> tuple[int, ...]:
        """Return the number of levels of each part that the modality at `place` shows, in the order of the parts."""
        return tuple(part.levels for part in self.parts if place in part.modalities)

    def places(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the places of the modalities called `names`.

        Raises:
            InputError: for an unknown name.
        """
        for name in names:
            if name not in self.modalities:
                raise unknown_name("modalities", name, self.modalities)
        return tuple(self.modalities.index(name) for name in names)

    def merged(self, p: Float) -> Float:
        """Return `p` (.., codes) with the codes of one class added up, (.., classes)."""
        if self.merge is None:
            return p
        return np.asarray(p @ np.eye(self.n_classes)[list(self.merge)])


@dataclasses.dataclass(frozen=True, eq=False)
class Symbols:
    """Rows of a world before they are embedded: shown[modality] (n, parts that it shows), classes y (n,)."""

    shown: Mapping[str, Codes]
    y: Codes


def draw_symbols(world: ControlledWorld, n: int, *, seed: int, part: str = "all") -> Symbols:
    """Return `n` rows of symbols; the first rows do not depend on `n`.

    Args:
        world: to draw from.
        n: rows, at least 1.
        seed: of the streams.
        part: name of a stream of rows, such as a split.

    Example:
        >>> rows = draw_symbols(ControlledWorld("xor", (Part("synergy", (0, 1)),)), 4, seed=0)
        >>> bool(((rows.shown["alpha"] ^ rows.shown["beta"])[:, 0] == rows.y).all())
        True
    """
    if n < 1:
        raise InputError("n", n, "1 or more", "Ask for more rows.")
    shown: dict[str, list[Codes]] = {name: [] for name in world.modalities}
    code = np.zeros(n, dtype=np.int64)
    for index, system in enumerate(world.parts):
        symbols, component = sample(system, n, seed=seed, names=(part, index))
        for place in system.modalities:
            shown[world.modalities[place]].append(symbols[place])
        code = code * system.n_values + component
    stacked = {name: np.stack(of, axis=1) if of else np.zeros((n, 0), dtype=np.int64) for name, of in shown.items()}
    return Symbols(stacked, code if world.merge is None else np.array(world.merge)[code])


def pair_table(world: ControlledWorld, first: str, second: str) -> Float:
    """Return the exact p(s1, s2, y) of two modalities, (n1, n2, classes); parts that tell nothing are left out.

    Raises:
        InputError: for an unknown modality, or more than four million cells.

    Example:
        >>> pair_table(ControlledWorld("xor", (Part("synergy", (0, 1)),)), "alpha", "beta").shape
        (2, 2, 2)
    """
    places = world.places((first, second))
    tables = [part.marginal(places) for part in world.parts if part.n_values > 1]
    _check_cells([table.shape for table in tables])
    return world.merged(reduce(_beside, tables))


def _beside(p: Float, q: Float) -> Float:
    """Return the table of two independent systems: symbols and labels are pairs, the first system's slowest."""
    both = np.einsum("ijk,abc->iajbkc", p, q)
    return np.asarray(both.reshape([m * n for m, n in zip(p.shape, q.shape)]))


def _check_cells(shapes: Sequence[tuple[int, ...]]) -> None:
    cells = math.prod(math.prod(shape) for shape in shapes)
    if cells > _MOST_CELLS:
        raise InputError("parts", f"a table of {cells} cells", f"at most {_MOST_CELLS}", "Take fewer parts or levels.")


def subset_table(world: ControlledWorld, names: Sequence[str]) -> Float:
    """Return p(what the modalities `names` show, y) as rows (m, classes), rows of one posterior in a part as one.

    Merging symbols of one posterior changes neither information nor Bayes accuracy. No names: the prior, (1, classes).

    Example:
        >>> subset_table(ControlledWorld("xor", (Part("synergy", (0, 1)),)), ["alpha"]).tolist()
        [[0.5, 0.5]]
    """
    places = world.places(names)
    rows = []
    for part in world.parts:
        if part.n_values > 1:
            flat = part.marginal(places).reshape(-1, part.n_values)
            posterior = (flat / flat.sum(axis=1, keepdims=True).clip(np.finfo(float).tiny)).round(12)
            same = np.unique(posterior[flat.sum(axis=1) > 0], axis=0, return_inverse=True)[1].ravel()
            rows.append(np.eye(same.max() + 1)[same].T @ flat[flat.sum(axis=1) > 0])
    _check_cells([table.shape for table in rows])
    return world.merged(reduce(lambda p, q: np.asarray(np.kron(p, q)), rows))


def posterior(world: ControlledWorld, shown: Mapping[str, Codes]) -> Float:
    """Return p(y | the symbols that some modalities show), (n, classes): what the best classifier of them knows.

    Args:
        world: whose table is used.
        shown: modality -> symbols (n, parts that it shows), as `draw_symbols` or a decoder returns them.

    Raises:
        InputError: for no modality, an unknown one, or symbols that never occur together.

    Example:
        >>> world = ControlledWorld("copy", (Part("shared", (0, 1), noise=0.1),))
        >>> posterior(world, {"beta": np.array([[0], [1]])}).round(6).tolist()
        [[0.9, 0.1], [0.1, 0.9]]
    """
    if not shown:
        raise InputError("shown", "no modality", "symbols of at least one", "Pass {name: symbols}.")
    names = tuple(shown)
    places = world.places(names)
    used, codes = dict.fromkeys(places, 0), np.ones((len(shown[names[0]]), 1))
    for part in world.parts:
        columns = []
        for name, place in zip(names, places):
            showing = place in part.modalities
            columns.append(shown[name][:, used[place]] if showing else np.zeros(len(codes), dtype=np.int64))
            used[place] += showing
        if part.n_values > 1:
            joint = part.marginal(places)[tuple(columns)]
            mass = joint.sum(axis=1, keepdims=True)
            if (mass == 0.0).any():
                row = int(np.flatnonzero(mass == 0.0)[0])
                remedy = "Decode with the seed and the world that the rows were drawn with."
                raise InputError("shown", f"row {row}, which has no probability", "symbols of this world", remedy)
            codes = (codes[:, :, None] * (joint / mass)[:, None, :]).reshape(len(codes), -1)
    return world.merged(codes)
