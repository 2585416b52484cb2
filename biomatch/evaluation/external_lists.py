"""Candidate lists that another matcher made from ``search --plan``: judged like our own.

The matcher answers a plan's searches in the form of the FRTE 1:N candidate log: `searchId` is the plan's
``search_id``, `templateId` its ``reference_id``. Scores are taken as they are; a mate's own score is known
only where it is in its list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import ResultsError, TableError
from biomatch.scorefiles.candidates import read_frte
from biomatch.settings.system import System
from biomatch.system.references import references
from biomatch.system.searches import due_searches
from biomatch.tables.candidates import PADDING_ID, PADDING_SCORE, CandidateLists
from biomatch.tables.observed import Observed
from biomatch.tables.produced import SEARCHES


def lists_from_frte(log: str | Path, observed: Observed, system: System) -> CandidateLists:
    """Read a candidate log that answers a plan.

    Parameters
    ----------
    log : path
        FRTE 1:N candidate log; searches that are absent were not answered (a silent system misses), a
        search with a return code or null candidates has an empty list.
    observed : Observed
        The world that was planned.
    system : System
        The system whose policy was planned.

    Returns
    -------
    CandidateLists
        In the order of the plan; L is the length of the longest list.

    Raises
    ------
    TableError
        For a search or template that the plan does not name, or one named twice in a list.
    """
    place = Path(log)
    refs, due = references(observed, system), due_searches(observed, system)
    kept = read_frte(place).filter((pl.col("code") == 0) & (pl.col("assigned") == 1))
    search = _numbers(kept, "search", len(due), "search_id", place)
    template = _numbers(kept, "template", len(refs), "reference_id", place)
    frame = pl.DataFrame(
        {"search": search, "template": template, "score": kept["score"], "line": kept["line"]}
    )
    twice = frame.filter(pl.struct("search", "template").is_duplicated())
    if len(twice):
        row = twice.row(0, named=True)
        raise TableError(
            f"line {row['line']} of {place}: search {row['search']} names reference {row['template']} twice",
            allowed="each reference once in a list",
        )
    frame = frame.sort(["search", "score", "template"], descending=[False, True, False])
    frame = frame.with_columns(place=pl.int_range(pl.len()).over("search"))
    length = int(frame["place"].to_numpy().max(initial=0)) + 1
    answered = np.unique(search)
    ids = np.full((len(due), length), PADDING_ID, np.int64)
    scores = np.full((len(due), length), PADDING_SCORE, np.float32)
    at = (frame["search"].to_numpy(), frame["place"].to_numpy())
    ids[at], scores[at] = frame["template"].to_numpy(), frame["score"].to_numpy().astype(np.float32)
    return CandidateLists(
        searches=SEARCHES.check(
            due.select("encounter_id", "gallery", "designed", "acquired")
            .with_columns(
                enrolled_count=pl.lit(0, dtype=pl.Int64)  # the judge counts N itself
            )
            .select(list(SEARCHES.columns))
        ),
        reference_id=ids,
        score=scores,
        references=refs,
        system=system.model_dump(mode="json"),
        world_id=observed.id,
        about={"external": True, "log": place.name, "answered": len(answered)},
        observed=observed,
    ).check()


def _numbers(kept: pl.DataFrame, column: str, count: int, name: str, place: Path) -> NDArray[np.int64]:
    found = kept[column].cast(pl.String).cast(pl.Int64, strict=False)
    bad = (found.is_null() | (found < 0) | (found >= count)).fill_null(value=True)
    if bad.any():
        row = kept.filter(bad).row(0, named=True)
        raise TableError(
            f"line {row['line']} of {place}: {name} {row[column]!r} is not in the plan",
            allowed=f"0 to {count - 1}",
            remedy="answer the plan of this world and this system",
        )
    return found.to_numpy()


def check_answers(lists: CandidateLists) -> None:
    """Refuse lists in which nothing at all was answered: that is another plan's log, not a bad matcher.

    Raises
    ------
    ResultsError
        When every list is empty.
    """
    if len(lists) and (lists.reference_id < 0).all():
        raise ResultsError(
            "the log answers none of the plan's searches",
            remedy="check that world and system are those of the plan",
        )
