"""The references and searches of a policy, written down for another matcher to answer."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from biomatch.files import csv_text
from biomatch.settings.system import System
from biomatch.system.references import references
from biomatch.system.replay import Stream, longest_list
from biomatch.system.searches import due_searches
from biomatch.tables import storage
from biomatch.tables.observed import Observed
from biomatch.tables.seals import question_of

KIND = "search plan"


def write_plan(observed: Observed, system: System, out: str | Path) -> dict[str, int]:
    """Write ``references.parquet`` and ``searches.parquet`` (also as CSV), without searching.

    A matcher answers each acquired search of ``searches`` with a candidate list over the references of
    the same gallery that were there: ``available_from`` before the search's time (equal times: a lower
    encounter_id than the probe's), ``retired_at`` not before it. ``search_id`` names the search and
    ``reference_id`` the template in the candidate log that ``biomatch evaluate --format frte`` reads.

    Returns
    -------
    dict
        Counts of references and searches.
    """
    refs = references(observed, system)
    due = due_searches(observed, system)
    counts = Stream(observed, refs, due, longest_list(system)).enrolled_counts()
    searches = due.with_row_index("search_id").with_columns(
        pl.col("search_id").cast(pl.Int64), enrolled_count=pl.Series(counts)
    )
    about = {"world_id": observed.id, "system": system.model_dump(mode="json")}
    with storage.new_folder(out, KIND, about, question=question_of(**about)) as at:
        for name, frame in (("references", refs), ("searches", searches)):
            frame.write_parquet(at / f"{name}.parquet")
            storage.write_text(at / f"{name}.csv", csv_text(frame))
    return {"references": refs.height, "searches": searches.height}
