"""Candidate lists with a mate map: NIST's FRTE log, and pyeer's CMC files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from biomatch.curves.build import IdentificationCurve, identification_curve
from biomatch.errors import ResultsError, TableError
from biomatch.files import read_text
from biomatch.scorefiles.lines import fault_at, first_line, read_table

EXAMPLE = "12 0 0 1 11 0.913 1"
LOG = {
    "searchId": ("search", "text"),
    "candidateRank": ("place", "number"),
    "searchRetCode": ("code", "number"),
    "isAssigned": ("assigned", "number"),
    "templateId": ("template", "text"),
    "score": ("score", "score"),
    "similarityScore": ("score", "score"),
    "decision": ("decision", "number"),
}
NONE = "none"


def read_frte(path: Path, *, distances: bool = False) -> pl.DataFrame:
    """Read a candidate log of the FRTE 1:N test driver (``validate1N.cpp``).

    Parameters
    ----------
    path : Path
        Header ``searchId candidateRank searchRetCode isAssigned templateId score decision``, then a line
        a candidate, single spaces; ranks start at 0 and scores descend.
    distances : bool
        Whether lower means closer: scores ascend, and are negated.

    Returns
    -------
    polars.DataFrame
        search (text), place (0-based), code, assigned, template, score, line; null candidates included.
    """
    header = first_line(path).split(" ")
    unknown = [name for name in header if name not in LOG]
    needed = {"searchId", "candidateRank", "searchRetCode", "isAssigned", "templateId"}
    if unknown or needed - {*header} or not {"score", "similarityScore"} & {*header}:
        raise fault_at(
            path, 1, f"header {' '.join(header)[:120]!r}",
            allowed="searchId candidateRank searchRetCode isAssigned templateId score decision",
            remedy="write that header, with single spaces",
        )  # fmt: skip
    frame = read_table(path, [LOG[name] for name in header], header=1, example=EXAMPLE)
    frame = frame.with_row_index("line", offset=2)
    doubled = frame.select(pl.struct("search", "place").is_duplicated()).to_series()
    if doubled.any():
        row = int(doubled.arg_max() or 0)
        again = frame.filter(
            (pl.col("search") == frame["search"][row]) & (pl.col("place") == frame["place"][row])
        )
        raise fault_at(
            path, again["line"][1], f"search {again['search'][0]} has rank {again['place'][0]} again",
            allowed="each search once", remedy=f"it stands in line {again['line'][0]} already",
        )  # fmt: skip
    if distances:
        frame = frame.with_columns(-pl.col("score"))
    listed = frame.filter(pl.col("assigned") == 1).sort("search", "place", maintain_order=True)
    rising = (listed["search"] == listed["search"].shift(1)) & (listed["score"] > listed["score"].shift(1))
    if rising.any():
        row = int(rising.arg_max() or 0)
        given, closer = (-listed["score"][row], "lower") if distances else (listed["score"][row], "higher")
        raise fault_at(
            path, listed["line"][row],
            f"score {given:g} is {closer} than that of the rank before",
            allowed="ascending distances" if distances else "descending similarity scores",
            remedy="are they distances?" if distances else "give --distances if lower is closer",
        )  # fmt: skip
    return frame


def read_cmc(path: Path, *, distances: bool = False) -> pl.DataFrame:
    """Read pyeer's CMC scores, ``query template score``; ranks follow from the scores, ties in file order."""
    columns = (("search", "text"), ("name", "text"), ("score", "score"))
    frame = read_table(path, columns, example="q1 t7 0.88").rename({"name": "template"})
    if distances:
        frame = frame.with_columns(-pl.col("score"))
    return frame.with_row_index("line", offset=1).with_columns(
        place=pl.col("score").rank("ordinal", descending=True).over("search").cast(pl.Int64) - 1,
        code=pl.lit(0, dtype=pl.Int64),
        assigned=pl.lit(1, dtype=pl.Int64),
    )


def read_truth(path: Path | None) -> pl.DataFrame:
    """Read a mate map: ``search mate [mate ...]`` or ``search none``, a search on one line or several.

    Words are separated by blanks or commas. A first line that begins with ``search_id`` or ``searchId`` is
    a header; a column named ``subject`` in it says who was searched.

    Returns
    -------
    polars.DataFrame
        search, template (null: non-mated), subject (the search itself where the map does not say).
    """
    if path is None:
        raise TableError(
            "a candidate log without a truth",
            allowed="--truth FILE with lines 'search mate' or 'search none'",
            remedy="the log alone cannot tell a hit from a false positive",
        )
    lines = read_text(path, pipe=True).splitlines()
    subject_at = None
    start = 0
    if lines and lines[0].replace(",", " ").split()[:1] in (["search_id"], ["searchId"]):
        names = lines[0].replace(",", " ").split()
        subject_at = names.index("subject") if "subject" in names else None
        start = 1
    rows: list[tuple[str, str | None, str]] = []
    places: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines[start:], start=start + 1):
        words = line.replace(",", " ").split()
        if len(words) < 2:
            raise fault_at(path, number, f"{line!r}", allowed="'search mate' or 'search none'")
        subject = words.pop(subject_at) if subject_at is not None and subject_at < len(words) else words[0]
        for mate in words[1:]:
            before = places.setdefault((words[0], mate), number)
            if before != number:
                raise fault_at(
                    path, number, f"search {words[0]} has {mate} again",
                    allowed="each search and mate once", remedy=f"it stands in line {before} already",
                )  # fmt: skip
            rows.append((words[0], None if mate == NONE else mate, subject))
    if not rows:
        raise TableError(f"{path} holds no line", allowed="'search mate' or 'search none'")
    frame = pl.DataFrame(
        rows, schema={"search": pl.String, "template": pl.String, "subject": pl.String}, orient="row"
    ).unique(maintain_order=True)
    both = frame.group_by("search").agg(
        pl.col("template").is_null().any().alias("none"), pl.col("template").is_not_null().any().alias("mate")
    )
    wrong = both.filter(pl.col("none") & pl.col("mate"))
    if len(wrong):
        raise TableError(
            f"{path}: search {wrong['search'][0]} has a mate and none", allowed="one or the other"
        )
    return frame


def searches(
    log: pl.DataFrame, truth: pl.DataFrame, log_path: Path, *, enrolled: int = 0
) -> IdentificationCurve:
    """Judge candidate lists by their mate map.

    Parameters
    ----------
    log : polars.DataFrame
        As `read_frte` or `read_cmc` gives it.
    truth : polars.DataFrame
        As `read_truth` gives it; every search of the log must be in it, and the other way round.
    log_path : Path
        For messages.
    enrolled : int
        N, where it is known.

    Returns
    -------
    IdentificationCurve
        Searches whose return code is not 0 are failures to acquire, not misses and not correct
        rejections. Of several mates the best one counts.
    """
    known = truth.select("search").unique()
    strangers = log.join(known, on="search", how="anti")
    if len(strangers):
        raise fault_at(
            log_path, strangers["line"].min(),  # type: ignore[arg-type]
            f"search {strangers.sort('line')['search'][0]} is not in the truth",
            allowed="a line 'search mate' or 'search none' for each search",
        )  # fmt: skip
    missing = known.join(log.select("search").unique(), on="search", how="anti").sort("search")
    if len(missing):
        raise ResultsError(
            f"search {missing['search'][0]} of the truth ({len(missing)} in all) is not in {log_path}",
            allowed="every search in the log, a failed one with its return code",
            remedy="a silent system misses: add its lines, or take it out of the truth",
        )
    failed = log.group_by("search").agg(failed=(pl.col("code") != 0).any())
    listed = log.filter(pl.col("assigned") == 1)
    length = int(log["place"].max()) + 1  # type: ignore[arg-type]
    hits = (
        listed.join(truth.drop_nulls("template"), on=["search", "template"])
        .sort("search", "place")
        .group_by("search", maintain_order=True)
        .first()
        .select("search", mate="score", rank=pl.col("place") + 1)
    )
    lists = listed.group_by("search").agg(
        top=pl.col("score").max(), last=pl.col("score").min(), length=pl.len()
    )
    found = (
        truth.group_by("search")
        .agg(pl.col("template").is_not_null().any().alias("mated"), pl.col("subject").first())
        .join(failed, on="search")
        .join(lists, on="search", how="left")
        .join(hits, on="search", how="left")
        .sort("search")
        .with_columns(subject=pl.col("subject").rank("dense"))
    )
    fta = found.filter("failed")
    searched = found.filter(~pl.col("failed"))
    mated, other = searched.filter("mated"), searched.filter(~pl.col("mated"))
    if len(mated) and not len(hits):
        raise TableError(
            f"none of the {len(mated):,} mated searches has its mate in any list of {log_path}",
            remedy="do the truth's template ids follow the same scheme as the log's?",
        )
    # A full list without its mate hides the mate's score below its last candidate.
    hidden = mated.filter(pl.col("mate").is_null() & (pl.col("length") >= length))["last"].max()
    lowest = -np.inf
    return identification_curve(
        mated["mate"].fill_null(lowest).to_numpy(),
        mated["rank"].fill_null(0).to_numpy().astype(np.int64),
        other["top"].fill_null(lowest).to_numpy(),
        enrolled_count=enrolled,
        list_length=length,
        mated_subjects=mated["subject"].to_numpy().astype(np.int64),
        non_mated_subjects=other["subject"].to_numpy().astype(np.int64),
        mated_failures=int(fta["mated"].sum()),
        non_mated_failures=int((~fta["mated"]).sum()),
        mates_known_above=lowest if hidden is None else float(hidden),  # type: ignore[arg-type]
    )
