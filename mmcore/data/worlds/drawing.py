"""Rows of a world as a dataset, and the way back from it to symbols and posteriors.

Rows are independent, so a split by place is a random one: of every 20 rows 14 train, 3 validate and 3 test, and the
first rows of a controlled world stay the same however many are drawn. With `n` by split, each split has a stream of its
own: more training rows leave the others as they are.

What a world holds, `mmcore.information.worlds` tells: nothing here needs a solver. Generative sets cut ranks into
classes of equal size over all rows, so their labels are those of the whole draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmcore.data.arrays import from_arrays
from mmcore.data.dataset import Dataset
from mmcore.data.ragged import Ragged
from mmcore.data.spec import SPLITS
from mmcore.data.worlds import images, sequences, vectors
from mmcore.data.worlds.catalogue import World, find_world
from mmcore.data.worlds.controlled import ControlledWorld, Symbols, draw_symbols, posterior
from mmcore.data.worlds.generative import GenerativeWorld, generate_ratios
from mmcore.errors import InputError, unknown_name

Codes = NDArray[np.int64]

LEAST_ROWS = 20
# 14, 3 and 3 of 20, spread out so that a few rows already hold all three
PATTERN = np.array([{3: "valid", 10: "valid", 17: "valid", 6: "test", 13: "test", 19: "test"}.get(i, "train")
                    for i in range(LEAST_ROWS)])  # fmt: skip
KIND_OF = {"vector": "embedding", "sequence": "timeseries", "image": "image"}


def draw(
    world: World | str,
    n: int | Mapping[str, int],
    *,
    seed: int,
    name: str | None = None,
    annotations: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return `n` rows of a world as a dataset.

    Args:
        world: a name of `WORLDS`, or a world.
        n: rows, at least 20, split 70/15/15; or rows of each split, as {"train": 1000, "valid": 500, "test": 5000}.
        seed: of the rows, and of the maps that show symbols; another seed is another dataset of the same truth.
        name: of the dataset; None: the world's.
        annotations: more of them, such as `truth(world).annotations()`.

    Returns:
        A dataset with classes `class0`, ..; its `annotations` hold the name of the `world`.

    Raises:
        InputError: for an unknown name or split, or too few rows.

    Example:
        >>> ds = draw("pure_synergy", 40, seed=0)
        >>> ds.modalities, ds["alpha"].shape, len(ds.rows("train"))
        (('alpha', 'beta'), (40, 16), 28)
    """
    spec = find_world(world) if isinstance(world, str) else world
    sizes = _sizes(n)
    if isinstance(spec, GenerativeWorld):
        arrays, y = _generative(spec, sum(sizes.values()), seed)
    else:
        arrays, y = _controlled(spec, sizes, seed)
    split = np.resize(PATTERN, len(y)) if "all" in sizes else np.repeat(list(sizes), list(sizes.values()))
    layouts = [spec.layout(k) if isinstance(spec, ControlledWorld) else "vector" for k in range(len(spec.modalities))]
    return from_arrays(
        arrays,
        labels=[f"class{code}" for code in y],
        classes=[f"class{code}" for code in range(spec.n_classes)],
        name=name or spec.name,
        kinds={modality: KIND_OF[layout] for modality, layout in zip(spec.modalities, layouts)},
        split=split,
        annotations={
            "question": f"Which of {spec.n_classes} classes is this?",
            "sample_noun": "sample",
            "label_noun": "class",
            "world": spec.name,
            **(annotations or {}),
        },
        licence="Apache-2.0",
        source="mmcore/data/worlds",
        seed=seed,
    )


def _sizes(n: int | Mapping[str, int]) -> dict[str, int]:
    if not isinstance(n, Mapping):
        if n < LEAST_ROWS:
            raise InputError("n", n, f"{LEAST_ROWS} or more", "Ask for more rows.")
        return {"all": int(n)}
    for part, rows in n.items():
        if part not in SPLITS:
            raise unknown_name("n", str(part), SPLITS)
        if rows < 1:
            raise InputError(f"n[{part!r}]", rows, "1 or more", "Leave the split out, or ask for more rows.")
    if "train" not in n:
        raise InputError("n", dict(n), "rows of 'train' at least", "Give rows of the training split.")
    return {part: int(n[part]) for part in SPLITS if part in n}


def _generative(world: GenerativeWorld, n: int, seed: int) -> tuple[dict[str, Any], Codes]:
    rows = generate_ratios(
        world.ratios,
        n,
        n_classes=world.n_classes,
        dropout=world.dropout,
        block=world.block,
        mapped=world.mapped,
        variance=world.variance,
        seed=seed,
    )
    return {"x1": rows.x1.astype(np.float32), "x2": rows.x2.astype(np.float32)}, rows.y


def _controlled(world: ControlledWorld, sizes: Mapping[str, int], seed: int) -> tuple[dict[str, Any], Codes]:
    shown, labels = [], []
    for part, n in sizes.items():
        symbols = draw_symbols(world, n, seed=seed, part=part)
        shown.append(embed(world, symbols, seed=seed, part=part))
        labels.append(symbols.y)
    arrays = {name: _joined([one[name] for one in shown]) for name in world.modalities}
    return arrays, np.concatenate(labels)


def _joined(pieces: Sequence[Any]) -> Any:
    if len(pieces) == 1 or not isinstance(pieces[0], Ragged):
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    lengths = np.concatenate([piece.lengths for piece in pieces])
    times = np.concatenate([piece.times for piece in pieces])
    return Ragged(np.concatenate([piece.values for piece in pieces]), np.concatenate([[0], lengths.cumsum()]), times)


def embed(world: ControlledWorld, symbols: Symbols, *, seed: int, part: str = "all") -> dict[str, Any]:
    """Return what each modality shows of `symbols`: vectors (n, width), `Ragged`, or images (n, size, size, 1).

    Args:
        world: whose layouts and embedding are used.
        symbols: as `draw_symbols` returns them.
        seed: of the maps and the noise.
        part: name of the stream of rows.

    Example:
        >>> from mmcore.data.worlds.catalogue import find_world
        >>> world = find_world("image_synergy")
        >>> embed(world, draw_symbols(world, 3, seed=0), seed=0)["beta"].shape
        (3, 16, 16, 1)
    """
    shown: dict[str, Any] = {}
    for place, name in enumerate(world.modalities):
        levels, layout, codes = world.levels(place), world.layout(place), symbols.shown[name]
        if layout == "sequence":
            # another rate in each modality: its clock is of no use to the others
            shown[name] = sequences.encode(
                codes, levels, world.embedding, seed=seed, modality=name, part=part, rate=10.0 + 5.0 * place
            )
        else:
            encode = vectors.encode if layout == "vector" else images.encode
            shown[name] = encode(codes, levels, world.embedding, seed=seed, modality=name, part=part)
    return shown


def decode(world: ControlledWorld, dataset: Dataset, *, seed: int) -> dict[str, Codes]:
    """Return the symbols of every row, modality -> (n, parts that it shows): exactly those that were drawn.

    Args:
        world: that the dataset was drawn from.
        dataset: as `draw` returned it, values untouched.
        seed: as given to `draw`.

    Example:
        >>> world = find_world("pure_synergy")
        >>> decode(world, draw(world, 40, seed=1), seed=1)["beta"].shape
        (40, 1)
    """
    found: dict[str, Codes] = {}
    for place, name in enumerate(world.modalities):
        levels, layout, values = world.levels(place), world.layout(place), dataset[name]
        if isinstance(values, Ragged):
            found[name] = sequences.decode(values, levels, world.embedding, seed=seed, modality=name)
        else:
            decoder = vectors.decode if layout == "vector" else images.decode
            found[name] = decoder(values, levels, world.embedding, seed=seed, modality=name)
    return found


def oracle(
    world: ControlledWorld, dataset: Dataset, *, seed: int, modalities: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Return the true p(y | the values of some modalities) of every row, (n, classes): the best that a model can say.

    Args:
        world: that the dataset was drawn from.
        dataset: as `draw` returned it.
        seed: as given to `draw`.
        modalities: that are looked at; None: all.

    Raises:
        InputError: for an unknown modality.

    Example:
        >>> ds = draw("pure_redundancy", 1000, seed=0)
        >>> p = oracle(find_world("pure_redundancy"), ds, seed=0)
        >>> bool(abs((p.argmax(axis=1) == ds.labels()).mean() - 0.95) < 0.03)
        True
    """
    names = world.modalities if modalities is None else tuple(modalities)
    world.places(names)
    symbols = decode(world, dataset, seed=seed)
    return posterior(world, {name: symbols[name] for name in names})
