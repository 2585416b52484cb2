"""The denominators, first: every search that was due, mated or not, before any answer is looked at.

A search is mated when its person has an available reference under the policy at that moment. The
trials are enumerated again from records and truth, by the judge; an answer that never came is an empty
list, so a silent system misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import ResultsError
from biomatch.gallery.scoring import exact_scores
from biomatch.settings.system import System
from biomatch.system.references import references
from biomatch.system.replay import Stream
from biomatch.system.searches import due_searches
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.galleries import search_of
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

ID = ["encounter_id", "gallery", "designed"]


@dataclass(frozen=True, eq=False)
class Trials:
    """Every trial of a world under a system, with what the lists answered.

    Attributes
    ----------
    frame : polars.DataFrame
        A row a trial of the primary search, sorted as `due_searches`: encounter_id, gallery, designed,
        acquired, counted (not before ``measure_from``), mated, enrolled_count, person_id (the subject),
        port, mode, direction, admission_class, group, quality; mate_score (the mate's own score, -inf where
        there is no mate or no probe), mate_rank (1-based, 0: not in the list), mate_listed_score (-inf: not
        in the list), top_score (of the list), top_id, last_score (-inf where the list is not full).
    list_length : int
        L of the primary search.
    further : mapping of str to polars.DataFrame
        The same for each further search of the system, by its policy: a search has an N, and so rates, of
        its own.
    """

    frame: pl.DataFrame
    list_length: int
    further: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def observed_of(lists: CandidateLists) -> Observed:
    """Give the observed side that belongs to candidate lists, or say how to attach it."""
    if lists.observed is None:
        raise ResultsError(
            "these candidate lists were read without their world",
            remedy="read them with CandidateLists.read(path, observed=world.observed)",
        )
    return lists.observed


def check_same_world(world_id: str, truth: Truth) -> None:
    """Refuse to judge what was made on one world by the truth of another."""
    if world_id != truth.world_id:
        raise ResultsError(
            f"lists or run of world {world_id} against the truth of world {truth.world_id}",
            allowed="one and the same world",
            remedy="give the world that was searched",
        )


def enumerate_trials(lists: CandidateLists, truth: Truth) -> Trials:
    """Enumerate all trials from records and truth, then look up what the lists answered.

    Parameters
    ----------
    lists : CandidateLists
        Of this world; also says which policies asked.
    truth : Truth
        The answers.

    Raises
    ------
    ResultsError
        For lists of another world, or searches that the policy never asked for.
    """
    observed = observed_of(lists)
    check_same_world(lists.world_id, truth)
    system = System.from_mapping(lists.system)
    refs, due = references(observed, system), due_searches(observed, system)
    stream = Stream(observed, refs, due, lists.list_length)
    mates = mate_pairs(stream, refs, due, observed, truth)
    row = _answers(lists, due)
    frame = _describe(observed, truth, due).with_columns(
        enrolled_count=pl.Series(stream.enrolled_counts()),
        mated=pl.Series(np.isin(np.arange(len(due)), mates[0])),
        **{
            name: pl.Series(values)
            for name, values in _found(lists, stream, mates, row, _lengths(lists, system, due)).items()
        },
    )
    policies = system.gallery.policies
    parts = {policy: frame.filter(search_of() == policy) for policy in policies}
    length = min(system.gallery.list_length, lists.list_length)
    return Trials(parts[policies[0]], length, {policy: parts[policy] for policy in policies[1:]})


def owners(observed: Observed, truth: Truth) -> pl.DataFrame:
    """Say whose face each template is: template_row, person_id (a morph's photo has two rows)."""
    documents = observed.documents.select("number", "issuer", "template_row").join(
        truth.documents, on=["number", "issuer"]
    )
    parts = [
        observed.encounters.select("encounter_id", "template_row").join(
            truth.encounters.select("encounter_id", "person_id"), on="encounter_id"
        ),
        documents,
        documents.filter(pl.col("contributor_id") >= 0).with_columns(person_id="contributor_id"),
        observed.watchlist.join(truth.watchlist, on="reference"),
    ]
    owned = pl.concat([part.select("template_row", "person_id") for part in parts])
    return owned.filter((pl.col("template_row") >= 0) & (pl.col("person_id") >= 0))


def mate_pairs(
    stream: Stream, refs: pl.DataFrame, due: pl.DataFrame, observed: Observed, truth: Truth
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each search with every reference of its own person that was there.

    Returns
    -------
    tuple of ndarray
        Rows of `due` and of `refs`, int64, same length.
    """
    searched = (
        due.select("encounter_id", "gallery")
        .with_row_index("probe")
        .join(truth.encounters.select("encounter_id", "person_id"), on="encounter_id")
        .filter(pl.col("person_id") >= 0)
    )
    enrolled = refs.select("gallery", "reference_id", "template_row").join(
        owners(observed, truth), on="template_row"
    )
    pairs = searched.join(enrolled, on=["gallery", "person_id"]).sort("probe", "reference_id")
    probe = pairs["probe"].cast(pl.Int64).to_numpy()
    reference = pairs["reference_id"].to_numpy()
    keep = stream.there(reference, probe)
    return probe[keep], reference[keep]


def _answers(lists: CandidateLists, due: pl.DataFrame) -> NDArray[np.int64]:
    """Row of the lists that answers each trial; -1 where nothing was answered."""
    answered = lists.searches.select(ID).with_row_index("row")
    strange = answered.join(due, on=ID, how="anti")
    if len(strange):
        raise ResultsError(
            f"{len(strange)} of the lists answer searches that the policy never asked for, "
            f"encounter {strange['encounter_id'][0]} in gallery {strange['gallery'][0]!r} first",
            remedy="answer the searches that `biomatch search --plan` wrote",
        )
    joined = due.select(ID).join(answered, on=ID, how="left", maintain_order="left")
    return joined["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def _found(
    lists: CandidateLists,
    stream: Stream,
    mates: tuple[NDArray[np.int64], NDArray[np.int64]],
    row: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> dict[str, NDArray[np.generic]]:
    """Look up, for every trial, the mate's own score, its rank, and the list's first and last score."""
    count, length = len(row), lists.list_length
    answered = np.maximum(row, 0)
    empty = row < 0
    ids = lists.reference_id[answered] if len(lists) else np.full((count, length), -1, np.int64)
    scores = lists.score[answered] if len(lists) else np.full((count, length), -np.inf, np.float32)
    ids[empty], scores[empty] = -1, -np.inf

    probe, reference = mates
    own = np.full(count, -np.inf, np.float32)
    if not lists.about.get("external"):  # only our own scores can be computed again from templates
        acquired = stream.probe_row[probe] >= 0
        at, ref = probe[acquired], reference[acquired]
        faces = stream.templates
        np.maximum.at(own, at, exact_scores(faces, stream.probe_row[at], faces, stream.ref_row[ref]))

    rank = np.full(count, length + 1, np.int64)
    hits = ids[probe] == reference[:, None]
    places = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, length + 1)
    np.minimum.at(rank, probe, places)
    listed = rank <= length
    listed_score = np.where(
        listed, np.take_along_axis(scores, np.minimum(rank - 1, length - 1)[:, None], axis=1)[:, 0], -np.inf
    )
    if lists.about.get("external"):
        own = listed_score.astype(np.float32)
    return {
        "mate_score": own,
        "mate_rank": np.where(listed, rank, 0),
        "mate_listed_score": listed_score.astype(np.float32),
        "top_score": scores[:, 0],
        "top_id": ids[:, 0],
        "last_score": np.take_along_axis(scores, lengths[:, None] - 1, axis=1)[:, 0],
    }


def _lengths(lists: CandidateLists, system: System, due: pl.DataFrame) -> NDArray[np.int64]:
    """L of each trial: another matcher's lists are as long as its log says."""
    if lists.about.get("external"):
        return np.full(len(due), lists.list_length)
    policies = due.select(search_of())["gallery"]
    own = {policy: system.gallery.list_length_of(policy) for policy in system.gallery.policies}
    lengths = policies.replace_strict(own, return_dtype=pl.Int64).to_numpy()
    found: NDArray[np.int64] = np.minimum(lengths, lists.list_length)
    return found


def _describe(observed: Observed, truth: Truth, due: pl.DataFrame) -> pl.DataFrame:
    """Add the subject, the observed fields and the groups by which trials are broken down."""
    fields = ["encounter_id", "port", "mode", "direction", "admission_class", "quality"]
    start = pl.lit(observed.measure_from)
    return (
        due.select("encounter_id", "gallery", "designed", "acquired", counted=pl.col("time") >= start)
        .join(observed.encounters.select(fields), on="encounter_id", how="left", maintain_order="left")
        .join(
            truth.encounters.select("encounter_id", "person_id"),
            on="encounter_id",
            how="left",
            maintain_order="left",
        )
        .join(truth.people.select("person_id", "group"), on="person_id", how="left", maintain_order="left")
    )
