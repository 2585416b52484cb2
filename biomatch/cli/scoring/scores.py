"""Rates, curve and threshold of scores that somebody else produced: `biomatch scores`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from biomatch.cli.console import Json, emit, note
from biomatch.cli.scoring import galleries
from biomatch.cli.scoring import score_options as options
from biomatch.cli.types import Confidence, Gallery, MaxFmr, MaxFpir
from biomatch.errors import ResultsError, SettingsError


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(scores)


@dataclass(frozen=True)
class Wanted:
    """What was asked of a file's scores."""

    files: list[Path]
    target: float | None
    confidence: float
    cap: int | None
    claims: list[Any]
    by: str | None = None
    gallery: int | None = None
    max_fpir: float | None = None
    law: str | None = None
    report: Path | None = None
    plots: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    out: Path | None = None


def scores(
    files: options.Files,
    *,
    form: options.Form = None,
    truth: options.Truth = None,
    columns: options.Columns = None,
    score_column: options.ScoreColumn = None,
    label_column: options.LabelColumn = None,
    arrays: options.Arrays = None,
    failed: options.Failed = None,
    max_fpir: MaxFpir = None,
    max_fmr: MaxFmr = None,
    gallery: Gallery = None,
    law: options.Law = None,
    confidence: Confidence = 0.95,
    claims: options.Claims = None,
    cap: options.Cap = None,
    enrolled: options.Enrolled = 0,
    distances: options.Distances = False,
    by: options.By = None,
    beside: options.Beside = None,
    stream: options.Stream = False,
    report: options.Report = None,
    plot: options.Plot = None,
    table: options.TableFile = None,
    out: options.Out = None,
    as_json: Json = False,
) -> None:
    """Give rates, curve and threshold of scores or candidate lists that somebody else produced."""
    from biomatch.scorefiles import read_scores
    from biomatch.scorefiles.read import doubts
    from biomatch.tuning.claims import claims_of

    _check_options(max_fpir, max_fmr, {"--law": law, "--gallery": gallery, "--out": out})
    wanted = [claim for text in claims or [] for claim in claims_of(text)]
    target = max_fpir if max_fpir is not None else max_fmr
    if by is not None and (stream or target is None):
        raise SettingsError(f"--by {by}", allowed="with --max-fpir or --max-fmr, without --stream")
    asked = Wanted(
        files=files,
        target=target,
        confidence=confidence,
        cap=None if cap is None else int(cap),
        claims=wanted,
        by=by,
        gallery=None if gallery is None else int(gallery),
        max_fpir=max_fpir,
        law=law,
        report=report,
        plots=tuple(plot or ()),
        tables=tuple(table or ()),
        out=out,
    )
    if stream:
        _stream(asked, form, truth, beside, distances=distances, as_json=as_json)
        return

    def read(paths: list[Path]) -> Any:
        return read_scores(
            paths, form=form, truth=truth, enrolled=int(enrolled), distances=distances,
            columns=[name.strip() for name in columns.split(",")] if columns else (),
            score_column=score_column, label_column=label_column, failed=failed or (),
            array_names=_pairs(arrays),
        )  # fmt: skip

    several = None
    if galleries.of_searches(files):
        each = [read([path]) for path in files]
        several = galleries.Galleries(tuple(files), tuple(one.curve(identification=True) for one in each))
        found, curve = each[0], several.pooled()
    else:
        found = read(files)
        curve = found.curve(identification=_kind(found, max_fpir, max_fmr, gallery, wanted))
    notes = [f"taken for {found.format}: {found.taken_for}", *found.notes, *doubts(curve)]
    others = [] if not beside else _beside(read, beside, found, curve)
    _report(curve, found, notes, asked, others, several, as_json=as_json)


def _check_options(max_fpir: float | None, max_fmr: float | None, given: dict[str, Any]) -> None:
    """Refuse options that say nothing without another one."""
    if max_fpir is not None and max_fmr is not None:
        raise SettingsError("--max-fpir and --max-fmr", allowed="one of the two")
    if given["--law"] is not None and given["--gallery"] is None:
        raise SettingsError(
            f"--law {given['--law']}", allowed="with --max-fpir and --gallery", remedy="say how large N is"
        )
    for name in ("--gallery", "--out"):
        wanting = max_fpir is None and (name == "--gallery" or max_fmr is None)
        if given[name] is not None and wanting:
            raise SettingsError(
                f"{name} {given[name]}",
                allowed="with --max-fpir",
                remedy="say how rare false alarms shall be",
            )


def _kind(
    found: Any, max_fpir: float | None, max_fmr: float | None, gallery: float | None, claims: list[Any]
) -> bool | None:
    """Say whether searches (True) or comparisons were asked for; None: what the file holds."""
    if max_fpir is not None:
        # 1:1 scores and a gallery: the guarantee is carried from FMR to N.
        return found.searches is not None or gallery is None
    if max_fmr is not None:
        return False
    kinds = {claim.of_searches for claim in claims}
    if found.comparisons is None or found.searches is None:
        return found.comparisons is None
    return kinds.pop() if len(kinds) == 1 else None


def _pairs(text: str | None) -> dict[str, str]:
    """Read OURS=THEIRS,..."""
    if not text:
        return {}
    parts = [part.partition("=") for part in text.split(",")]
    wrong = [part for part in parts if not part[1] or not part[0].strip() or not part[2].strip()]
    if wrong:
        raise SettingsError(f"--arrays {text}", allowed="OURS=THEIRS, as scores=similarity,label=same")
    return {ours.strip(): theirs.strip() for ours, _, theirs in parts}


def _stream(
    asked: Wanted,
    form: str | None,
    truth: Path | None,
    beside: list[Path] | None,
    *,
    distances: bool,
    as_json: bool,
) -> None:
    from biomatch.scorefiles import ScoreFile, stream_scores

    if asked.max_fpir is not None or truth is not None or any(claim.of_searches for claim in asked.claims):
        raise SettingsError("--stream and searches", allowed="comparisons: --max-fmr, claims of fmr")
    for name, given in (
        ("--report", asked.report),
        ("--plot", asked.plots),
        ("--table", asked.tables),
        ("--beside", beside),
    ):
        if given:
            raise SettingsError(f"{name} with --stream", allowed="thresholds, rates and claims",
                                remedy="leave --stream out: a page needs the whole curve")  # fmt: skip
    streamed = stream_scores(asked.files, form=form, distances=distances)
    once = [f"read in one pass: exact where fewer than {streamed.non_mated.tail:,} errors are made"]
    _report(streamed, ScoreFile(streamed.format), once, asked, [], None, as_json=as_json)


def _beside(
    read: Callable[[list[Path]], Any], others: list[Path], found: Any, curve: Any
) -> list[tuple[Path, Any, bool]]:
    """Read the other matchers' files in the same way."""
    read_all = []
    for path in others:
        other = read([path])
        second = other.curve(identification=curve.searches is not None)
        read_all.append((path, second, bool(found.trials) and found.trials == other.trials))
    return read_all


def _report(
    curve: Any,
    found: Any,
    notes: list[str],
    asked: Wanted,
    others: list[tuple[Path, Any, bool]],
    several: galleries.Galleries | None,
    *,
    as_json: bool,
) -> None:
    """Print counts, threshold and verdicts; exit code 1 where a claim is not met."""
    from biomatch.cli.scoring import scored
    from biomatch.curves.protocol import Curve
    from biomatch.tuning.claims import MET, judge
    from biomatch.tuning.usual import usual

    of_searches = curve.searches is not None
    claims = [claim for claim in asked.claims if claim.of_searches == of_searches]
    kind = "comparisons" if of_searches else "searches"
    if asked.claims and not claims:
        raise ResultsError(f"the claims are about {kind}", remedy=f"give {kind}, or other claims")
    if len(claims) < len(asked.claims):
        left = len(asked.claims) - len(claims)
        are = "claim is" if left == 1 else "claims are"
        notes.append(f"{left} {are} about {kind} and not judged: give {kind}")
    for text in notes:
        note(f"note: {text}")
    counts = scored.counts_of(curve)
    payload: dict[str, Any] = {
        "files": [path.absolute() for path in asked.files], "format": found.format,
        "taken_for": found.taken_for, "notes": notes, **counts,
    }  # fmt: skip
    lines = [scored.headline(counts, found.format)]
    carried = None
    if asked.gallery is not None and not of_searches and asked.max_fpir is not None:
        more, told, carried = _carried(curve, asked)
    elif asked.target is not None:
        more, told = _at_size(curve, asked)
    else:
        more, told = {}, []
    payload |= more
    lines += told
    if several is not None and "threshold" in payload:
        at = payload["threshold"] if payload["guarantee"] is None else payload["guarantee"]["threshold"]
        more, told = several.told(at)
        payload |= more
        lines += told
    if asked.by is not None:
        grouped, told = scored.by_group(curve, asked.by, payload, payload["target"])
        payload["by"] = grouped
        lines += told
    streamed = not isinstance(curve, Curve)
    big = max(payload["mated"], payload["non_mated"]) > scored.BIG or streamed
    payload["curve"] = None if big else scored.points_of(curve)
    if big and not streamed:
        note(f"note: no curve and no EER beyond {scored.BIG:,} scores; one pass in constant memory: --stream")
    tables = None if big or not (payload["mated"] and payload["non_mated"]) else usual(curve)
    payload["tables"] = tables
    if tables is not None and asked.target is None and not claims:
        lines += scored.usual_lines(tables)
    payload["beside"] = [_compared(one, curve, payload.get("target"), asked, lines) for one in others]
    verdicts = [judge(claim, curve, confidence=asked.confidence, cap=asked.cap) for claim in claims]
    payload["claims"] = verdicts
    for one in verdicts:
        lines.append(f"claim {one.claim.text}: {one.verdict.upper()} ({one.reason})")
        lines += [f"  {one.claim.source}"] if one.claim.source else []
    written = _written(curve, asked, payload, verdicts, [(path, one) for path, one, _ in others], carried)
    payload |= written
    lines += [f"written: {path.absolute()}" for path in _paths(written)]
    emit(as_json, payload, lines)
    if any(verdict.verdict != MET for verdict in verdicts):
        raise typer.Exit(1)


def _at_size(curve: Any, asked: Wanted) -> tuple[dict[str, Any], list[str]]:
    """Answer a target; at an operational N by the lower one that the tested gallery must show."""
    from biomatch.cli.scoring import scored
    from biomatch.tuning.tune import at_tested_size

    if asked.gallery is None:
        return scored.at_target(curve, float(asked.target or 0.0), asked.confidence, asked.cap)
    lowered = at_tested_size(curve, asked.gallery, asked.max_fpir)
    more, told = scored.at_target(curve, lowered, asked.confidence, asked.cap)
    tested, how = curve.enrolled_counts[0], "binomial growth"
    larger = {"gallery": asked.gallery, "max_fpir": asked.max_fpir, "tested": tested, "how": how}
    line = (
        f"N = {asked.gallery:,}: FPIR <= {asked.max_fpir:g} asks for FPIR <= {lowered:.3g} at the tested "
        f"N = {tested:,} ({how})"
    )
    return {**more, "larger_gallery": larger}, [line, *told]


def _carried(curve: Any, asked: Wanted) -> tuple[dict[str, Any], list[str], Any]:
    """Carry 1:1 scores to a gallery of N."""
    from biomatch.cli.scoring import scored
    from biomatch.tuning.one_to_many import one_to_many

    found = one_to_many(
        curve, max_fpir=float(asked.max_fpir or 0.0), gallery=int(asked.gallery or 1),
        confidence=asked.confidence, cap=asked.cap,
    )  # fmt: skip
    more, told = scored.at_target(curve, found.max_fmr, asked.confidence, asked.cap)
    estimate, said = scored.by_law(curve, asked.law, found)
    larger = {**found.to_json(), "law": estimate}
    return {**more, "larger_gallery": larger}, [*scored.gallery_lines(found), *said, *told], found


def _compared(
    one: tuple[Path, Any, bool], curve: Any, target: float | None, asked: Wanted, lines: list[str]
) -> dict[str, Any]:
    from biomatch.decimals import text
    from biomatch.tuning.beside import beside

    path, other, paired = one
    at = target if target is not None else 0.01
    found = beside(curve, other, at, confidence=asked.confidence, paired=paired)
    how = "paired by trial" if paired else "not paired: the files do not name the same trials in one order"
    misses = [f"{rate} at {text(where)}" for rate, where in zip(found.misses, found.thresholds, strict=True)]
    low, high = found.interval
    lines.append(
        f"beside {path.name} ({how}), each where false positives are at most {at:g}: misses "
        f"{' and '.join(misses)}; difference {found.difference:+.3g} ({low:+.2g} to {high:+.2g}): "
        f"{found.verdict}"
    )
    return {"file": path.absolute(), **found.to_json()}


def _written(
    curve: Any,
    asked: Wanted,
    payload: dict[str, Any],
    verdicts: list[Any],
    others: list[tuple[Path, Any]],
    carried: Any,
) -> dict[str, Any]:
    """Write report, pictures, tables and operating point; give what was written."""
    from biomatch.reporting.own import outputs

    facts = outputs.Facts(
        curve, list(asked.files), payload.get("guarantee"), payload.get("target"), asked.confidence,
        tuple(verdicts), payload.get("tables"), payload.get("by"), tuple(others), carried,
        str(payload["taken_for"]), tuple(payload["notes"]), payload.get("refusal"), tuple(payload["beside"]),
    )  # fmt: skip
    written: dict[str, Any] = {}
    if asked.report is not None:
        written["report"] = outputs.write_report(facts, asked.report)
    if asked.plots:
        written["plots"] = [outputs.write_plot(facts, path) for path in asked.plots]
    if asked.tables:
        written["table_files"] = [outputs.write_table(facts, path) for path in asked.tables]
    if asked.out is not None:
        written["point"] = outputs.write_point(facts, asked.out)
    return written


def _paths(written: dict[str, Any]) -> list[Path]:
    return [path for one in written.values() for path in (one if isinstance(one, list) else [one])]
