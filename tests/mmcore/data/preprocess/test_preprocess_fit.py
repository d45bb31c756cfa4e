"""The whole: only present training rows count, new rows come out as before, and storage changes no bit."""

import dataclasses

import numpy as np
import pytest

from mmcore.data import from_arrays
from mmcore.data.preprocess import KINDS, check_options, fit_preprocessing, load_preprocessing
from mmcore.data.preprocess.kinds import options_of
from mmcore.data.spec import ModalitySpec
from mmcore.errors import InputError, NotBuiltYetError

WORDS = np.array(["red", "green", "blue", "grey", "pink"])
KIND_OF = {
    "table": "tabular",
    "plot": "text",
    "photo": "image",
    "sound": "audio",
    "motion": "timeseries",
    "walk": "timeseries",
    "face": "embedding",
}
OPTIONS = {
    "text": {"min_documents": 1, "components": 3},
    "audio": {"bands": 8},
    "walk": {"representation": "raw"},
    "motion": {"per_group": True},
}


def arrays(n=40, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 3))
    table[rng.random((n, 3)) < 0.1] = np.nan
    return {
        "table": table,
        "plot": np.array([" ".join(WORDS[rng.integers(0, 5, size=4)]) for _ in range(n)]),
        "photo": rng.integers(0, 256, size=(n, 4, 4, 3)).astype(np.uint8),
        "sound": rng.normal(size=(n, 800)) * 0.1,
        "motion": rng.normal(size=(n, 20, 2)),
        "walk": [rng.normal(size=(3 + i % 4, 2)) for i in range(n)],
        "face": rng.normal(size=(n, 5)),
    }


def dataset(content, presence=None):
    n = len(content["table"])
    return from_arrays(
        content,
        labels=np.arange(n) % 2,
        name="my",
        kinds=KIND_OF,
        rates={"sound": 8000.0},
        groups=[f"p{i // 4}" for i in range(n)],
        split=["train"] * 20 + ["valid"] * 8 + ["test"] * (n - 28),
        presence=presence,
        seed=0,
    )


def flat(array):
    return np.asarray(getattr(array, "values", array))


def state_of(preprocessing):
    return [
        (step.modality, step.fitted.settings, {k: v.tobytes() for k, v in step.fitted.arrays.items()})
        for step in preprocessing.steps
    ]


def test_training_columns_are_standard_and_every_output_is_float32():
    ds = dataset(arrays())
    out = fit_preprocessing(ds, OPTIONS, seed=1).apply(ds)
    kinds = {m.name: (m.kind, m.dtype) for m in out.spec.modalities}
    assert {dtype for _, dtype in kinds.values()} == {"float32"}
    assert [kinds[m][0] for m in KIND_OF] == [
        "tabular", "embedding", "image", "embedding", "tabular", "timeseries", "embedding",
    ]  # fmt: skip
    train = out.rows("train")
    np.testing.assert_allclose(out["face"][train].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(out["face"][train].std(axis=0), 1, atol=1e-6)
    assert np.abs(out["face"][out.rows("test")].mean(axis=0)).max() > 0.05
    for name in KIND_OF:
        record = out.spec.annotations["preprocessing"][name]
        assert len(record["columns"]) == out.spec.modality(name).shape[-1]


def test_rows_outside_training_and_absent_rows_have_no_influence():
    content = arrays()
    present = np.ones(40, dtype=bool)
    present[3] = False
    presence = dict.fromkeys(KIND_OF, present)
    reference = state_of(fit_preprocessing(dataset(content, presence), OPTIONS, seed=1))
    other = arrays(seed=9)
    changed = {}
    for name, array in content.items():
        rows = [3, *range(20, 40)]
        changed[name] = [other[name][i] if i in rows else array[i] for i in range(40)]
        if name != "walk":
            changed[name] = np.array(changed[name])
    assert state_of(fit_preprocessing(dataset(changed, presence), OPTIONS, seed=1)) == reference
    changed["face"][0] += 1
    assert state_of(fit_preprocessing(dataset(changed, presence), OPTIONS, seed=1)) != reference


def test_absent_rows_stay_zero_and_absent():
    content, present = arrays(), np.arange(40) % 3 != 0
    ds = dataset(content, dict.fromkeys(KIND_OF, present))
    out = fit_preprocessing(ds, OPTIONS, seed=1).apply(ds)
    for name in KIND_OF:
        np.testing.assert_array_equal(out.presence(name), present)
        if name == "walk":
            assert (out[name].lengths[~present] == 0).all()
            assert (out[name].lengths[present] > 0).all()
        else:
            assert not out[name][~present].any()


def test_new_rows_come_out_as_they_did_in_the_whole():
    ds = dataset(arrays())
    fitted = fit_preprocessing(ds, OPTIONS, seed=1)
    whole, rows = fitted.apply(ds), np.arange(24, 36)
    part = fitted.apply(ds.select(rows))
    for name in KIND_OF:
        expected = whole.select(rows)
        np.testing.assert_allclose(flat(part[name]), flat(expected[name]), atol=1e-6, err_msg=name)
        assert part.spec.modality(name) == expected.spec.modality(name)


def test_save_load_apply_is_bit_identical_and_so_are_the_files(tmp_path):
    ds = dataset(arrays())
    fitted = fit_preprocessing(ds, OPTIONS, seed=1)
    fitted.save(tmp_path / "a")
    loaded = load_preprocessing(tmp_path / "a")
    first, second = fitted.apply(ds), loaded.apply(ds)
    for name in KIND_OF:
        assert flat(first[name]).tobytes() == flat(second[name]).tobytes()
    assert first.spec == second.spec
    loaded.save(tmp_path / "b")
    fit_preprocessing(ds, OPTIONS, seed=1).save(tmp_path / "c")
    for name in ("preprocessing.json", "preprocessing.npz"):
        assert len({(tmp_path / folder / name).read_bytes() for folder in "abc"}) == 1


def test_rows_that_all_lack_a_modality_get_zeros_of_the_right_shape():
    ds = dataset(arrays())
    fitted = fit_preprocessing(ds, OPTIONS, seed=1)
    whole = fitted.apply(ds)
    few = dataset(arrays(), dict.fromkeys(KIND_OF, np.arange(40) < 30)).select(np.arange(30, 34))
    out = fitted.apply(few)
    for name in KIND_OF:
        assert out.spec.modality(name) == whole.spec.modality(name)
        assert not flat(out[name]).any()


def test_labels_have_no_influence():
    ds = dataset(arrays())
    samples = ds.samples.copy()
    samples["label"] = samples["label"].to_numpy()[::-1]
    other = dataclasses.replace(ds, samples=samples)
    assert state_of(fit_preprocessing(other, OPTIONS, seed=1)) == state_of(fit_preprocessing(ds, OPTIONS, seed=1))


def test_what_cannot_be_fitted_or_applied_says_why(tmp_path):
    ds = dataset(arrays())
    with pytest.raises(InputError, match="no training row"):
        fit_preprocessing(dataset(arrays(), {"face": np.arange(40) >= 20}), OPTIONS, seed=0)
    with pytest.raises(InputError) as caught:
        fit_preprocessing(ds, {"tabular": {"scaling": "robsut"}}, seed=0)
    assert caught.value.remedy == "Did you mean 'robust'?"
    with pytest.raises(InputError) as caught:
        fit_preprocessing(ds, {**OPTIONS, "timeseries": {"scaling": "none"}}, seed=0)
    assert caught.value.argument == "motion.per_group"
    graph = ds.replace(web=np.zeros((40, 2)), specs={"web": ModalitySpec("web", "graph", (2,), "float64")})
    with pytest.raises(NotBuiltYetError, match="graph"):
        fit_preprocessing(graph, OPTIONS, seed=0)
    fitted = fit_preprocessing(ds, OPTIONS, seed=0)
    with pytest.raises(InputError, match="as in the fit"):
        fitted.apply(graph)
    fitted.save(tmp_path)
    (tmp_path / "preprocessing.npz").write_bytes((tmp_path / "preprocessing.npz").read_bytes()[:-9])
    with pytest.raises(InputError, match="other content"):
        load_preprocessing(tmp_path)
    with pytest.raises(InputError, match=r"no preprocessing\.json"):
        load_preprocessing(tmp_path / "nowhere")


def test_a_number_beyond_float32_is_an_error():
    content = arrays()
    content["table"][0, 0] = 1e300
    with pytest.raises(InputError, match="float32"):
        fit_preprocessing(dataset(content), {**OPTIONS, "tabular": {"scaling": "none"}}, seed=0).apply(dataset(content))


def test_all_problems_of_the_options_together():
    problems = check_options(
        {
            "tabular": {"imput": "mean", "fill": "zero", "indicators": 1},
            "text": {"method": "sentences", "ngrams": [3, 1], "dimensions": 0},
            "imgae": {},
            "photo": {"resize": [0, 4]},
            "timeseries": {"per_group": True, "scaling": "none", "length": 2.5},
            "graph": {},
            "audio": 3,
        },
        {"photo": "image"},
    )
    assert [problem.argument for problem in problems] == [
        "tabular", "tabular.fill", "tabular.indicators", "text.dimensions", "text.model", "text.ngrams", "imgae",
        "photo.resize", "timeseries.length", "timeseries.per_group", "graph", "audio",
    ]  # fmt: skip
    remedies = {problem.received: problem.remedy for problem in problems}
    assert remedies["'imput'"] == "Did you mean 'impute'?"
    assert remedies["'imgae'"] == "Did you mean 'image'?"


def test_names_of_modalities_before_their_kinds_are_known():
    assert check_options({"photo": {"resize": [2, 2]}}, ["photo"]) == []
    assert check_options({"photo": {"resize": [2, 2]}}) == []
    assert [p.argument for p in check_options({"photo": {"resise": [2, 2], "grayscale": True}}, ["photo"])] == ["photo"]
    assert [p.argument for p in check_options({"photo": {}}, ())] == ["photo"]


def test_a_modality_named_like_a_kind_that_is_not_its_own_means_the_modality():
    options = {"audio": {"scaling": "none"}}
    assert check_options(options, {"audio": "embedding"}) == []
    assert options_of(options, "audio", "embedding")["scaling"] == "none"
    assert [p.argument for p in check_options({"audio": {"bands": 3}}, {"audio": "embedding"})] == ["audio"]


def test_every_default_is_allowed_by_its_own_option():
    for kind in KINDS:
        for option in kind.options:
            assert option.problem(option.name, option.default) is None
            assert option.help
