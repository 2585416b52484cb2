"""Rates, curve and threshold of scores that somebody else produced: `biomatch scores`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from biomatch.cli.console import Json, emit, note
from biomatch.errors import ResultsError, SettingsError

CURVE_POINTS = 200
"""Points of the printed curve; `bm.identification_curve(...).points()` gives every one."""
BIG = 100_000_000
"""Beyond this many non-mated comparisons no curve is sorted; thresholds and rates take one pass each."""


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(scores)


def scores(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Score file, or mated and non-mated.")
    ],
    form: Annotated[str | None, typer.Option("--format", help="The form, where it cannot be told.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Mate map of a candidate log.")] = None,
    max_fpir: Annotated[float | None, typer.Option("--max-fpir", help="Target per search.")] = None,
    max_fmr: Annotated[float | None, typer.Option("--max-fmr", help="Target per comparison.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Of guarantee and claims.")] = 0.95,
    claims: Annotated[
        list[str] | None,
        typer.Option("--assert", metavar="CLAIM", help="As 'fnir<=0.01@fpir=0.001', or ees, sp800-63-4."),
    ] = None,
    cap: Annotated[
        int | None, typer.Option("--cap", help="Assumption: the most errors that one subject can make.")
    ] = None,
    enrolled: Annotated[int, typer.Option("--enrolled", help="N, where the file does not hold it.")] = 0,
    distances: Annotated[bool, typer.Option("--distances", help="Lower is closer.")] = False,
    by: Annotated[
        str | None,
        typer.Option("--by", help="A column of groups: rates of each; with --max-fpir or --max-fmr."),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Comparisons larger than memory: one pass, no curve.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give rates, curve and threshold of scores or candidate lists that somebody else produced."""
    from biomatch.curves.build import IdentificationCurve
    from biomatch.scorefiles import read_scores, stream_scores
    from biomatch.scorefiles.read import doubts
    from biomatch.tuning.claims import claims_of

    if max_fpir is not None and max_fmr is not None:
        raise SettingsError("--max-fpir and --max-fmr", allowed="one of the two")
    wanted = [claim for text in claims or [] for claim in claims_of(text)]
    target = max_fpir if max_fpir is not None else max_fmr
    if by is not None and (stream or target is None):
        raise SettingsError(f"--by {by}", allowed="with --max-fpir or --max-fmr, without --stream")
    if stream:
        if max_fpir is not None or truth is not None or any(claim.of_searches for claim in wanted):
            raise SettingsError("--stream and searches", allowed="comparisons: --max-fmr, claims of fmr")
        streamed = stream_scores(files, form=form, distances=distances)
        once = (f"read in one pass: exact where fewer than {streamed.non_mated.tail:,} errors are made",)
        _report(streamed, streamed.format, once, files, max_fmr, confidence, cap, wanted, as_json=as_json)
        return
    found = read_scores(files, form=form, truth=truth, enrolled=enrolled, distances=distances)
    identification = True if max_fpir is not None else False if max_fmr is not None else None
    if identification is None and wanted:
        kinds = {claim.of_searches for claim in wanted}
        identification = kinds.pop() if len(kinds) == 1 else None
    if identification is None and found.comparisons is None:
        identification = True
    curve = found.curve(identification=identification)
    of_searches = isinstance(curve, IdentificationCurve)
    apply = [claim for claim in wanted if claim.of_searches == of_searches]
    if wanted and not apply:
        kind = "searches" if not of_searches else "comparisons"
        raise ResultsError(f"the claims are about {kind}", remedy=f"give {kind}, or other claims")
    notes = (*found.notes, *doubts(curve))
    _report(
        curve, found.format, notes, files, target, confidence, cap, apply, by=by, as_json=as_json
    )  # fmt: skip


def _report(
    curve: Any, form: str, notes: tuple[str, ...], files: list[Path],
    target: float | None, confidence: float, cap: int | None, claims: list[Any], *,
    by: str | None = None, as_json: bool,
) -> None:  # fmt: skip
    """Print counts, threshold and verdicts; exit code 1 where a claim is not met."""
    from biomatch.tuning.claims import MET, judge

    for text in notes:
        note(f"note: {text}")
    payload: dict[str, Any] = {"files": [path.absolute() for path in files], "format": form}
    counts = _counts(curve)
    payload |= {"notes": list(notes), **counts}
    lines = [_headline(counts, form)]
    if target is not None:
        more, told = _at_target(curve, target, confidence, cap)
        payload |= more
        lines += told
        if by is not None:
            grouped, told = _by_group(curve, by, payload, target)
            payload["by"] = grouped
            lines += told
    big = max(payload["mated"], payload["non_mated"]) > BIG or not hasattr(curve, "points")
    payload["curve"] = None if big else _curve(curve)
    if big and hasattr(curve, "points"):
        note(f"note: no curve and no EER beyond {BIG:,} scores; one pass in constant memory: --stream")
    verdicts = [judge(claim, curve, confidence=confidence, cap=cap) for claim in claims]
    payload["claims"] = verdicts
    lines += [f"claim {v.claim.text}: {v.verdict.upper()} ({v.reason})" for v in verdicts]
    emit(as_json, payload, lines)
    if any(verdict.verdict != MET for verdict in verdicts):
        raise typer.Exit(1)


def _counts(curve: Any) -> dict[str, Any]:
    from biomatch.curves.build import IdentificationCurve
    from biomatch.scorefiles import StreamedComparisons

    if isinstance(curve, IdentificationCurve):
        median, least, greatest = curve.enrolled_counts
        return {
            "kind": "searches",
            "mated": curve.mated,
            "non_mated": curve.non_mated,
            "list_length": curve.list_length,
            "enrolled": {"median": median, "least": least, "greatest": greatest} if greatest else None,
            "failure_to_acquire": curve.failure_to_acquire(),
        }
    if isinstance(curve, StreamedComparisons):
        mated, non_mated, equal = curve.mated.total, curve.non_mated.total, None
    else:
        mated, non_mated = curve.mated_scores.size, curve.non_mated_scores.size
        equal = None if non_mated > BIG else curve.eer()
    return {
        "kind": "comparisons",
        "mated": mated,
        "non_mated": non_mated,
        "eer": None if equal is None else {"value": equal.value, "threshold": equal.threshold},
    }


def _headline(counts: dict[str, Any], form: str) -> str:
    tail = ""
    if counts["kind"] == "searches":
        enrolled = counts["enrolled"]
        size = "unknown (say --enrolled)" if enrolled is None else f"{enrolled['median']:,}"
        tail = f"; N = {size}, L = {counts['list_length']:,}; FTA {counts['failure_to_acquire']}"
    elif counts["eer"] is not None:
        tail = f"; EER {counts['eer']['value']:.4g} at {counts['eer']['threshold']:.6g}"
    return f"{form}: {counts['mated']:,} mated and {counts['non_mated']:,} non-mated {counts['kind']}{tail}"


def _at_target(
    curve: Any, target: float, confidence: float, cap: int | None
) -> tuple[dict[str, Any], list[str]]:
    from biomatch.curves.build import IdentificationCurve
    from biomatch.tuning.curve_guarantee import guarantee_of

    of_searches = isinstance(curve, IdentificationCurve)
    name, measure, miss = ("max_fpir", "fpir", "fnir") if of_searches else ("max_fmr", "fmr", "fnmr")
    realised = curve.threshold(**{name: target})
    low, high = curve.threshold_interval(**{name: target})
    payload: dict[str, Any] = {
        "target": target,
        "threshold": realised,
        "threshold_interval": [low, high],
        measure: getattr(curve, measure)(realised),
    }
    lines = [f"threshold {realised:.9g} (point estimate): {measure.upper()} {payload[measure]}"]
    misses = _misses(curve, miss, realised)
    payload |= misses
    lines += [f"  {key.upper()} {value}" for key, value in misses.items() if value is not None]
    try:
        held = guarantee_of(curve, confidence=confidence, cap=cap, **{name: target})
    except ResultsError as fault:
        payload["guarantee"] = None
        payload["refusal"] = str(fault)
        lines.append(f"no guarantee: {fault}")
        return payload, lines
    at_held = _misses(curve, miss, held.threshold)
    payload["guarantee"] = {**held.to_json(), **at_held}
    lines.append(f"guaranteed: {held}")
    lines += [f"  {key.upper()} {value}" for key, value in at_held.items() if value is not None]
    return payload, lines


def _by_group(
    curve: Any, by: str, payload: dict[str, Any], target: float
) -> tuple[dict[str, Any], list[str]]:
    """Break the guaranteed threshold down by group, or, where there is none, the point estimate."""
    from biomatch.cli.groups import crossed_lines, told
    from biomatch.curves.build import IdentificationCurve
    from biomatch.curves.groups import cross_group, group_report

    at = payload["threshold"] if payload["guarantee"] is None else payload["guarantee"]["threshold"]
    of_searches = isinstance(curve, IdentificationCurve)
    report = group_report(curve, by, at, target=target, rank=curve.list_length if of_searches else None)
    found, lines = told(report.to_json())
    lines.insert(0, f"by {by} at threshold {at:.6g}:")
    # Whom a false positive was taken for: the group of the best candidate, or of the reference compared.
    other, strata = f"{'candidate' if of_searches else 'reference'}_{by}", curve.non_mated_strata
    found["cross_group"] = None
    if other in strata:
        table = cross_group(
            curve.non_mated_top_scores if of_searches else curve.non_mated_scores,
            strata[by], strata[other], at, subjects=curve.non_mated_subjects,
        ).to_dicts()  # fmt: skip
        found["cross_group"] = table
        lines += crossed_lines(table)
    return found, lines


def _misses(curve: Any, miss: str, threshold: float) -> dict[str, Any]:
    if miss == "fnmr":
        return {"fnmr": curve.fnmr(threshold)}
    unlimited = curve.fnir(threshold) if threshold > curve.mates_known_above else None
    found = {"fnir": unlimited, "fnir_rank_1": curve.fnir(threshold, 1)}
    found["fnir_rank_l"] = curve.fnir(threshold, curve.list_length)
    found["system_miss_rate"] = curve.system_miss_rate(threshold, curve.list_length)
    return found


def _curve(curve: Any) -> dict[str, list[Any]]:
    """Thin the curve to points that are evenly spread over the false-positive counts' logarithm."""
    import numpy as np

    points = curve.points() if not hasattr(curve, "list_length") else curve.points(curve.list_length)
    # One threshold for each false-positive count: the lowest, with the fewest misses.
    counts, first = np.unique(points.false_positives, return_index=True)
    wanted = np.unique(np.geomspace(1, counts.size, CURVE_POINTS).round().astype(int) - 1)
    at = np.sort(first[wanted])
    return {
        "thresholds": points.thresholds[at].astype(float).tolist(),
        "false_positives": points.false_positives[at].tolist(),
        "misses": points.misses[at].tolist(),
    }
