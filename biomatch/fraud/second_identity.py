"""One face, several identities: a candidate of another document whose holder is said to be somebody else.

Name and date of birth tell a second identity from a second passport: a candidate who shares either is
left out. A name shares if it sounds alike (transliterations), a date if only day and month are exchanged or
one digit differs. That spares renewals, second passports, changed names, keying errors, and twins, who share
the date of birth; it also spares an impostor who keeps one of them, which is counted as a miss.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.evidence.birth_dates import Dates, date_levels
from biomatch.evidence.levels import AGREES, EXCHANGED, MISSING, ONE_DIGIT
from biomatch.evidence.names import spelt_alike
from biomatch.fraud.facts import Candidates, Facts
from biomatch.tables.observed import DOCUMENT_KEY

KIND = "second_identity"


def find(facts: Facts) -> pl.DataFrame:
    """Find encounters whose face is that of a differently named holder of another document.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the encounter; score: the similarity, from ``CANDIDATE_FLOOR``.
    """
    found = different_candidates(facts)
    references = facts.lists.references
    return facts.alerts(
        KIND,
        found.row,
        found.score,
        evidence={
            "other_similarity": found.score,
            "rank": found.place,
            "other_encounter_id": references["encounter_id"].gather(found.reference),
            "other_document": references["document_number"].gather(found.reference),
            "quality": facts.table["quality"].gather(found.row).cast(pl.Float64),
        },
    )


def different_candidates(facts: Facts) -> Candidates:
    """Keep the candidates of another document whose holder has another name and date of birth."""
    found = facts.candidates
    theirs = reference_holders(facts)[found.reference]
    keep = differently_named(facts.table[found.row], theirs) & theirs["known"].to_numpy()
    return Candidates(found.row[keep], found.reference[keep], found.score[keep], found.place[keep])


def reference_holders(facts: Facts) -> pl.DataFrame:
    """Say whom each reference claims to be, from its encounter or its document.

    Returns
    -------
    polars.DataFrame
        A row a reference: claimed_name, birth_date, known (False: a watchlist entry, for example).
    """
    encounters = facts.observed.encounters.select(
        "encounter_id", seen_name="claimed_name", seen_birth="birth_date"
    )
    documents = facts.observed.documents.select(
        "holder_name", document_number="number", document_issuer="issuer", printed_birth="birth_date"
    )
    return (
        facts.lists.references.select("encounter_id", "document_number", "document_issuer")
        .join(encounters, on="encounter_id", how="left", maintain_order="left")
        .join(documents, on=DOCUMENT_KEY, how="left", maintain_order="left")
        .select(
            claimed_name=pl.coalesce("seen_name", "holder_name"),
            birth_date=pl.coalesce("seen_birth", "printed_birth"),
        )
        .with_columns(known=pl.col("claimed_name").is_not_null())
    )


def differently_named(one: pl.DataFrame, other: pl.DataFrame) -> NDArray[np.bool_]:
    """Say where neither name nor date of birth may be one in two writings; shape (m,), bool."""
    if not len(one):
        return np.zeros(0, dtype=np.bool_)
    told = (one["claimed_name"].is_not_null() & other["claimed_name"].is_not_null()).to_numpy()
    level = date_levels(Dates.of(one["birth_date"]), Dates.of(other["birth_date"]))
    differ = told & ~np.isin(level, [AGREES, EXCHANGED, ONE_DIGIT, MISSING])
    rows = np.flatnonzero(differ)
    alike = spelt_alike(one["claimed_name"].gather(rows), other["claimed_name"].gather(rows))
    differ[rows[alike]] = False
    return np.asarray(differ)
