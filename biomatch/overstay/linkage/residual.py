"""Edges between what the document pass left over: exits, later entries, and stays that are still open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.evidence.levels import as_m, level_counts, moved
from biomatch.evidence.names import NEARLY, Comparison, split, token_levels
from biomatch.evidence.prior import near_number_llr, pair_log_odds, same_document_log_odds
from biomatch.overstay.linkage.calibrate import DAY_MS, Calibration
from biomatch.overstay.linkage.candidates import by_details, by_face
from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.posteriors.believable import SURE, Share, linkable_share
from biomatch.overstay.linkage.tables import Links
from biomatch.portable.types import Floats, Ints
from biomatch.tables.schema import Schema

EDGES = Schema(
    "edges",
    {
        "left": pl.Int64,  # encounter_id of a stay's entry, or of an exit that a next entry follows
        "right": pl.Int64,  # encounter_id of a residual exit, or of a later entry
        "left_row": pl.Int64,
        "right_row": pl.Int64,
        "kind": pl.Enum(("exit", "own_document", "next_entry", "return", "capture")),
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
_ROUNDS = 3  # of estimating shares of linkable ends and what one person's records agree on, in turn
_SLACK = 3.0  # nats below `FLOOR` that a pair keeps while the share of linkable ends is not known yet


@dataclass(frozen=True, eq=False)
class Residual:
    """Edges, and what was searched.

    Attributes
    ----------
    edges : polars.DataFrame
        Schema ``EDGES``, sorted by (left, right); log odds at least `FLOOR`.
    linkable : dict of str to float
        Estimated share of right ends of each kind whose stay is among the left ends.
    agreement : dict
        For each field the chance of each level of agreement for one person, as estimated.
    warnings : tuple of str
        What was left out, which estimate was not believed, and why; sentences for a person.
    """

    edges: pl.DataFrame
    linkable: dict[str, float]
    agreement: dict[str, tuple[float, ...]]
    warnings: tuple[str, ...]


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
    several keys over names, birth date and sex (`candidates.KEYS`), so a failed capture can be linked too,
    and a birth date with day and month exchanged. An exit whose document another face contradicts has no
    name of its own: its document's holder says nothing about who left. An exit that is a capture without a
    document has none either (kind ``capture``): face, time and the share of such captures that belong to an
    open stay, which is estimated apart, decide alone.

    **Limits.** Faces are compared one by one: residual exits times residual entries multiplications of
    whole templates, no index. 3,000 exits against 50,000 entries took two seconds of one core at 512
    dimensions, so 500,000 against as many would take about an hour, and millions a day: a residual of that
    size has to be cut by period, or left to the keys. Open stays are searched in later entries by face only
    up to `MAX_COMPARISONS` pairs (a warning says so where it is more); beyond, by the keys alone.
    """
    entries, exits = links.residual_entries, links.residual_exits
    rows = encounters["template_row"].to_numpy()
    named = exits.filter(~pl.col("contradicted"))
    told, left_out = by_details(encounters, entries["entry_row"], named["exit_row"])
    warnings = [f"exits were not compared with entries by {text}" for text in left_out]
    faces = by_face(entries["entry_row"], exits["exit_row"], rows, templates, depth, scorer)
    pairs = _told_apart(encounters, _typed([faces, told], "exit")).join(
        links.contradicted.select(left_row="entry_row", right_row="exit_row"),
        on=["left_row", "right_row"],
        how="anti",
    )
    own = _typed([links.contradicted.select(left_row="entry_row", right_row="exit_row")], "own_document")
    found = [pairs, own]
    if chains:
        later, more = _next_entries(encounters, templates, links, depth, scorer)
        warnings += more
        found.append(later)
    weighed = [_weigh(encounters, templates, pl.concat(found), links, known, scorer)]
    if chains:
        returns = _returns(encounters, _promising(weighed[0], encounters, links, known))
        weighed.append(_weigh(encounters, templates, returns, links, known, scorer))
    edges, linkable, agreement, doubts = _with_priors(_joined(weighed), links, encounters, known)
    return Residual(EDGES.check(edges), linkable, agreement, (*warnings, *doubts))


def _typed(parts: list[pl.DataFrame], kind: str) -> pl.DataFrame:
    rows = pl.concat([part.select("left_row", "right_row") for part in parts]).unique()
    return rows.with_columns(kind=pl.lit(kind, dtype=EDGES.columns["kind"]))


def _told_apart(encounters: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Give pairs with an exit that bears no document a kind of their own."""
    unread = encounters["document_number"][pairs["right_row"]].is_null()
    kind = pl.when(unread).then(pl.lit("capture", dtype=EDGES.columns["kind"])).otherwise("kind")
    return pairs.with_columns(kind=kind)


def _next_entries(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    links: Links,
    depth: int,
    scorer: PairScorer,
) -> tuple[pl.DataFrame, list[str]]:
    """Pair open stays with later entries on other documents."""
    rows = encounters["template_row"].to_numpy()
    open_ = links.stays.filter(pl.col("how_linked") == "none")["entry_row"]
    entries = links.stays["entry_row"]
    told, left_out = by_details(encounters, open_, entries)
    parts = [told]
    warnings = [f"later entries were not compared with open stays by {text}" for text in left_out]
    if len(open_) * len(entries) <= MAX_COMPARISONS:
        parts.append(
            by_face(entries, open_, rows, templates, depth, scorer).rename(
                {"left_row": "right_row", "right_row": "left_row"}
            )
        )
    else:
        warnings.append(
            f"{len(open_):,} open stays were not compared with {len(entries):,} entries by face, only by "
            "names and birth dates"
        )
    papers = encounters.select("document_number", "document_issuer", "time")
    pairs = _typed(parts, "next_entry")
    before, after = papers[pairs["left_row"]], papers[pairs["right_row"]]
    other = (before["document_number"] != after["document_number"]) | (
        before["document_issuer"] != after["document_issuer"]
    )
    return pairs.filter(other & (before["time"] < after["time"])), warnings


def _promising(
    weighed: tuple[pl.DataFrame, Comparison], encounters: pl.DataFrame, links: Links, known: Calibration
) -> pl.DataFrame:
    """Keep the pairs that might reach `FLOOR`: chains of the others would be many and worth nothing."""
    frame, compared = weighed
    odds = _evidence(frame, compared, as_m(known.agreement)) + pair_log_odds(
        0.5, _candidates(frame, encounters, links)
    )
    return frame.filter(pl.Series(odds >= FLOOR - _SLACK)).select("left_row", "right_row", "kind")


def _returns(encounters: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Pair exits with later entries that claim the same stay, so that entry, exit, entry form a chain."""
    time = encounters["time"]
    exits, later = (found.filter(pl.col("kind") == kind).drop("kind") for kind in ("exit", "next_entry"))
    joined = exits.rename({"right_row": "exit"}).join(later.rename({"right_row": "again"}), on="left_row")
    keep = time[joined["exit"]] < time[joined["again"]]
    return _typed([joined.filter(keep).select(left_row="exit", right_row="again")], "return")


def _joined(parts: list[tuple[pl.DataFrame, Comparison]]) -> tuple[pl.DataFrame, Comparison]:
    compared = Comparison(
        np.concatenate([part[1].level for part in parts]), np.concatenate([part[1].log_u for part in parts])
    )
    return pl.concat([part[0] for part in parts]), compared


def _weigh(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    pairs: pl.DataFrame,
    links: Links,
    known: Calibration,
    scorer: PairScorer,
) -> tuple[pl.DataFrame, Comparison]:
    """Compare what both encounters hold; drop pairs that time forbids.

    The columns names, prior and log_odds are not yet among the results: they wait for m and the shares.
    """
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
    compared = _compared(encounters, pairs, known)
    silent = borrowed | (kind == "own_document")
    stay = np.isin(kind, ["exit", "capture"])
    document = np.zeros(len(left))
    unread = encounters["document_number"].is_null().to_numpy()
    read = np.flatnonzero(~(unread[left] | unread[right]))
    document[read] = _near_numbers(encounters, pairs[read])
    document = np.where(stay & ~borrowed, document, 0.0)
    classes = encounters["admission_class"].cast(pl.String)[pairs["left_row"]].to_numpy()
    window = max(1.0, _window_days(links))
    dwell = np.where(stay, known.dwell.llr(days, classes, window), 0.0)
    again = np.isin(kind, ["next_entry", "return"])
    dwell = np.where(again, -days / RETURN_DAYS + portable.log(window / RETURN_DAYS), dwell)
    # Who enters again has left in between: kin who queue behind each other have not.
    left_by = portable.log(np.maximum(known.dwell.within(days, classes), 1e-12))
    dwell = np.where(kind == "next_entry", dwell + left_by, dwell)
    ids = encounters["encounter_id"]
    weighed = pairs.drop("until").with_columns(
        left=ids[pairs["left_row"]],
        right=ids[pairs["right_row"]],
        score=pl.Series(score).fill_nan(None),
        face=pl.Series(face),
        document=pl.Series(document),
        dwell=pl.Series(dwell),
        silent=pl.Series(silent),
    )
    return weighed, compared


def _compared(encounters: pl.DataFrame, pairs: pl.DataFrame, known: Calibration) -> Comparison:
    """Compare what is said of both holders; each record is taken apart once."""
    rows = pl.concat([pairs["left_row"], pairs["right_row"]]).unique().sort()
    told = split(encounters.select("claimed_name", "birth_date", "sex", "nationality")[rows])
    at = [np.searchsorted(rows.to_numpy(), pairs[side].to_numpy()) for side in ("left_row", "right_row")]
    return known.names.compare_split(told[at[0]], told[at[1]])


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


def _candidates(weighed: pl.DataFrame, encounters: pl.DataFrame, links: Links) -> Ints:
    """Give the open stays that had begun by each right end's time."""
    time = encounters["time"].to_physical().to_numpy()
    starts = np.sort(time[links.residual_entries["entry_row"].to_numpy()])
    return np.asarray(np.searchsorted(starts, time[weighed["right_row"].to_numpy()], side="left"))


def _named(weighed: pl.DataFrame, compared: Comparison, m: dict[str, tuple[float, ...]]) -> Floats:
    return np.where(weighed["silent"].to_numpy(), 0.0, compared.llr(m))


def _evidence(weighed: pl.DataFrame, compared: Comparison, m: dict[str, tuple[float, ...]]) -> Floats:
    other = weighed.select(pl.col("face") + pl.col("document") + pl.col("dwell")).to_series().to_numpy()
    return np.asarray(other + _named(weighed, compared, m))


def _with_priors(
    found: tuple[pl.DataFrame, Comparison], links: Links, encounters: pl.DataFrame, known: Calibration
) -> tuple[pl.DataFrame, dict[str, float], dict[str, tuple[float, ...]], list[str]]:
    """Add prior log odds; shares of linkable right ends and m are estimated from the evidence in turn (EM).

    Only sure pairs move m (see `levels.moved`), so that doubtful ones do not feed themselves.
    """
    weighed, compared = found
    candidates = _candidates(weighed, encounters, links)
    kind = weighed["kind"].to_numpy()
    ends = weighed["left_row"].to_numpy(), weighed["right_row"].to_numpy()
    unread = int(encounters["document_number"][links.residual_exits["exit_row"]].null_count())
    totals = {
        "exit": len(links.residual_exits) - unread,
        "next_entry": len(links.stays),
        "return": len(links.stays),
    } | ({"capture": unread} if unread else {})
    places = {name: np.flatnonzero(kind == name) for name in totals}
    speaks = ~weighed["silent"].to_numpy()
    m = as_m(known.agreement)
    shares: dict[str, Share] = {}
    for turn in range(_ROUNDS):
        evidence = _evidence(weighed, compared, m)
        for name, at in places.items():
            shares[name] = linkable_share(
                evidence[at], ends[0][at], ends[1][at], candidates[at], totals[name]
            )
        if turn + 1 < _ROUNDS:
            m = as_m(moved(known.agreement, _agreed(compared, places, shares, speaks)))
    prior = np.full(len(kind), same_document_log_odds(known.sham_rate))
    for name, at in places.items():
        prior[at] = pair_log_odds(shares[name].share, candidates[at]) - shares[name].discount
    named = pl.Series(_named(weighed, compared, m))
    edges = weighed.with_columns(names=named, prior=pl.Series(prior), log_odds=pl.Series(prior + evidence))
    edges = edges.filter(pl.col("log_odds") >= FLOOR).sort("left", "right")
    # One pair may be found as more than one kind only where an exit's own document is among its candidates.
    edges = edges.unique(["left", "right"], keep="first", maintain_order=True).select(list(EDGES.columns))
    doubts = [
        f"the share of {_SAID[name]} is not to be believed ({found.estimate:.4f} estimated, "
        f"{found.share:.4f} used): {'; '.join(found.doubts)}"
        for name, found in shares.items()
        if found.doubts
    ]
    return edges, {name: found.share for name, found in shares.items()}, m, doubts


_SAID = {
    "exit": "unlinked exits that close an open stay",
    "capture": "captures without a document that close an open stay",
    "next_entry": "entries that prove an earlier stay on another document to have ended",
    "return": "entries that follow an unlinked exit",
}


def _agreed(
    compared: Comparison, places: dict[str, Ints], shares: dict[str, Share], speaks: NDArray[np.bool_]
) -> Floats:
    """Count what sure pairs of two records agree on, by field and level."""
    counts = np.zeros_like(level_counts(compared.level[:0]))
    for name in ("exit", "next_entry"):
        sure = places[name][(shares[name].probability >= SURE) & speaks[places[name]]]
        counts += level_counts(compared.level[sure])
    return counts
