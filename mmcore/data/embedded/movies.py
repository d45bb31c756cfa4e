"""Movies: 17,453 films of 1940-2014 with people, content, critics and market, most of it missing by nature.

Source: PyPI bokeh-sampledata 2026.1 (Wikidata, CC0-1.0; versions before hold OMDb data under CC BY-NC and are refused),
`movies.db`: tables omdb and tomatoes joined on ID, films with a Meter kept. The label `fresh` is Meter >= 60. What
defines or repeats the label (Meter, Rating, Fresh, Rotten, userMeter, userRating of tomatoes) is not written at all,
so that no modality can hold it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmcore.atomic import atomic_file
from mmcore.data.embedded.carriers import Carrier
from mmcore.errors import InputError

CARRIER = Carrier(
    "bokeh_sampledata",
    (2026, 1),
    "whose films are under a non-commercial licence",
    "bokeh_sampledata/_data/movies.db",
    "1d9c6a02e488d0354b2309e16130c58820a91ac2ce417e814c5964f9579a65ac",
)
FILE = "movies.parquet"
FRESH = 60
# readable name, where it comes from, its type; NULLIF: the database writes an unknown text as ''
COLUMNS: tuple[tuple[str, str, pa.DataType], ...] = (
    ("row_id", "o.ID", pa.int64()),
    ("imdbID", "o.imdbID", pa.string()),
    ("Title", "NULLIF(o.Title, '')", pa.string()),
    ("Year", "o.Year", pa.int32()),
    ("mpaa", "NULLIF(o.Rating, '')", pa.string()),
    ("Runtime", "o.Runtime", pa.float64()),
    ("Genre", "NULLIF(o.Genre, '')", pa.string()),
    ("Language", "NULLIF(o.Language, '')", pa.string()),
    ("Country", "NULLIF(o.Country, '')", pa.string()),
    ("Director", "NULLIF(o.Director, '')", pa.string()),
    ("Writer", "NULLIF(o.Writer, '')", pa.string()),
    ("Cast", "NULLIF(o.\"Cast\", '')", pa.string()),
    ("Metacritic", "o.Metacritic", pa.int32()),
    ("Awards", "NULLIF(o.Awards, '')", pa.string()),
    ("Oscars", "o.Oscars", pa.int32()),
    ("rt_reviews", "t.Reviews", pa.int32()),
    ("BoxOffice", "t.BoxOffice", pa.float64()),
    ("Production", "NULLIF(t.Production, '')", pa.string()),
)


def write(carrier: Path, target: Path) -> None:
    """Write `movies.parquet` into `target` from the carrier's database: the columns above and `fresh` (yes or no).

    Raises:
        InputError: where the database is broken or has other tables.
    """
    selected = ", ".join(f"{expression} AS {name!r}" for name, expression, _ in COLUMNS)
    query = (
        f"SELECT {selected}, t.Meter FROM omdb o JOIN tomatoes t ON o.ID = t.ID WHERE t.Meter IS NOT NULL ORDER BY o.ID"
    )
    try:
        connection = sqlite3.connect(f"{carrier.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise InputError("path", f"{carrier.name} ({error})", "a whole movies.db", "Reinstall the package.") from error
    content = list(zip(*rows, strict=True))
    meter = np.array(content[-1])
    arrays = [pa.array(values, type=kind) for values, (_, _, kind) in zip(content, COLUMNS)]
    names = [name for name, _, _ in COLUMNS]
    table = pa.Table.from_arrays(
        [*arrays, pa.array(np.where(meter >= FRESH, "fresh", "rotten"))], names=[*names, "fresh"]
    )
    with atomic_file(target / FILE) as aside:
        pq.write_table(table, aside, compression="zstd")
