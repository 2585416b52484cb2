"""Small borders by hand and by chance, for the linkage tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from biomatch.tables.observed import ENCOUNTERS

START = datetime(2024, 1, 1)


def _encounters(rows: list[dict]) -> pl.DataFrame:
    """Rows with what matters to a test; the rest is filled in. ``day`` and ``received`` are in days."""
    filled = []
    for number, row in enumerate(rows):
        time = START + timedelta(days=row["day"])
        filled.append(
            {
                "encounter_id": row.get("id", number),
                "source": row.get("source", "port"),
                "time": time,
                "recorded_at": START + timedelta(days=row.get("received", row["day"])),
                "port": row.get("port", "AAA"),
                "mode": row.get("mode", "air"),
                "direction": row["direction"],
                "movement": row.get("movement", -1),
                "document_number": row.get("document", "P1"),
                "document_issuer": row.get("issuer", "UTO"),
                "claimed_name": row.get("name", "ANNA ROE"),
                "birth_date": row.get("born", date(1980, 1, 1)),
                "sex": row.get("sex", "F"),
                "nationality": row.get("nationality", "UTO"),
                "admission_class": row.get("admission", "B2"),
                "permitted_until": row.get("until"),
                "camera": None if row.get("template", -1) < 0 else "gate",
                "attempts": 1,
                "quality": None if row.get("template", -1) < 0 else row.get("quality", 0.9),
                "template_row": row.get("template", -1),
                "failure": "none" if row.get("template", -1) >= 0 else "not_attempted",
            }
        )
    if not filled:
        return ENCOUNTERS.empty()
    return ENCOUNTERS.frame(pl.DataFrame(filled, infer_schema_length=None).to_dict(as_series=True))


@pytest.fixture(scope="session")
def make_encounters():
    return _encounters


@pytest.fixture(scope="session")
def random_encounters():
    """Give a function: seed, number of records, number of documents -> encounters with ties and lateness."""

    def make(seed: int, count: int, documents: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        ids = rng.permutation(count * 3)[:count]
        return _encounters(
            [
                {
                    "id": int(ids[i]),
                    "day": int(rng.integers(0, 40)),
                    "received": int(rng.integers(0, 60)),
                    "direction": str(rng.choice(["entry", "exit"])),
                    "source": str(rng.choice(["port", "port", "port", "neighbour", "manifest"])),
                    "document": f"P{rng.integers(documents)}",
                    "issuer": str(rng.choice(["UTO", "XYZ"])),
                    "admission": str(rng.choice(["B2", "WT", "RESIDENT"], p=[0.6, 0.3, 0.1])),
                }
                for i in range(count)
            ]
        )

    return make
