"""A small border of people who come and go, as tables that an analyst has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

START, ON = date(2022, 1, 1), date(2023, 12, 31)
_VOWELS = {"A": "E", "E": "I", "I": "E", "O": "U", "U": "O"}


@dataclass(frozen=True)
class Border:
    """Tables and their truth: which exit row belongs to each entry row, and who overstays on `ON`."""

    entries: pl.DataFrame
    exits: pl.DataFrame
    pairs: pl.DataFrame
    overstay: np.ndarray
    faces: dict[str, np.ndarray]


def make_border(
    seed: int, people: int = 1_500, quality: str = "clean", dimension: int = 48, miss: float = 0.02
) -> Border:
    """Make a border. quality: clean; dates (1 January, exchanged days); names, letters (other spellings).

    On second passports ``names`` has other vowels and ``letters`` one other consonant in the family name; of
    both, seven birth dates in ten are missing.
    """
    rng = np.random.default_rng(seed)
    given = [f"{a}{b}{c}A" for a in "BDKLMNRST" for b in "AEIOU" for c in ("N", "R", "L", "SH")]
    family = [
        f"{a}{b}{c}{d}"
        for a in "BDFGHKLMNPRSTV"
        for b in "AEIOU"
        for c in "NRLMST"
        for d in ("OV", "ER", "I")
    ]
    entries, exits, pairs, overstay, faces = [], [], [], [], {"entries": [], "exits": []}
    last = (ON - START).days

    def look(centre, side):
        if rng.random() < 0.85:
            faces[side].append(centre + rng.normal(size=dimension) * 0.6 / np.sqrt(dimension))
        else:
            faces[side].append(np.full(dimension, np.nan))

    for who in range(people):
        centre = rng.normal(size=dimension)
        centre /= np.linalg.norm(centre)
        born = date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 19_000)))
        if quality == "dates" and rng.random() < 0.5:
            born = born.replace(month=1, day=1)
        name = [family[rng.integers(len(family))], given[rng.integers(len(given))]]
        sex, nation = str(rng.choice(["F", "M"])), str(rng.choice(["UTO", "XAA", "XBB"]))
        documents = [f"{who:05d}{rng.integers(1_000):03d}{letter}" for letter in "AB"]
        day, held = int(rng.integers(0, last)), 0

        def told(document, mode, born=born, name=name, sex=sex, nation=nation):
            date_, words = born, list(name)
            if document.endswith("B"):  # another passport: written down by another hand
                if quality == "dates" and rng.random() < 0.3 and born.day <= 12:
                    date_ = born.replace(month=born.day, day=born.month)
                if quality == "names" and rng.random() < 0.5:
                    words[0] = "".join(_VOWELS.get(letter, letter) for letter in words[0])
                if quality == "letters" and rng.random() < 0.5:
                    at = rng.choice([0, 2])
                    words[0] = words[0][:at] + str(rng.choice(list("BDGKLMNRSTVZ"))) + words[0][at + 1 :]
            shown = None if quality in ("names", "letters") and rng.random() < 0.7 else date_
            return [document, f"{words[0]}, {words[1]}", shown, sex, nation, mode]

        while day <= last:
            mode = str(rng.choice(["air", "sea", "land"], p=[0.7, 0.1, 0.2]))
            until = START + timedelta(days=day + 89)
            stays_on = rng.random() < 0.012
            length = int(rng.gamma(2, 9)) + (90 if rng.random() < 0.01 else 0)
            leave = None if stays_on else day + length
            entries.append([START + timedelta(days=day), *told(documents[held], mode), "WT", until])
            look(centre, "entries")
            gone = leave is not None and leave <= last
            overstay.append((leave if gone else last) > day + 89)
            row = len(entries)
            if not gone:
                break
            other = 1 - held if rng.random() < 0.05 else held
            if rng.random() >= miss:
                exits.append([START + timedelta(days=leave), *told(documents[other], mode)])
                look(centre, "exits")
                pairs.append([row, len(exits)])
            if rng.random() < 0.45:
                break
            day = leave + 1 + int(rng.exponential(70))
            held = int(rng.random() < 0.08) if held == 0 else 1
    common = ["date", "document", "name", "birth_date", "sex", "nationality", "mode"]
    return Border(
        pl.DataFrame(
            entries, schema=[*common, "class", "permitted_until"], orient="row", infer_schema_length=None
        ),
        pl.DataFrame(exits, schema=common, orient="row", infer_schema_length=None),
        pl.DataFrame(pairs, schema={"entry_row": pl.Int64, "exit_row": pl.Int64}, orient="row"),
        np.array(overstay),
        {side: np.array(rows, dtype=np.float32) for side, rows in faces.items()},
    )


@pytest.fixture(scope="session")
def border():
    return lru_cache(maxsize=8)(make_border)


@pytest.fixture(scope="session")
def on() -> date:
    return ON
