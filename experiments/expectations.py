"""What the READMEs of the real datasets lead one to expect, written before any estimate was made.

Where a README calls modalities complementary the expectation is unique or synergy; `why` quotes what it rests on.
"""

from __future__ import annotations

import dataclasses

UNIQUE_OR_SYNERGY = ("unique1", "unique2", "synergy")


@dataclasses.dataclass(frozen=True)
class Expectation:
    """One pair of a dataset, the atoms that may be the largest, and why."""

    dataset: str
    first: str
    second: str
    largest: tuple[str, ...]
    why: str


EXPECTATIONS = (
    Expectation("mfeat", "fou", "kar", ("redundancy",), "two views of one digit: strong redundancy"),
    Expectation("mfeat", "fac", "pix", ("redundancy",), "two views of one digit: strong redundancy"),
    Expectation("mfeat", "fou", "zer", ("redundancy",), "two views of one digit: strong redundancy"),
    Expectation("mfeat", "kar", "mor", ("redundancy",), "two views of one digit: strong redundancy"),
    Expectation("movies_wikidata", "content", "critic", UNIQUE_OR_SYNERGY, "unique and complementary"),
    Expectation("movies_wikidata", "content", "market", UNIQUE_OR_SYNERGY, "unique and complementary"),
    Expectation("movies_wikidata", "critic", "market", UNIQUE_OR_SYNERGY, "unique and complementary"),
    Expectation("stress_predict", "eda", "acc", UNIQUE_OR_SYNERGY, "unique and complementary"),
    Expectation("stress_predict", "eda", "hr", UNIQUE_OR_SYNERGY, "unique and complementary"),
    Expectation("stress_predict", "temp", "acc", UNIQUE_OR_SYNERGY, "unique and complementary"),
    Expectation("mosi", "text_minilm", "audio", ("unique1",), "text unique, fusion hurts"),
    Expectation("mosi", "text_minilm", "video", ("unique1",), "text unique; video on test rows only, it is leaky"),
    Expectation("avmnist_redundant", "image", "audio", ("redundancy",), "the clip says the digit of the image"),
    Expectation("avmnist_unique", "image", "audio", ("unique1",), "the clip's digit is independent of the label"),
    Expectation("avmnist_synergy", "image", "audio", ("synergy",), "label: (image >= 5) xor (clip >= 5), independent"),
)
