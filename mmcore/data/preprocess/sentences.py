"""Sentence embeddings by a model of the optional package sentence-transformers, from a local folder only.

The model is identified by the SHA-256 of its files: state that was fitted with one model is not applied with another.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np

from mmcore.errors import InputError

_PACKAGE_REMEDY = "Install it with: pip install 'interplay[sentences]', or use method: tfidf."


def model_digest(name: str, model: str | None) -> str:
    """Return the SHA-256 over the names and contents of the files of the model folder.

    Raises:
        InputError: where `model` is not a local folder.
    """
    folder = Path(model) if model else None
    if folder is None or not folder.is_dir():
        remedy = "Download a sentence-transformers model yourself and give the path of its folder."
        raise InputError(f"{name}.model", repr(model), "a local folder", remedy)
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def require_package(name: str) -> None:
    """Raise `InputError` with the command that installs sentence-transformers where it is missing."""
    if "sentence_transformers" not in sys.modules and importlib.util.find_spec("sentence_transformers") is None:
        received = "sentences, but sentence-transformers is not installed"
        raise InputError(f"{name}.method", received, "hashing, tfidf", _PACKAGE_REMEDY)


def encode_sentences(name: str, texts: list[str], model: str, expected: str) -> np.ndarray:
    """Return unit vectors (n, d) float32 of the texts.

    Raises:
        InputError: where the package is missing, or the model's files are not those of the fit.
    """
    require_package(name)
    if model_digest(name, model) != expected:
        remedy = "Restore the folder, or fit the preprocessing again."
        raise InputError(f"{name}.model", f"other files in {model}", "the model of the fit", remedy)
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(model, device="cpu", local_files_only=True)
    vectors = encoder.encode(texts, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
    return np.asarray(vectors, dtype=np.float32)
