"""Text to vectors: signed hashing, tf-idf with an optional truncated SVD, or a sentence-embedding model.

* `hashing`: term t adds sign(t) to entry h(t) mod `dimensions`, then the row is divided by its Euclidean norm
  (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009). h and sign come from BLAKE2b, so
  they are the same in every process and on every machine. Nothing is fitted.
* `tfidf`: count(t) (ln((1 + n) / (1 + n_t)) + 1), divided by the row's norm, with n training texts of which n_t hold t
  (Manning et al., Introduction to Information Retrieval, 2008, chapter 6; smoothed as scikit-learn does). The
  vocabulary is the `max_features` terms in most training texts (ties by spelling). With `components`, rows are
  projected on the leading right singular vectors of the training matrix (not centred; Deerwester et al. 1990), at most
  as many as the matrix has, the largest entry of each made positive.
* `sentences`: a model of the package sentence-transformers from a local folder; nothing is downloaded.

A text without any known term is a row of zeros and is counted in the record. Text that comes as numbers (word vectors
made elsewhere) is scaled as an embedding is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from mmcore.data.preprocess.contract import Fitted, Output, Rows
from mmcore.data.preprocess.embedding import apply_embedding, fit_embedding
from mmcore.data.preprocess.sentences import encode_sentences, model_digest, require_package
from mmcore.data.preprocess.tokens import NGRAMS, terms_of
from mmcore.data.ragged import Ragged
from mmcore.errors import InputError
from mmcore.seeds import stream

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

METHODS = ("hashing", "tfidf", "sentences")
_SCALING = {"scaling": "standard", "per_group": False}


def hash_term(term: str, dimensions: int) -> tuple[int, int]:
    """Return the entry and the sign of a term.

    Example:
        >>> hash_term("agnès varda", 256)
        (164, 1)
    """
    value = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little")
    return (value >> 1) % dimensions, 1 if value & 1 else -1


def _is_numeric(rows: Rows) -> bool:
    return isinstance(rows.values, Ragged) or rows.values.dtype.kind in "fiub"


def _texts(rows: Rows) -> list[str]:
    if rows.values.dtype.kind != "U" or rows.values.ndim != 1:  # type: ignore[union-attr]
        received = f"{rows.values.dtype}, {getattr(rows.values, 'ndim', 2) - 1} axes a sample"
        raise InputError(rows.name, received, "one text a sample", "Join the parts of a sample into one text.")
    return rows.values.tolist()  # type: ignore[union-attr]


def _terms(rows: Rows, options: dict[str, Any]) -> list[list[str]]:
    span = tuple(options["ngrams"] or NGRAMS[options["tokens"]])
    return terms_of(_texts(rows), options["tokens"], (span[0], span[1]), options["separator"])


def _unit_rows(matrix: csr_matrix) -> csr_matrix:
    """Return the rows divided by their Euclidean norm; a row of zeros stays."""
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return matrix.multiply(scale[:, None]).tocsr()


def hashed_rows(terms: list[list[str]], dimensions: int) -> csr_matrix:
    """Return the signed hashed counts of every text, rows of norm 1, (n, dimensions).

    Example:
        >>> hashed_rows([["agnès varda"]], 256)[0, 164]
        np.float64(1.0)
    """
    from scipy.sparse import csr_matrix

    known: dict[str, tuple[int, int]] = {}
    entries, signs, starts = [], [], [0]
    for text in terms:
        for term in text:
            if term not in known:
                known[term] = hash_term(term, dimensions)
            entries.append(known[term][0])
            signs.append(known[term][1])
        starts.append(len(entries))
    matrix = csr_matrix((np.array(signs, dtype=float), np.array(entries), starts), shape=(len(terms), dimensions))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return _unit_rows(matrix)


def weighted_rows(terms: list[list[str]], vocabulary: list[str], weights: np.ndarray) -> csr_matrix:
    """Return the tf-idf rows of every text, of norm 1, (n, len(vocabulary))."""
    from scipy.sparse import csr_matrix

    index = {term: j for j, term in enumerate(vocabulary)}
    entries, starts = [], [0]
    for text in terms:
        entries += [index[term] for term in text if term in index]
        starts.append(len(entries))
    counts = csr_matrix((np.ones(len(entries)), np.array(entries, dtype=int), starts), shape=(len(terms), len(index)))
    counts.sum_duplicates()
    return _unit_rows(counts.multiply(weights[None, :]).tocsr())


def leading_directions(matrix: csr_matrix, components: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading right singular vectors (k, d), largest first, and their singular values (k,)."""
    from scipy.sparse.linalg import svds

    count = min(components, *matrix.shape)
    with threadpool_limits(1):  # how many threads share a sum decides its last bits
        if count < min(matrix.shape):
            start = stream(seed, "preprocess", "svd").standard_normal(min(matrix.shape))
            _, values, directions = svds(matrix, k=count, v0=start, solver="arpack")
        else:
            _, values, directions = np.linalg.svd(matrix.toarray(), full_matrices=False)
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > values.max() * max(matrix.shape) * np.finfo(float).eps]
    directions = directions[order]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    return directions * np.sign(largest), values[order]


def _fit_tfidf(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    terms = _terms(rows, options)
    found = Counter(term for text in terms for term in set(text))
    frequent = [(n, term) for term, n in found.items() if n >= options["min_documents"]]
    vocabulary = [term for _, term in sorted(frequent, key=lambda entry: (-entry[0], entry[1]))]
    vocabulary = sorted(vocabulary[: options["max_features"]])
    if not vocabulary:
        received = f"no term that {options['min_documents']} of {len(terms)} training texts share"
        raise InputError(f"{rows.name}.min_documents", received, "at least one term", "Lower it, or use hashing.")
    weights = np.log((1 + len(terms)) / (1 + np.array([found[term] for term in vocabulary]))) + 1
    arrays = {"weights": weights}
    if options["components"] is not None:
        matrix = weighted_rows(terms, vocabulary, weights)
        arrays["directions"], arrays["singular_values"] = leading_directions(matrix, options["components"], seed)
    return Fitted({"form": "tfidf", "vocabulary": vocabulary, "n_documents": len(terms)}, arrays)


def fit_text(rows: Rows, options: dict[str, Any], seed: int) -> Fitted:
    """Return the state of a text modality, from its training rows: (n,) str, or numbers.

    Raises:
        InputError: where no term is frequent enough, or the sentence model is not there.
    """
    if _is_numeric(rows):
        numeric = fit_embedding(rows, _SCALING, seed)
        return Fitted({**numeric.settings, "form": "numeric"}, numeric.arrays)
    if options["method"] == "sentences":
        require_package(rows.name)
        return Fitted({"form": "sentences", "model_sha256": model_digest(rows.name, options["model"])})
    if options["method"] == "hashing":
        _texts(rows)
        return Fitted({"form": "hashing"})
    return _fit_tfidf(rows, options, seed)


def apply_text(fitted: Fitted, rows: Rows, options: dict[str, Any]) -> Output:
    """Return float32 vectors of kind `embedding` (numeric sequences: `timeseries`)."""
    form = fitted.settings["form"]
    if (form == "numeric") != _is_numeric(rows):
        allowed = "numbers, as in training" if form == "numeric" else "text, as in training"
        raise InputError(rows.name, str(rows.values.dtype), allowed, "Give what the preprocessing was fitted on.")
    if form == "numeric":
        return apply_embedding(fitted, rows, _SCALING)
    if form == "sentences":
        vectors = encode_sentences(rows.name, _texts(rows), options["model"], fitted.settings["model_sha256"])
        return Output(vectors, "embedding", tuple(f"sentence_{i}" for i in range(vectors.shape[1])))
    terms = _terms(rows, options)
    if form == "hashing":
        matrix = hashed_rows(terms, options["dimensions"])
        columns = tuple(f"hash_{i}" for i in range(options["dimensions"]))
    else:
        matrix = weighted_rows(terms, fitted.settings["vocabulary"], fitted.arrays["weights"])
        columns = tuple(fitted.settings["vocabulary"])
    record = {"without_known_term": int((np.diff(matrix.indptr) == 0).sum())}
    if "directions" not in fitted.arrays:
        return Output(matrix.toarray().astype(np.float32), "embedding", columns, None, record)
    directions = fitted.arrays["directions"]
    record["n_terms"] = len(columns)
    columns = tuple(f"component_{i}" for i in range(len(directions)))
    return Output((matrix @ directions.T).astype(np.float32), "embedding", columns, None, record)


def text_does_more(fitted: Fitted, record: Mapping[str, Any], options: dict[str, Any]) -> bool:
    """Return whether a vocabulary and its weights were fitted: hashing and a stored model learn nothing here."""
    return fitted.settings["form"] == "tfidf"
