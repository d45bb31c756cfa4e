"""Small sequences, with and without lengths of their own, and models on them, for the tests of sequence models."""

from __future__ import annotations

import torch
from torch.nn import functional

from mmcore.data.spec import ModalitySpec
from mmcore.models.randomness import seeded

NAMES = ("vision", "audio", "text")
B = 5


def sequences(*channels, steps=50):
    return [ModalitySpec(name, "timeseries", (steps, size), "float32") for name, size in zip(NAMES, channels)]


def ragged(*channels):
    return [ModalitySpec(n, "timeseries", (None, c), "float32", ragged=True) for n, c in zip(NAMES, channels)]


def built(kind, modalities, seed=0, outputs=3, **options):
    with seeded(seed):
        return kind(modalities, outputs, **{"width": 8, "heads": 2, "layers": 2, **options}).double().eval()


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def unequal_inputs():
    """Inputs and lengths of three sequences that have nothing in common but the batch."""
    lengths = {"vision": [7, 3, 1, 7, 5], "audio": [2, 12, 4, 9, 1], "text": [4, 4, 3, 1, 2]}
    inputs = dict(zip(NAMES, drawn((B, 7, 3), (B, 12, 4), (B, 4, 5))))
    return inputs, {name: torch.tensor(each) for name, each in lengths.items()}


def explicit(queries, keys, values, mask):
    scores = torch.einsum("bhtc,bhsc->bhts", queries, keys) / queries.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return torch.einsum("bhts,bhsc->bthc", torch.softmax(scores, -1), values).flatten(2)


def padded(inputs, lengths, amounts):
    longer = {}
    for (name, values), amount in zip(inputs.items(), amounts):
        values = functional.pad(values, (0, 0, 0, amount))
        inside = torch.arange(values.shape[1]) < lengths[name][:, None]
        longer[name] = torch.where(inside[..., None], values, float("nan"))
    return longer
