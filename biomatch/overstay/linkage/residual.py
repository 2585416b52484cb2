"""Edges between what the document pass left over: exits, later entries, and stays that are still open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.evidence.names import NEARLY, token_levels
from biomatch.evidence.prior import near_number_llr, pair_log_odds, same_document_log_odds
from biomatch.gallery.flat import exact_top
from biomatch.overstay.linkage.calibrate import DAY_MS, Calibration
from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.tables import Links
from biomatch.tables.schema import Schema

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGES = Schema(
    "edges",
    {
        "left": pl.Int64,  # encounter_id of a stay's entry, or of an exit that a next entry follows
        "right": pl.Int64,  # encounter_id of a residual exit, or of a later entry
        "left_row": pl.Int64,
        "right_row": pl.Int64,
        "kind": pl.Enum(("exit", "own_document", "next_entry", "return")),
        "score": pl.Float32,  # comparison score; null: no two templates
        "face": pl.Float64,  # natural log-likelihood ratios, 0 where there is no evidence
        "names": pl.Float64,
        "document": pl.Float64,
        "dwell": pl.Float64,
        "prior": pl.Float64,  # log odds
        "log_odds": pl.Float64,  # their sum
    },
    nullable=frozenset({"score"}),
    key=("left", "right"),
)
DEPTH = 12  # candidates a face search returns (assumed: 5 to 20 serve)
FLOOR = -7.0  # edges below these log odds (1 in 1,100) are dropped; the optimum uses only those above 0
RETURN_DAYS = 365.0  # mean time to the next visit (assumed)
MAX_COMPARISONS = 200_000_000  # of the search of open stays in later entries: some seconds at 512 dimensions
_SAMPLE = 10_000  # random pairs of document numbers
_ROUNDS = 6  # of estimating the share of linkable exits; it settles in three or four


@dataclass(frozen=True, eq=False)
class Residual:
    """Edges, and what was searched.

    Attributes
    ----------
    edges : polars.DataFrame
        Schema ``EDGES``, sorted by (left, right); log odds at least `FLOOR`.
    linkable : dict of str to float
        Estimated share of right ends of each kind whose stay is among the left ends.
    notes : dict of str to str
        What was left out, and why.
    """

    edges: pl.DataFrame
    linkable: dict[str, float]
    notes: dict[str, str]


def residual_edges(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    links: Links,
    known: Calibration,
    *,
    chains: bool = True,
    depth: int = DEPTH,
    scorer: PairScorer = score_rows,
) -> Residual:
    """Find and weigh every edge that could matter.

    Parameters
    ----------
    encounters, templates
        As observed; rows as `links` names them.
    links : Links
        After the face check.
    known : Calibration
        What evidence is worth.
    chains : bool
        Whether a later entry on another document may close a stay.
    depth : int
        Candidates of each face search.
    scorer : callable
        Pairwise comparison.

    Notes
    -----
    Candidates come from two searches: by face (each residual exit against all residual entries) and by
    birth date, so a failed capture can be linked too. An exit whose document another face contradicts
    has no name of its own: its document's holder says nothing about who left.

    **Limits.** Faces are compared one by one: residual exits times residual entries multiplications of
    whole templates, no index. 3,000 exits against 50,000 entries took two seconds of one core at 512
    dimensions, so 500,000 against as many would take about an hour, and millions a day: a residual of that
    size has to be cut by period, or left to the birth dates. Open stays are searched in later entries by
    face only up to `MAX_COMPARISONS` pairs (a note says so where it is more); beyond, a return on another
    document is found by birth date and sex alone, so one with a mistyped birth date is missed.
    """
    entries, exits = links.residual_entries, links.residual_exits
    rows = encounters["template_row"].to_numpy()
    notes: dict[str, str] = {}
    parts = [_by_face(entries["entry_row"], exits["exit_row"], rows, templates, depth)]
    named = exits.filter(~pl.col("contradicted"))
    parts.append(_by_birth_date(encounters, entries["entry_row"], named["exit_row"]))
    pairs = _typed(parts, "exit").join(
        links.contradicted.select(left_row="entry_row", right_row="exit_row"),
        on=["left_row", "right_row"],
        how="anti",
    )
    own = _typed([links.contradicted.select(left_row="entry_row", right_row="exit_row")], "own_document")
    found = [pairs, own]
    if chains:
        later, note = _next_entries(encounters, templates, links, rows, depth)
        notes |= note
        found += [later, _returns(encounters, pairs, later)]
    weighed = _weigh(encounters, templates, pl.concat(found), links, known, scorer)
    edges, linkable = _with_priors(weighed, links, encounters, known)
    return Residual(EDGES.check(edges), linkable, notes)


def _typed(parts: list[pl.DataFrame], kind: str) -> pl.DataFrame:
    rows = pl.concat([part.select("left_row", "right_row") for part in parts]).unique()
    return rows.with_columns(kind=pl.lit(kind, dtype=EDGES.columns["kind"]))


def _pairs(left: Ints, right: Ints) -> pl.DataFrame:
    schema = {"left_row": pl.Int64, "right_row": pl.Int64}
    return pl.DataFrame({"left_row": left, "right_row": right}, schema=schema)


def _by_face(
    references: pl.Series, probes: pl.Series, rows: Ints, templates: NDArray[np.float32], depth: int
) -> pl.DataFrame:
    """Give the best candidates of each probe among the references (both are encounter rows)."""
    refs, faces = references.to_numpy(), probes.to_numpy()
    refs, faces = refs[rows[refs] >= 0], faces[rows[faces] >= 0]
    if not len(refs) or not len(faces):
        return _pairs(refs[:0], faces[:0])
    enrolled = np.ascontiguousarray(templates[rows[refs]])
    left, right = [], []
    for begin in range(0, len(faces), 4096):
        part = faces[begin : begin + 4096]
        found = exact_top(np.ascontiguousarray(templates[rows[part]]), enrolled, refs, depth).reference_id
        hit = found >= 0
        left.append(found[hit])
        right.append(np.repeat(part, hit.sum(axis=1)))
    return _pairs(np.concatenate(left), np.concatenate(right))


def _by_birth_date(encounters: pl.DataFrame, left: pl.Series, right: pl.Series) -> pl.DataFrame:
    """Pair records of one birth date and sex: about one in 40,000 of all pairs, and nearly all true ones."""
    key = encounters.select("birth_date", "sex")
    a = key[left].with_columns(left_row=left)
    b = key[right].with_columns(right_row=right)
    return a.join(b, on=["birth_date", "sex"]).select("left_row", "right_row")


def _next_entries(
    encounters: pl.DataFrame, templates: NDArray[np.float32], links: Links, rows: Ints, depth: int
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Pair open stays with later entries on other documents."""
    open_ = links.stays.filter(pl.col("how_linked") == "none")["entry_row"]
    entries = links.stays["entry_row"]
    parts = [_by_birth_date(encounters, open_, entries)]
    notes = {}
    if len(open_) * len(entries) <= MAX_COMPARISONS:
        parts.append(
            _by_face(entries, open_, rows, templates, depth).rename(
                {"left_row": "right_row", "right_row": "left_row"}
            )
        )
    else:
        notes["next_entries"] = f"{len(open_)} stays x {len(entries)} entries: by birth date only"
    papers = encounters.select("document_number", "document_issuer", "time")
    pairs = _typed(parts, "next_entry")
    before, after = papers[pairs["left_row"]], papers[pairs["right_row"]]
    other = (before["document_number"] != after["document_number"]) | (
        before["document_issuer"] != after["document_issuer"]
    )
    return pairs.filter(other & (before["time"] < after["time"])), notes


def _returns(encounters: pl.DataFrame, exits: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """Pair exits with later entries that claim the same stay, so that entry, exit, entry form a chain."""
    time = encounters["time"]
    joined = exits.rename({"right_row": "exit"}).join(later.rename({"right_row": "again"}), on="left_row")
    keep = time[joined["exit"]] < time[joined["again"]]
    return _typed([joined.filter(keep).select(left_row="exit", right_row="again")], "return")


def _weigh(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    pairs: pl.DataFrame,
    links: Links,
    known: Calibration,
    scorer: PairScorer,
) -> pl.DataFrame:
    """Compare what both encounters hold; drop pairs that time forbids."""
    ends = links.stays.select(left_row="entry_row", until="next_entry_time")
    time = encounters["time"]
    pairs = pairs.join(ends, on="left_row", how="left")
    before, after = time[pairs["left_row"]], time[pairs["right_row"]]
    fits = (before < after) & (pairs["until"].is_null() | (after <= pairs["until"])).fill_null(True)
    pairs = pairs.filter(fits).sort("left_row", "right_row")
    left, right = pairs["left_row"].to_numpy(), pairs["right_row"].to_numpy()
    days = (time[pairs["right_row"]] - time[pairs["left_row"]]).dt.total_milliseconds().to_numpy() / DAY_MS
    rows = encounters["template_row"].to_numpy()
    both = np.flatnonzero((rows[left] >= 0) & (rows[right] >= 0))
    score = np.full(len(left), np.nan, dtype=np.float32)
    score[both] = scorer(templates, rows[left[both]], rows[right[both]])
    face = np.zeros(len(left))
    if known.face is not None:
        quality = encounters["quality"].cast(pl.Float64).fill_null(1.0).to_numpy()
        face = known.face.llr(score, np.minimum(quality[left], quality[right]), days / 365.25)
    # Of a contradicted document only the photo's owner is known, not who left on it.
    borrowed = np.isin(right, links.residual_exits.filter("contradicted")["exit_row"].to_numpy())
    kind = pairs["kind"].to_numpy()
    told = encounters.select("claimed_name", "birth_date", "sex", "nationality")
    names = known.names.compare(told[pairs["left_row"]], told[pairs["right_row"]]).llr()
    names = np.where(borrowed | (kind == "own_document"), 0.0, names)
    stay = np.isin(kind, ["exit"])
    document = np.where(stay & ~borrowed, _near_numbers(encounters, pairs), 0.0)
    classes = encounters["admission_class"].cast(pl.String)[pairs["left_row"]].to_numpy()
    window = max(1.0, _window_days(links))
    dwell = np.where(stay, known.dwell.llr(days, classes, window), 0.0)
    again = np.isin(kind, ["next_entry", "return"])
    dwell = np.where(again, -days / RETURN_DAYS + portable.log(window / RETURN_DAYS), dwell)
    # Who enters again has left in between: kin who queue behind each other have not.
    left_by = portable.log(np.maximum(known.dwell.within(days, classes), 1e-12))
    dwell = np.where(kind == "next_entry", dwell + left_by, dwell)
    ids = encounters["encounter_id"]
    return pairs.drop("until").with_columns(
        left=ids[pairs["left_row"]],
        right=ids[pairs["right_row"]],
        score=pl.Series(score).fill_nan(None),
        face=pl.Series(face),
        names=pl.Series(names),
        document=pl.Series(document),
        dwell=pl.Series(dwell),
    )


def _near_numbers(encounters: pl.DataFrame, pairs: pl.DataFrame) -> Floats:
    """Weigh document numbers that one slip of a finger separates; the chance is counted in random pairs."""
    number, issuer = encounters["document_number"], encounters["document_issuer"]

    def nearly(left: pl.Series, right: pl.Series) -> NDArray[np.bool_]:
        level = token_levels(number[left], number[right])
        return np.asarray((level == NEARLY) & (issuer[left] == issuer[right]).to_numpy())

    step = np.arange(_SAMPLE)
    some = pairs["left_row"].unique().sort(), pairs["right_row"].unique().sort()
    if pairs.is_empty():
        return np.empty(0)
    apart = nearly(some[0][(step * 7919) % len(some[0])], some[1][(step * 104_729) % len(some[1])])
    chance = (int(apart.sum()) + 0.5) / (_SAMPLE + 1.0)
    return near_number_llr(nearly(pairs["left_row"], pairs["right_row"]), chance)


def _window_days(links: Links) -> float:
    """Length of the period from which exits were drawn, in days."""
    times = [links.stays["exit_time"].drop_nulls(), links.residual_exits["exit_time"]]
    every = pl.concat(times)
    if every.is_empty():
        return 1.0
    first, last = links.stays["entry_time"].min(), every.max()
    if first is None or last is None:
        return 1.0
    return float((pl.Series([last]) - pl.Series([first])).dt.total_milliseconds()[0] / DAY_MS)


def _with_priors(
    weighed: pl.DataFrame, links: Links, encounters: pl.DataFrame, known: Calibration
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Add prior log odds; the share of linkable right ends is estimated from the evidence itself (EM)."""
    time = encounters["time"].to_physical().to_numpy()
    starts = np.sort(time[links.residual_entries["entry_row"].to_numpy()])
    right = weighed["right_row"].to_numpy()
    candidates = np.searchsorted(starts, time[right], side="left")  # open stays that had begun by then
    kind = weighed["kind"].to_numpy()
    evidence = (weighed["face"] + weighed["names"] + weighed["document"] + weighed["dwell"]).to_numpy()
    prior = np.full(len(right), same_document_log_odds(known.sham_rate))
    linkable: dict[str, float] = {}
    counts = {
        "exit": len(links.residual_exits),
        "next_entry": len(links.stays),
        "return": len(links.stays),
    }
    for name, total in counts.items():
        at = np.flatnonzero(kind == name)
        ends, compact = np.unique(right[at], return_inverse=True)
        share = 0.5
        for _ in range(_ROUNDS):
            odds = pair_log_odds(share, candidates[at]) + evidence[at]
            sums = np.bincount(compact, portable.exp(np.minimum(odds, 500.0)), len(ends))
            share = float((np.sum(sums / (1 + sums)) + 0.5) / (total + 1.0))
            share = min(max(share, 1e-6), 1 - 1e-6)
        prior[at] = pair_log_odds(share, candidates[at])
        linkable[name] = share
    edges = weighed.with_columns(prior=pl.Series(prior), log_odds=pl.Series(prior + evidence))
    edges = edges.filter(pl.col("log_odds") >= FLOOR).sort("left", "right")
    # One pair may be found as more than one kind only where an exit's own document is among its candidates.
    return edges.unique(["left", "right"], keep="first", maintain_order=True).select(
        list(EDGES.columns)
    ), linkable
