"""Read stocks from a user's table of opening prices: returns of the past days, and the volatility of the next one.

With the log return r_t = log(Open_t / Open_{t-1}), a sample of day t and `window` W is

    x = (r_{t-W}, ..., r_{t-1}) / s of every symbol of a modality,      label = r_t^2 of the target / s_2

s is the standard deviation of all symbols' returns over the days that training samples see or predict, s_2 that of
r_t^2 of the target over the training days (both with divisor n): nothing of validation or test enters. The days are
split by time: `train_days`, then `valid_days`, the rest is test. The label is a proxy of volatility, not a price.

Layout: a csv, tsv or parquet with the columns Date, Symbol and Open, one row a symbol and day, in any order. Every
symbol that is used must have the same dates. Licence and source: prices are the property of whoever sells or publishes
them; the user brings a table of their own (the endpoint that MultiBench read without a login no longer exists).

Reference: Liang et al., MultiBench, NeurIPS 2021 Datasets and Benchmarks (F&B, Health, Tech; 500 days, 3200/500/rest).
Departs on purpose: unequal dates are refused, where upstream reshapes them into misaligned rows in silence; samples
are not quantised to 25 levels of their own range, which would throw away the size of the returns. Neighbouring samples
share nearly all of their days, so the calendar month is the group: intervals resample months, not days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmcore.data import Dataset
from mmcore.data.formats.files import source_path
from mmcore.data.formats.options import COMMON, Option
from mmcore.data.formats.rows import Modality, build, read_rows
from mmcore.data.formats.table import read_frame
from mmcore.data.formats.table_rows import as_numbers
from mmcore.errors import InputError, unknown_name

OPTIONS = (
    Option("modalities", "modalities", "groups of symbols, one modality each (default one modality a symbol)"),
    Option("target", "text", "the symbol whose next day is predicted", required=True),
    Option("window", "count", "how many past days of returns a sample sees (default 500)"),
    Option("train_days", "count", "how many days are training targets (default 3200)"),
    Option("valid_days", "count", "how many days after them are validation targets (default 500)"),
    Option("start", "text", "the first date to read, in quotes, '2000-06-01'"),
    Option("end", "text", "the last date to read, in quotes"),
    Option("price", "text", "the column of the price (default Open)"),
)
_OWN = ("modalities", "label", "task", "classes", "groups", "split", "folds", "sample_id", "where")
INHERITED = tuple(option for option in COMMON if option.name not in _OWN)
MODALITY_KINDS = ("timeseries",)
MODALITY_OPTIONS = (Option("symbols", "names", "the symbols of this modality, in this order", required=True),)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_stocks(source: Mapping[str, Any], root: Path, *, name: str) -> Dataset:
    """Return one sample a day: modalities (window, symbols) float32, label `volatility` (regression).

    Args:
        source: the block of params.yaml, e.g. `target: MCD`, `modalities: {coffee: {symbols: [SBUX]}}`.
        root: the project's root.
        name: of the dataset.

    Raises:
        InputError: for a missing column or symbol, a price that is no positive number, symbols of different dates (the
            first that differs is named), or too few days.
    """
    table = _prices(source, root)
    members = _members(source, sorted(table["symbol"].unique()))
    used = list(dict.fromkeys([source["target"], *(symbol for group in members.values() for symbol in group)]))
    dates, prices = _aligned(table, used, source)
    returns = np.diff(np.log(prices), axis=0)
    window, n_train, n_valid = (int(source.get(k, v)) for k, v in _SIZES.items())
    n_samples = len(returns) - window
    if n_samples < n_train + n_valid + 1:
        received = f"{len(dates)} dates, which leave {max(n_samples, 0)} samples after {window} days of returns"
        allowed = f"at least {window + n_train + n_valid + 2} dates for train_days {n_train}, valid_days {n_valid}"
        raise InputError("train_days", received, allowed, "Set smaller window, train_days and valid_days.")
    # the days that training samples see or predict; the target's days among them are the last n_train
    scale = float(returns[: window + n_train].std())
    squared = returns[window:, 0] ** 2
    target_scale = float(squared[:n_train].std())
    for what, value in ((f"returns of {', '.join(used)}", scale), (f"squared returns of {used[0]}", target_scale)):
        if value == 0:
            raise InputError("path", f"{what} that never change in training", "prices that move", "Check the prices.")
    windows = np.lib.stride_tricks.sliding_window_view((returns / scale).astype(np.float32), window, axis=0)
    position = {symbol: i for i, symbol in enumerate(used)}
    modalities = {
        # a view of the returns: the windows overlap, and are written out only when the dataset is saved
        m: Modality(
            _columns(windows[:n_samples], [position[symbol] for symbol in group]),
            "timeseries",
            np.ones(n_samples, dtype=bool),
            columns=group,
        )
        for m, group in members.items()
    }
    days = dates[1 + window :]
    parts = np.repeat(["train", "valid", "test"], [n_train, n_valid, n_samples - n_train - n_valid])
    months = [f"{day[:7]}/{part}" for day, part in zip(days, parts, strict=True)]
    columns = {"volatility": squared / target_scale, "split": parts, "month": np.array(months), "date": np.array(days)}
    block = {"sample_noun": "trading day", "group_noun": "month", "label_noun": "volatility", **source}
    block |= {"label": "volatility", "task": "regression", "split": "split", "groups": "month", "sample_id": "date"}
    reading = {"returns_deviation": scale, "target_deviation": target_scale, "dates": [dates[0], dates[-1]]}
    return build(block, read_rows(block, columns, n_samples), modalities, name=name, annotations={"reading": reading})


_SIZES = {"window": 500, "train_days": 3200, "valid_days": 500}


def _columns(windows: np.ndarray, positions: list[int]) -> np.ndarray:
    """(N, window, symbols): a view where the symbols lie side by side, else a copy."""
    steady = positions == list(range(positions[0], positions[0] + len(positions)))
    chosen = windows[:, positions[0] : positions[-1] + 1] if steady else windows[:, positions]
    return np.swapaxes(chosen, 1, 2)


def _prices(source: Mapping[str, Any], root: Path) -> pd.DataFrame:
    """The table as `date` (YYYY-MM-DD), `symbol`, `price`, one row a symbol and day."""
    frame = read_frame(source_path(source["path"], root), source["path"])
    price = source.get("price", "Open")
    for column in ("Date", "Symbol", price):
        if column not in frame:
            received = f"{source['path']} without column {column}"
            allowed = f"columns Date, Symbol, {price}; there are {', '.join(frame.columns)}"
            raise InputError("path", received, allowed, "Rename the columns, or name the price with 'price'.")
    dates = frame["Date"]
    if pd.api.types.is_datetime64_any_dtype(dates):
        # the exchange's own day, whatever its offset from UTC
        days = dates.dt.strftime("%Y-%m-%d")
    else:
        days = dates.astype("str").str.strip().str[:10]
    valid = days.notna() & pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").notna()
    if not valid.all():
        row = int(np.flatnonzero(~valid)[0])
        received = f"Date {dates.iloc[row]} in row {row}"
        raise InputError("path", received, "dates YYYY-MM-DD", "Write every date as YYYY-MM-DD.")
    nameless = np.flatnonzero(frame["Symbol"].isna())
    if len(nameless):
        raise InputError("path", f"no Symbol in row {nameless[0]}", "a symbol in every row", "Fill in the symbol.")
    table = pd.DataFrame({"date": days, "symbol": frame["Symbol"].astype("str").str.strip(), "price": frame[price]})
    for option in ("start", "end"):
        bound = source.get(option)
        if bound is not None:
            if not _DAY.fullmatch(bound):
                raise InputError(option, bound, "a date YYYY-MM-DD", "Write it as '2000-06-01', in quotes.")
            table = table[table["date"] >= bound] if option == "start" else table[table["date"] <= bound]
    if table.empty:
        raise InputError("start", "no row between start and end", "at least one row", "Choose an earlier start.")
    return table.reset_index(drop=True)


def _members(source: Mapping[str, Any], symbols: list[str]) -> dict[str, list[str]]:
    """Modality -> its symbols."""
    if source["target"] not in symbols:
        raise unknown_name("target", source["target"], symbols)
    given = source.get("modalities")
    if given is None:
        named: dict[str, list[str]] = {}
        for symbol in symbols:
            stem = re.sub(r"[^a-z0-9]+", "_", symbol.lower()).strip("_")
            modality = stem if re.match("[a-z]", stem) and stem != "samples" else f"s_{stem}"
            if modality in named:
                received = f"{named[modality][0]} and {symbol}, both called {modality}"
                raise InputError("modalities", received, "one name a symbol", "Name the modalities yourself.")
            named[modality] = [symbol]
        return named
    for modality, block in given.items():
        for symbol in block["symbols"]:
            if symbol not in symbols:
                raise unknown_name(f"modalities.{modality}.symbols", symbol, symbols)
    return {m: list(dict.fromkeys(block["symbols"])) for m, block in given.items()}


def _aligned(table: pd.DataFrame, used: list[str], source: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """The dates that all `used` symbols share, and their prices (dates, symbols)."""
    table = table[table["symbol"].isin(used)]
    twice = table[table.duplicated(["date", "symbol"])]
    if len(twice):
        received = f"{twice['symbol'].iloc[0]} twice on {twice['date'].iloc[0]}"
        raise InputError("path", received, "one row a symbol and day", "Remove the row that is too many.")
    first = used[0]
    dates = {symbol: set(rows["date"]) for symbol, rows in table.groupby("symbol")}
    for symbol in used[1:]:
        differing = sorted(dates[symbol] ^ dates[first])
        if differing:
            day = differing[0]
            has, lacks = (first, symbol) if day in dates[first] else (symbol, first)
            received = f"{has} with {day}, which {lacks} lacks; {symbol} differs from {first} on {len(differing)} dates"
            remedy = "Fill in or remove the date, leave the symbol out, or set start and end to dates that all have."
            raise InputError("path", received, "the same dates for every symbol", remedy)
    numbers, wrong = as_numbers(table["price"])
    bad = np.flatnonzero(wrong | ~(numbers > 0))
    if len(bad):
        row = table.iloc[bad[0]]
        received = f"{row['price']} of {row['symbol']} on {row['date']}" + f" and {len(bad) - 1} more" * (len(bad) > 1)
        raise InputError(source.get("price", "Open"), received, "positive prices", "Fill in the price.")
    days = sorted(dates[first])
    wide = table.assign(price=numbers).pivot(index="date", columns="symbol", values="price")
    return days, wide.loc[days, used].to_numpy(dtype=np.float64)
