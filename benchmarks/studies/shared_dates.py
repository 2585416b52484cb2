"""Linkage without faces where people share birth dates, and where two passports of one person differ.

    python benchmarks/studies/shared_dates.py [--seeds 5] [--out FILE]

Borders of about 4,000 stays whose truth is known, without a single face: everybody born on a date of their
own; half of everybody registered on 1 January; the same, and second passports on which day and month
are exchanged, a digit is wrong, or the sex is another. Counted: departures implied from an entry
on another document that did not happen, overstayers whom linkage hides, and exits on another document that
are found, by what differs.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.link import link
from biomatch.policy import OperatingPoint
from biomatch.rates import rate
from biomatch.settings.system import System
from biomatch.tables.observed import (
    DOCUMENTS,
    ENCOUNTERS,
    MANIFESTS,
    MOVEMENTS,
    STATUS_EVENTS,
    WATCHLIST,
    Observed,
)

START, DAYS = datetime(2024, 1, 1), 500  # noqa: DTZ001 - tables hold UTC without a zone
REGIMES = {
    "own birth dates": (0.0, False),
    "half on 1 January": (0.5, False),
    "half on 1 January, passports differ": (0.5, True),
}
DIFFERENCES = ("nothing", "exchanged", "one digit", "another sex", "no birth date")


@dataclass
class Border:
    """Records in the making, and what is true of each stay, by the number of its entry."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    left: dict[int, bool] = field(default_factory=dict)
    exit: dict[int, int] = field(default_factory=dict)
    differs: dict[int, str] = field(default_factory=dict)  # by exit: what its passport has another way

    def add(self, direction: str, day: float, document: str, holder: dict[str, Any]) -> int:
        """Write down a record; gives its number."""
        number = len(self.rows)
        time = START + timedelta(days=day)
        self.rows.append(
            {
                "encounter_id": number, "source": "port", "time": time, "recorded_at": time, "port": "AAA",
                "mode": "air", "direction": direction, "movement": -1, "document_number": document,
                "document_issuer": "UTO", "admission_class": "B2",
                "permitted_until": (time + timedelta(days=90)).date() if direction == "entry" else None,
                "camera": None, "attempts": 0, "quality": None, "template_row": -1,
                "failure": "not_attempted", **holder,
            }
        )  # fmt: skip
        return number


def other_passport(holder: dict[str, Any], how: str) -> dict[str, Any]:
    born: date = holder["birth_date"]
    if how == "exchanged" and born.day <= 12:
        return holder | {"birth_date": date(born.year, born.day, born.month)}
    if how == "one digit":
        return holder | {"birth_date": born.replace(year=born.year // 10 * 10 + (born.year + 3) % 10, day=1)}
    if how == "another sex":
        return holder | {"sex": "M" if holder["sex"] == "F" else "F"}
    if how == "no birth date" and "birth_date" in ENCOUNTERS.nullable:
        return holder | {"birth_date": None}
    return holder


def border(seed: int, january: float, differ: bool, people: int = 3_100) -> Border:
    """Draw a border of one nationality and few names.

    After one visit in four another follows, one in ten of those on another passport.
    """
    rng = np.random.default_rng(seed)
    letters = np.array(list("ABCDEFGHIJKLMNOPRSTUVYZ"))
    pool = ["".join(letters[rng.integers(len(letters), size=7)]) for _ in range(260)]
    zipf = [1.0 / np.arange(1, size + 1) ** 0.9 for size in (60, 200)]
    given, family = (rng.choice(len(z), people, p=z / z.sum()) for z in zipf)
    made = Border()
    for who in range(people):
        born = date(1945, 1, 1) + timedelta(days=int(rng.integers(0, 22_000)))
        if rng.random() < january:
            born = date(born.year, 1, 1)
        holder = {
            "claimed_name": f"{pool[60 + family[who]]}, {pool[given[who]]}",
            "birth_date": born,
            "sex": str(rng.choice(["F", "M"])),
            "nationality": "UTO",
        }
        how = DIFFERENCES[int(rng.integers(len(DIFFERENCES)))] if differ else "nothing"
        papers = (f"P{who}", holder), (f"Q{who}", other_passport(holder, how))
        shown = int(rng.random() < 0.05)
        day = float(rng.uniform(0, 380))
        while day < DAYS - 1:
            entry = made.add("entry", day, *papers[shown])
            stays_on = rng.random() < 0.044
            day += float(rng.gamma(2, 9))
            made.left[entry] = not stays_on and day < DAYS
            if not made.left[entry]:
                break
            leaves_on = shown if rng.random() > 0.02 else 1 - shown
            if rng.random() > 0.035:
                number = made.add("exit", day, *papers[leaves_on])
                made.exit[entry] = number
                if leaves_on != shown:
                    made.differs[number] = how
            if rng.random() > 0.25:
                break
            day += float(rng.exponential(60)) + 1
            shown = shown if rng.random() > 0.1 else 1 - shown
    return made


def judge(made: Border) -> Counter[str]:
    """Link a border and count what became of its stays."""
    observed = Observed(
        encounters=ENCOUNTERS.frame(
            pl.DataFrame(made.rows, infer_schema_length=None).to_dict(as_series=True)
        ),
        documents=DOCUMENTS.empty(), movements=MOVEMENTS.empty(), manifests=MANIFESTS.empty(),
        status_events=STATUS_EVENTS.empty(), watchlist=WATCHLIST.empty(),
        templates=np.zeros((0, 32), dtype=np.float32), about={},
    )  # fmt: skip
    as_of = (START + timedelta(days=DAYS)).date()
    first = link_documents(observed.encounters, as_of).stays.select("entry_id", was="how_linked")
    linked = link(observed, as_of, OperatingPoint.of(0.35, System.load("linked")))
    found: Counter[str] = Counter(warned=len(getattr(linked, "warnings", ())))
    for row in linked.stays.join(first, on="entry_id").iter_rows(named=True):
        entry = row["entry_id"]
        left, true_exit = made.left[entry], made.exit.get(entry, -1)
        found["stays"] += 1
        found["overstayers"] += not left
        found["hidden"] += not left and row["how_linked"] != "none"
        found["expected hidden"] += 0 if left else row["p_departed"]
        if row["was"] == "none" and row["how_linked"] == "implied":
            found["implied"] += 1
            found["implied wrongly"] += not left
        if row["exit_id"] >= 0:
            found["links"] += 1
            found["wrong links"] += row["exit_id"] != true_exit
        if true_exit in made.differs:
            what = made.differs[true_exit]
            found[f"{what}: exits"] += 1
            found[f"{what}: found"] += row["exit_id"] == true_exit
    found["share of next entries, per 10,000"] += 1e4 * float(linked.notes["linkable_next_entry"])
    return found


def share(part: float, whole: float) -> str:
    if not whole:
        return "-"
    low, high = rate(int(part), int(whole)).interval
    return f"{int(part)} of {int(whole)} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        "# Shared birth dates and differing passports, linkage without faces",
        "",
        f"`python benchmarks/studies/shared_dates.py --seeds {options.seeds}`: borders of about 4,000 stays "
        "of one nationality, counted together. Intervals at 95%.",
        "",
        "| counted | " + " | ".join(REGIMES) + " |",
        "|---|" + "---|" * len(REGIMES),
    ]
    every = []
    for january, differ in REGIMES.values():
        total: Counter[str] = Counter()
        for seed in range(1, options.seeds + 1):
            total.update(judge(border(seed, january, differ)))
        every.append(total)
    rows: list[tuple[str, list[str]]] = [
        ("stays", [str(c["stays"]) for c in every]),
        ("departures implied wrongly, of those that linkage implies",
         [share(c["implied wrongly"], c["implied"]) for c in every]),
        ("overstayers hidden by a link", [share(c["hidden"], c["overstayers"]) for c in every]),
        ("P(departed) of overstayers, summed", [f"{c['expected hidden']:.1f}" for c in every]),
        ("links to a wrong exit", [share(c["wrong links"], c["links"]) for c in every]),
        ("share of next entries that close a stay, mean",
         [f"{c['share of next entries, per 10,000'] / 1e4 / options.seeds:.5f}" for c in every]),
        ("warnings", [str(c["warned"]) for c in every]),
    ]  # fmt: skip
    rows += [
        (f"exits on another passport found, differs in {what}",
         [share(c[f"{what}: found"], c[f"{what}: exits"]) for c in every])
        for what in DIFFERENCES
    ]  # fmt: skip
    lines += [f"| {label} | " + " | ".join(cells) + " |" for label, cells in rows]
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
