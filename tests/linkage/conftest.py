"""Small borders by hand and by chance, for the linkage tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from biomatch.tables.observed import (
    DOCUMENTS,
    ENCOUNTERS,
    MANIFESTS,
    MOVEMENTS,
    STATUS_EVENTS,
    WATCHLIST,
    Observed,
)

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


def as_capture(row: dict, *, read: bool) -> None:
    """Make an exit a capture that is itself the record: with its document, or with a face alone."""
    row |= {"source": "capture", "template": 0}
    if not read:
        row |= dict.fromkeys(("document", "issuer", "name", "born", "sex", "nationality", "admission"))


@pytest.fixture(scope="session")
def make_encounters():
    return _encounters


@pytest.fixture(scope="session")
def random_encounters():
    """Give a function: seed, number of records, number of documents -> encounters with ties and lateness."""

    def make(seed: int, count: int, documents: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        ids = rng.permutation(count * 3)[:count]
        rows = [
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
        for row in rows:
            if row["direction"] == "exit" and rng.random() < 0.2:
                as_capture(row, read=rng.random() < 0.5)
        return _encounters(rows)

    return make


class ToyBorder:
    """A border whose truth is known: repeat visits, missed exits, second passports, sham exits, overstays."""

    def __init__(self, seed: int, people: int = 2_500, dimension: int = 96, crowded: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.rows: list[dict] = []
        self.person: list[int] = []
        self.truth: dict[int, dict] = {}  # by entry_id: left_day (None: still here), exit_id (None), until
        self.end = 500
        centre = rng.normal(size=(people, dimension))
        if crowded:  # everybody looks a little like somebody else
            centre += 1.1 * centre[rng.permutation(people)]
        centre /= np.linalg.norm(centre, axis=1, keepdims=True)
        names = [f"N{a:02d}X F{b:03d}Y" for a, b in rng.integers(0, (60, 200), (people, 2))]
        born = [date(1950, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 18_000, people)]
        sexes = rng.choice(["F", "M"], people)
        faces: list[np.ndarray] = []
        ids = iter(rng.permutation(20 * people).tolist())

        def record(who: int, direction: str, day: float, document: int, holder: int, **more) -> int:
            seen = rng.random() < 0.85
            if seen:
                quality = float(rng.beta(9, 2))
                noise = rng.normal(size=dimension) * (0.55 + 0.9 * (1 - quality)) / np.sqrt(dimension)
                faces.append(centre[who] + noise)
            self.person.append(who)
            number = next(ids)
            self.rows.append(
                {
                    "id": number,
                    "direction": direction,
                    "day": day,
                    "document": f"P{holder}-{document}",
                    "name": names[holder],
                    "born": born[holder],
                    "sex": str(sexes[holder]),
                    "template": len(faces) - 1 if seen else -1,
                    "quality": quality if seen else None,
                    **more,
                }
            )
            return number

        for who in range(people):
            day = float(rng.uniform(0, 400))
            while day < self.end - 1:
                until = START + timedelta(days=day + 90)
                entry = record(who, "entry", day, int(rng.random() < 0.1), who, until=until.date())
                stays_on = rng.random() < 0.015
                late = rng.random() < 0.01
                left = None if stays_on else day + float(rng.gamma(2, 9)) + 92 * late
                fact = {"left": left, "exit": None, "until": day + 90.0, "sham": None}
                self.truth[entry] = fact
                shown = self.rows[-1]["document"].split("-")[1]
                if stays_on and rng.random() < 0.25:  # a relative leaves on the document
                    other = int(rng.integers(people))
                    fact["sham"] = record(other, "exit", day + float(rng.uniform(10, 80)), int(shown), who)
                if left is None or left >= self.end:
                    fact["left"] = None
                    break
                document = int(shown) if rng.random() > 0.04 else 1 - int(shown)
                if rng.random() > 0.03:
                    fact["exit"] = record(who, "exit", left, document, who)
                if rng.random() > 0.5:
                    break
                day = left + float(rng.exponential(60)) + 1
        # Whoever left on another's document has no stay of their own here; records after the end are cut.
        keep = [i for i, row in enumerate(self.rows) if row["day"] < self.end]
        self.rows = [self.rows[i] for i in keep]
        templates = np.array(faces)
        self.templates = (templates / np.linalg.norm(templates, axis=1, keepdims=True)).astype(np.float32)
        self.encounters = _encounters(self.rows)
        self.as_of = (START + timedelta(days=self.end)).date()

    def observed(self) -> Observed:
        return Observed(
            encounters=self.encounters,
            documents=DOCUMENTS.empty(),
            movements=MOVEMENTS.empty(),
            manifests=MANIFESTS.empty(),
            status_events=STATUS_EVENTS.empty(),
            watchlist=WATCHLIST.empty(),
            templates=self.templates,
            about={},
        )

    def facts(self) -> pl.DataFrame:
        """Truth by stay: departed, overstay (either kind), true exit_id (-1: none recorded)."""
        return pl.DataFrame(
            [
                {
                    "entry_id": entry,
                    "departed": fact["left"] is not None,
                    "overstay": (self.end if fact["left"] is None else fact["left"]) > fact["until"] + 1,
                    "true_exit": -1 if fact["exit"] is None else fact["exit"],
                    "sham": fact["sham"] is not None,
                }
                for entry, fact in self.truth.items()
            ]
        ).sort("entry_id")


@pytest.fixture(scope="session")
def toy_border():
    return lru_cache(maxsize=4)(ToyBorder)
