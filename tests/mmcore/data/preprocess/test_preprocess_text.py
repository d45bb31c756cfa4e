"""Text vectors against their formulas, scikit-learn, and themselves in another process."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from mmcore.data.preprocess.contract import Rows
from mmcore.data.preprocess.kinds import options_of
from mmcore.data.preprocess.text import apply_text, fit_text, hash_term, leading_directions, weighted_rows
from mmcore.data.preprocess.tokens import ngrams, tokenise
from mmcore.errors import InputError

FILMS = ["The cat sat", "the CAT ran", "a dog ran ran", "dog, cat!", "the end"]


def transformed(train, rows=None, seed=0, **chosen):
    options = options_of({"text": chosen}, "t", "text")
    fitted = fit_text(Rows("t", "text", np.array(train)), options, seed)
    return apply_text(fitted, Rows("t", "text", np.array(train if rows is None else rows)), options)


def test_names_stay_whole_and_words_split():
    assert tokenise("Lana Wachowski,  Lilly Wachowski,", "names") == ["lana wachowski", "lilly wachowski"]
    assert tokenise("Lana Wachowski", "words") == ["lana", "wachowski"]
    assert tokenise("Ab c", "characters") == ["a", "b", " ", "c"]
    assert tokenise("a;b, c", "names", ";") == ["a", "b, c"]
    assert ngrams(list("abc"), 2, 3, "") == ["ab", "bc", "abc"]


def test_tfidf_by_hand():
    output = transformed(["cat cat dog", "cat", ""], components=None, min_documents=1)
    assert output.columns == ("cat", "dog")
    cat, dog = 2 * (np.log(4 / 3) + 1), np.log(4 / 2) + 1
    norm = np.hypot(cat, dog)
    np.testing.assert_allclose(output.values, [[cat / norm, dog / norm], [1, 0], [0, 0]], rtol=1e-6)
    assert output.record["without_known_term"] == 1


def test_tfidf_agrees_with_scikit_learn():
    theirs = TfidfVectorizer(token_pattern=r"\w+")
    expected = theirs.fit_transform(FILMS).toarray()
    output = transformed(FILMS, components=None, min_documents=1)
    assert list(output.columns) == theirs.get_feature_names_out().tolist()
    np.testing.assert_allclose(output.values, expected, atol=1e-7)


def test_vocabulary_keeps_the_terms_of_most_texts():
    assert transformed(FILMS, components=None, max_features=2).columns == ("cat", "the")
    with pytest.raises(InputError) as caught:
        transformed(["a", "b"], min_documents=2)
    assert caught.value.argument == "t.min_documents"


def test_directions_are_those_of_the_dense_decomposition_with_a_fixed_sign():
    rng = np.random.default_rng(0)
    terms = [[f"w{i}" for i in rng.integers(0, 30, size=12)] for _ in range(60)]
    matrix = weighted_rows(terms, [f"w{i}" for i in range(30)], np.ones(30))
    directions, values = leading_directions(matrix, 4, seed=3)
    _, expected, dense = np.linalg.svd(matrix.toarray(), full_matrices=False)
    np.testing.assert_allclose(values, expected[:4], rtol=1e-9)
    np.testing.assert_allclose(np.abs((directions * dense[:4]).sum(axis=1)), 1, atol=1e-9)
    assert (directions[np.arange(4), np.abs(directions).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(leading_directions(matrix, 4, seed=9)[0], directions, atol=1e-9)


def test_all_directions_keep_all_inner_products():
    full = transformed(FILMS, components=None, min_documents=1).values.astype(float)
    reduced = transformed(FILMS, components=64, min_documents=1).values.astype(float)
    np.testing.assert_allclose(reduced @ reduced.T, full @ full.T, atol=1e-6)


def test_hashing_has_known_values_in_every_process():
    assert hash_term("agnès varda", 256) == (164, 1)
    code = "from mmcore.data.preprocess.text import hash_term; print([hash_term(t, 99) for t in ('x', 'yé', 'z')])"
    outputs = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        outputs.add(
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout
        )
    assert outputs == {f"{[hash_term(t, 99) for t in ('x', 'yé', 'z')]}\n"}


def test_hashed_inner_products_are_nearly_those_of_the_counts():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 200, size=40)) for _ in range(30)]
    exact = transformed(texts, components=None, min_documents=1, max_features=1000)
    counts = np.array([[text.split().count(term) for term in exact.columns] for text in texts], dtype=float)
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    hashed = transformed(texts, method="hashing", dimensions=20_000).values
    np.testing.assert_allclose(hashed @ hashed.T, counts @ counts.T, atol=0.06)
    np.testing.assert_allclose(np.linalg.norm(hashed, axis=1), 1, atol=1e-6)


def test_rows_of_one_text_do_not_depend_on_the_others():
    for chosen in ({"method": "hashing"}, {"components": None, "min_documents": 1}, {"min_documents": 1}):
        whole = transformed(FILMS, **chosen).values
        alone = transformed(FILMS, FILMS[2:3], **chosen).values
        np.testing.assert_allclose(alone[0], whole[2], atol=1e-7)


def test_numeric_text_is_scaled_as_vectors():
    output = transformed(np.array([[0.0], [2.0]]))
    assert (output.kind, output.values.ravel().tolist()) == ("embedding", [-1.0, 1.0])


def test_sentences_say_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    monkeypatch.delitem(sys.modules, "sentence_transformers")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        transformed(FILMS, method="sentences", model=str(tmp_path))
    assert "pip install 'interplay[sentences]'" in caught.value.remedy


def test_sentences_use_only_the_folder_of_the_fit(tmp_path, monkeypatch):
    class Encoder:
        def __init__(self, model, device, local_files_only):
            assert local_files_only

        def encode(self, texts, **_):
            return np.array([[len(text), 1.0] for text in texts])

    monkeypatch.setitem(sys.modules, "sentence_transformers", types.SimpleNamespace(SentenceTransformer=Encoder))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("one")
    options = options_of({"text": {"method": "sentences", "model": str(tmp_path / "model")}}, "t", "text")
    rows = Rows("t", "text", np.array(["ab", "c"]))
    fitted = fit_text(rows, options, 0)
    assert apply_text(fitted, rows, options).values.tolist() == [[2.0, 1.0], [1.0, 1.0]]
    (tmp_path / "model" / "weights").write_text("two")
    with pytest.raises(InputError, match="other files"):
        apply_text(fitted, rows, options)
    with pytest.raises(InputError, match="local folder"):
        fit_text(rows, {**options, "model": "all-MiniLM-L6-v2"}, 0)
