"""Small observed worlds with truth, drawn by Hypothesis: few documents, colliding times, equal faces."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import strategies as st

from biomatch import truth as truths
from biomatch.tables import observed as seen
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

START = datetime(2025, 1, 1)
PEOPLE, DOCUMENTS = 5, 6
DIMENSION = 8


def encounter(number, draw_from):
    source, day, delay, direction, document, person, resident, captured = draw_from
    time = START + timedelta(hours=6 * day)
    return {
        "encounter_id": number, "source": source, "time": time,
        "recorded_at": time + timedelta(hours=6 * delay), "port": f"P{document % 2}",
        "mode": "air" if document % 2 else "land",
        "direction": "exit" if source == "neighbour" else direction,
        "movement": -1, "document_number": f"N{document}", "document_issuer": "AA",
        "claimed_name": "x", "birth_date": date(1990, 1, 1), "sex": "F", "nationality": "AA",
        "admission_class": "RESIDENT" if resident else "B2",
        "permitted_until": None if resident or direction == "exit" else (time + timedelta(days=3)).date(),
        "camera": "c", "attempts": 1, "quality": 50.0,
        "template_row": -1 if source != "port" or captured == "failed" else 0,
        "failure": "no_face" if captured == "failed" else "none", "person": person,
    }  # fmt: skip


rows = st.tuples(
    st.sampled_from(["port", "port", "port", "neighbour"]),
    st.integers(0, 12),
    st.sampled_from([0, 0, 0, 1, 5]),
    st.sampled_from(["entry", "exit"]),
    st.integers(0, DOCUMENTS - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from([False, False, True]),
    st.sampled_from(["yes", "yes", "yes", "failed"]),
)


@st.composite
def worlds(draw, max_rows=25):
    """Draw (Observed, Truth): not plausible border traffic, but every order of records can occur."""
    drawn = draw(st.lists(rows, min_size=1, max_size=max_rows))
    numbers = draw(st.permutations(range(len(drawn))))
    return build([encounter(n, row) for n, row in zip(numbers, drawn, strict=True)], draw(st.integers(0, 9)))


def build(made, seed=0):
    random = np.random.default_rng(seed)
    codes = random.standard_normal((PEOPLE, DIMENSION))
    templates = []
    for row in made:
        if row["template_row"] >= 0:
            row["template_row"] = len(templates)
            # Coarse noise, so that equal templates, and equal scores, do occur.
            vector = codes[row["person"]] + random.integers(0, 2) * codes[(row["person"] + 1) % PEOPLE]
            templates.append(vector / np.linalg.norm(vector))
        else:
            row["quality"] = None
    faces = np.array(templates, dtype=np.float32).reshape(-1, DIMENSION)
    frame = pl.DataFrame(
        [{name: row[name] for name in seen.ENCOUNTERS.columns} for row in made],
        schema=dict(seen.ENCOUNTERS.columns),
    )
    empty = {s.name: s.empty() for s in seen.SCHEMAS if s is not seen.ENCOUNTERS}
    about = {
        "measure_from": "2025-01-01",
        "last_day": "2025-01-20",
        "first_day": "2025-01-01",
        "scenario": "drawn",
    }
    observed = Observed(encounters=frame, templates=faces, about=about, **empty).check().sealed()
    people = truths.PEOPLE.frame({
        "person_id": range(PEOPLE), "sex": ["F"] * PEOPLE, "birth_date": [date(1990, 1, 1)] * PEOPLE,
        "region": ["X"] * PEOPLE, "group": ["X F"] * PEOPLE, "family_id": [-1] * PEOPLE,
        "twin_id": [-1] * PEOPLE,
    })  # fmt: skip
    true = truths.ENCOUNTERS.frame({
        "encounter_id": [r["encounter_id"] for r in made], "person_id": [r["person"] for r in made],
        "claimed_person_id": [r["person"] for r in made], "journey_id": [r["encounter_id"] for r in made],
        "counterpart_id": [-1] * len(made),
    })  # fmt: skip
    truth = Truth(
        people=people, encounters=true, stays=truths.STAYS.empty(), documents=truths.DOCUMENTS.empty(),
        watchlist=truths.WATCHLIST.empty(), subversion=truths.SUBVERSION.empty(), seed=1, scenario={},
        world_id=observed.id,
    )  # fmt: skip
    return observed, truth.check()


def with_encounters(observed, frame):
    """The same world with other (or reordered) encounters."""
    kept = {s.name: getattr(observed, s.name) for s in seen.SCHEMAS if s is not seen.ENCOUNTERS}
    return Observed(encounters=frame, templates=observed.templates, about=observed.about, **kept).sealed()
