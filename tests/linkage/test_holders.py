"""Documents of one holder: stays that are complete on each, and the days of both count together."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

import biomatch as bm

ON = "2025-12-31"
DAY = timedelta(days=1)


def crowd(count: int = 120):
    """Make people of different names, each with one complete stay on one passport."""
    rows = []
    letters = "BDFGKLMNPRST"
    for at in range(count):
        word = letters[at % 12] + "A" + letters[at // 12 % 12] + "O"
        rows.append(
            {
                "document": f"C{at:03d}", "name": f"{word}SKI, {word[::-1]}N",
                "birth_date": date(1950, 1, 1) + 137 * at * DAY, "sex": "FM"[at % 2],
                "nationality": ["UTO", "XAA"][at % 2], "entry": date(2025, 1, 1) + at % 90 * DAY,
                "exit": date(2025, 1, 1) + (at % 90 + 10) * DAY,
            }
        )  # fmt: skip
    return rows


def person(document, entry, exit_, **more):
    return {
        "document": document, "name": "NOVAKOV, JANKO", "birth_date": date(1980, 5, 6), "sex": "M",
        "nationality": "XBB", "entry": entry, "exit": exit_, **more,
    }  # fmt: skip


def judged(rows, **more):
    frame = pl.DataFrame(rows, infer_schema_length=None)
    told = ["document", "name", "birth_date", "sex", "nationality"]
    entries = frame.select(*told, date="entry")
    exits = frame.select(*told, date="exit").filter(pl.col("date").is_not_null())
    return bm.link(entries, exits, on=ON, rules="eu", **more).stays


FIRST = person("P1", date(2025, 1, 1), date(2025, 3, 1))  # 60 days


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"birth_date": date(1980, 6, 5)},
        {"name": "NOVAKOW, JANKO"},
    ],
    ids=str,
)
def test_days_on_two_passports_count_together(change):
    """60 days on one passport leave 30 on the other, however the second writes its holder down."""
    second = person("P2", date(2025, 4, 1), date(2025, 5, 20), **change)
    stays = judged([*crowd(), FIRST, second])
    of = {row["document"]: row for row in stays.iter_rows(named=True)}
    assert of["P1"]["person_id"] == of["P2"]["person_id"]
    assert of["P2"]["last_lawful_day"] == date(2025, 4, 30)
    assert of["P2"]["status"] == "out_of_country_overstay"
    assert of["P2"]["days_over"] == 20
    assert stays["person_id"].n_unique() == len(stays) - 1


def test_nobody_is_in_the_country_twice():
    """A namesake of the same birth date whose stay overlaps is another person."""
    second = person("P2", date(2025, 2, 1), date(2025, 4, 20))
    stays = judged([*crowd(), FIRST, second])
    assert stays["person_id"].n_unique() == len(stays)


def test_strangers_stay_apart():
    second = person("P2", date(2025, 4, 1), date(2025, 5, 20), name="WEBER, ANNA", sex="F",
                    birth_date=date(1991, 11, 30))  # fmt: skip
    stays = judged([*crowd(), FIRST, second])
    assert stays["person_id"].n_unique() == len(stays)


def test_keys_of_persons_that_a_user_gives_are_believed():
    """Whoever says who is who is not corrected."""
    rows = [*crowd(), FIRST, person("P2", date(2025, 4, 1), date(2025, 5, 20))]
    frame = pl.DataFrame(rows).with_columns(person=pl.col("document"))
    entries = frame.select("person", "name", "birth_date", "sex", "nationality", date="entry")
    stays = bm.link(entries, frame.select("person", date="exit"), on=ON, rules="eu").stays
    assert stays["person_id"].n_unique() == len(stays)
