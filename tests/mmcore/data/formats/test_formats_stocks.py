"""Returns and volatility of made prices come back by their definition; unequal dates are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmcore.data.formats import check_source, read
from mmcore.errors import InputError

DAYS = pd.bdate_range("2000-06-01", periods=120).strftime("%Y-%m-%d").tolist()
SYMBOLS = ("MCD", "SBUX", "BRK.B")
RETURNS = np.random.default_rng(0).normal(scale=[0.01, 0.02, 0.03], size=(len(DAYS) - 1, 3))
WINDOW, TRAIN, VALID = 10, 70, 15
BLOCK = {
    "reader": "stocks",
    "path": "prices.csv",
    "target": "MCD",
    "window": WINDOW,
    "train_days": TRAIN,
    "valid_days": VALID,
}


def frame(returns: np.ndarray = RETURNS) -> pd.DataFrame:
    """Prices whose log returns are `returns`."""
    prices = 50 * np.exp(np.vstack([np.zeros(3), np.cumsum(returns, axis=0)]))
    parts = [pd.DataFrame({"Date": DAYS, "Symbol": s, "Open": prices[:, i]}) for i, s in enumerate(SYMBOLS)]
    return pd.concat(parts, ignore_index=True)


def write(folder: Path, table: pd.DataFrame) -> Path:
    table.to_csv(folder / "prices.csv", index=False)
    return folder


def test_windows_are_the_returns_before_the_day_of_the_label(tmp_path: Path) -> None:
    assert check_source(BLOCK) == []
    ds = read(BLOCK, write(tmp_path, frame()), name="a")
    n = len(DAYS) - 1 - WINDOW
    assert ds.modalities == ("brk_b", "mcd", "sbux")
    assert ds["mcd"].shape == (n, WINDOW, 1)
    # one deviation for all symbols, over what training samples see or predict and no day more
    scale = RETURNS[: WINDOW + TRAIN].std()
    label_scale = (RETURNS[WINDOW : WINDOW + TRAIN, 0] ** 2).std()
    for i in range(n):
        np.testing.assert_allclose(ds["sbux"][i, :, 0] * scale, RETURNS[i : i + WINDOW, 1], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(ds.labels() * label_scale, RETURNS[WINDOW:, 0] ** 2, rtol=1e-9, atol=1e-15)
    assert ds.spec.label().task == "regression"
    assert ds.samples["sample_id"].tolist() == DAYS[1 + WINDOW :]
    assert ds.spec.annotations["reading"]["returns_deviation"] == pytest.approx(scale, rel=1e-9)


def test_parts_follow_one_another_in_time_and_months_are_whole_groups(tmp_path: Path) -> None:
    ds = read(BLOCK, write(tmp_path, frame()), name="a")
    split = ds.samples["split"].to_numpy()
    assert split.tolist() == ["train"] * TRAIN + ["valid"] * VALID + ["test"] * (len(ds) - TRAIN - VALID)
    assert ds.groups is not None
    assert ds.groups[0] == "2000-06/train"
    assert {g.split("/")[0] for g in ds.groups} == {d[:7] for d in DAYS[1 + WINDOW :]}


def test_nothing_of_validation_and_test_enters_training(tmp_path: Path) -> None:
    first = read(BLOCK, write(tmp_path, frame()), name="a")
    later = RETURNS.copy()
    later[WINDOW + TRAIN :] *= 7
    second = read(BLOCK, write(tmp_path, frame(later)), name="a")
    train = first.rows("train")
    np.testing.assert_array_equal(first["brk_b"][train], second["brk_b"][train])
    np.testing.assert_array_equal(first.labels()[train], second.labels()[train])
    assert not np.array_equal(first.labels(), second.labels())


def test_groups_of_symbols_keep_their_order_and_rows_may_come_in_any(tmp_path: Path) -> None:
    groups = {"modalities": {"both": {"symbols": ["BRK.B", "MCD"]}, "coffee": {"symbols": ["SBUX"]}}}
    ds = read({**BLOCK, **groups}, write(tmp_path, frame()), name="a")
    shuffled = read({**BLOCK, **groups}, write(tmp_path, frame().sample(frac=1, random_state=0)), name="a")
    scale = RETURNS[: WINDOW + TRAIN].std()
    np.testing.assert_allclose(ds["both"][3] * scale, RETURNS[3 : 3 + WINDOW, [2, 0]], rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(ds["both"], shuffled["both"])
    assert ds.spec.annotations["columns"]["both"] == ["BRK.B", "MCD"]


def test_a_parquet_with_times_of_the_exchange_is_the_same(tmp_path: Path) -> None:
    first = read(BLOCK, write(tmp_path, frame()), name="a")
    table = frame()
    # midnight in New York is another day in UTC only if the offset is dropped the wrong way
    table["Date"] = pd.to_datetime(table["Date"]).dt.tz_localize("America/New_York")
    table.to_parquet(tmp_path / "prices.parquet")
    second = read({**BLOCK, "path": "prices.parquet"}, tmp_path, name="a")
    assert first.samples.equals(second.samples)
    np.testing.assert_array_equal(first["mcd"], second["mcd"])


def test_start_and_end_cut_days_and_price_names_another_column(tmp_path: Path) -> None:
    whole = read(BLOCK, write(tmp_path, frame()), name="a")
    table = frame().rename(columns={"Open": "Close"})
    block = {**BLOCK, "price": "Close", "start": DAYS[5], "end": DAYS[-3]}
    ds = read(block, write(tmp_path, table), name="a")
    assert len(ds) == len(whole) - 7
    assert ds.samples["sample_id"].iloc[-1] == DAYS[-3]


def _raised(block: dict, folder: Path) -> InputError:
    with pytest.raises(InputError) as raised:
        read(block, folder, name="a")
    return raised.value


def test_the_first_symbol_and_date_that_differ_are_named(tmp_path: Path) -> None:
    table = frame()
    gone = (table["Symbol"] == "SBUX") & table["Date"].isin([DAYS[40], DAYS[12]])
    error = _raised(BLOCK, write(tmp_path, table[~gone]))
    assert error.allowed == "the same dates for every symbol"
    assert error.received.startswith(f"MCD with {DAYS[12]}, which SBUX lacks; SBUX differs from MCD on 2 dates")
    missing_target = (table["Symbol"] == "MCD") & (table["Date"] == DAYS[7])
    error = _raised(BLOCK, write(tmp_path, table[~missing_target]))
    assert f"with {DAYS[7]}, which MCD lacks" in error.received
    # a symbol that is not used may differ
    coffee = {**BLOCK, "modalities": {"food": {"symbols": ["MCD", "BRK.B"]}}}
    assert len(read(coffee, write(tmp_path, table[~gone]), name="a")) == len(DAYS) - 1 - WINDOW


@pytest.mark.parametrize(
    ("change", "argument", "part"),
    [
        ({"target": "MCDD"}, "target", "'MCD'"),
        ({"modalities": {"m": {"symbols": ["SBUXX"]}}}, "modalities.m.symbols", "'SBUX'"),
        ({"train_days": 3200}, "train_days", "window"),
        ({"start": "2000"}, "start", "quotes"),
        ({"start": "2030-01-01"}, "start", "earlier"),
        ({"price": "Close"}, "path", "Rename"),
    ],
)
def test_mistakes_are_named(change: dict, argument: str, part: str, tmp_path: Path) -> None:
    error = _raised({**BLOCK, **change}, write(tmp_path, frame()))
    assert error.argument == argument
    assert part in error.remedy


@pytest.mark.parametrize("price", [0.0, -3.0, None, "n.a."])
def test_a_price_that_is_none_names_symbol_and_day(price: object, tmp_path: Path) -> None:
    table = frame().astype(object)
    table.loc[130, "Open"] = price
    error = _raised(BLOCK, write(tmp_path, table))
    assert error.argument == "Open"
    assert f"SBUX on {DAYS[10]}" in error.received


def test_missing_column_double_row_wrong_date_and_flat_prices(tmp_path: Path) -> None:
    error = _raised(BLOCK, write(tmp_path, frame().drop(columns="Symbol")))
    assert (error.argument, "without column Symbol" in error.received) == ("path", True)
    error = _raised(BLOCK, write(tmp_path, pd.concat([frame(), frame().iloc[[3]]])))
    assert f"MCD twice on {DAYS[3]}" in error.received
    table = frame()
    table.loc[2, "Date"] = "03/06/2000"
    assert "row 2" in _raised(BLOCK, write(tmp_path, table)).received
    table = frame()
    table.loc[4, "Symbol"] = None
    assert _raised(BLOCK, write(tmp_path, table)).received == "no Symbol in row 4"
    flat = np.zeros_like(RETURNS)
    assert "never change" in _raised(BLOCK, write(tmp_path, frame(flat))).received


@pytest.mark.parametrize("keep", [0, 8, 0.5, 0.99])
def test_a_truncated_parquet_says_so(keep: float, tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "prices.parquet")
    whole = (tmp_path / "prices.parquet").read_bytes()
    (tmp_path / "prices.parquet").write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    assert _raised({**BLOCK, "path": "prices.parquet"}, tmp_path).argument == "path"


def test_a_date_without_quotes_is_a_problem_before_any_file() -> None:
    import yaml

    block = yaml.safe_load("{reader: stocks, path: a.csv, target: MCD, start: 2000-06-01}")
    assert [p.argument for p in check_source(block)] == ["start"]
