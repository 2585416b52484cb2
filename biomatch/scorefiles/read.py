"""The door: files in, a 1:1 or a 1:N curve out, whatever the form; it says what it took the files for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biomatch import files
from biomatch.curves.build import IdentificationCurve, VerificationCurve, verification_curve
from biomatch.errors import TableError
from biomatch.registry import READERS
from biomatch.scorefiles import arrays, bob, candidates, lists, matrices, pairs, pyeer
from biomatch.scorefiles.lines import first_line, plain_suffix, read_table
from biomatch.scorefiles.lists import Asked
from biomatch.scorefiles.recognise import FORMATS, PAIRS, first_guess, is_number, no_form
from biomatch.scorefiles.registered import formats, own_form
from biomatch.scorefiles.words import classes, lookalike_notes, role_of


@dataclass(frozen=True, eq=False)
class ScoreFile:
    """Scores that were read, before it is asked whether they are comparisons or searches.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    notes : tuple of str
        What the reader left out or assumed.
    comparisons, searches : callable or None
        Make the 1:1 or the 1:N curve; None where the form does not hold it.
    taken_for : str
        What the file, or each of its columns, was taken for.
    trials : str
        Digest of who was compared with whom in which order: files with one digest can be paired. Empty
        where that is not known.
    """

    format: str
    notes: tuple[str, ...] = ()
    comparisons: Callable[[], VerificationCurve] | None = field(default=None)
    searches: Callable[[], IdentificationCurve] | None = field(default=None)
    taken_for: str = ""
    trials: str = ""

    def curve(self, *, identification: bool | None = None) -> IdentificationCurve | VerificationCurve:
        """Give the curve that was asked for; None: comparisons where the form holds them."""
        wanted = identification if identification is not None else self.comparisons is None
        maker = self.searches if wanted else self.comparisons
        if maker is None:
            kind = "searches (FPIR)" if wanted else "comparisons (FMR)"
            raise TableError(
                f"a {self.format} file holds no {kind}", allowed=formats()[self.format],
                remedy="ask for --max-fmr" if wanted else "ask for --max-fpir",
            )  # fmt: skip
        return maker()


def read_scores(
    paths: Sequence[Path],
    *,
    form: str | None = None,
    truth: Path | None = None,
    enrolled: int = 0,
    distances: bool = False,
    columns: Sequence[str] = (),
    score_column: str | None = None,
    label_column: str | None = None,
    failed: Sequence[str] = (),
    array_names: Mapping[str, str] | None = None,
) -> ScoreFile:
    """Read score files.

    Parameters
    ----------
    paths : sequence of Path
        One file, or two (mated, non-mated) for the forms that ask for a pair. ``.gz`` and ``.zst`` are
        unpacked.
    form : str, optional
        One of `FORMATS`; default: told from suffix, header and what stands in all lines.
    truth : Path, optional
        Mate map of a candidate log.
    enrolled : int
        N, for forms that do not hold it.
    distances : bool
        Whether lower means closer. Where this is not said and mated scores lie below non-mated ones, the
        file is refused. Thresholds of the curve are then distances.
    columns : sequence of str
        Names of the columns in order, for a list without a header; ``-`` ignores one.
    score_column, label_column : str, optional
        Names of the columns with scores and labels.
    failed : sequence of str
        How a score is written that means a failure to acquire (``nan``, ``empty``).
    array_names : mapping, optional
        Our name of an array in a .npz file to its own.

    Raises
    ------
    TableError
        Naming the line and what to do; also where two forms fit.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "scores.csv"
    >>> _ = file.write_text(chr(10).join(["score,label", "0.9,1", "0.8,1", "0.2,0", "0.1,0"]))
    >>> read_scores([file]).curve().threshold(max_fmr=0.0) > 0.2
    True
    """
    asked = Asked(
        tuple(columns), score_column, label_column, tuple(failed), distances, dict(array_names or {})
    )
    if form is not None and form not in formats():
        raise TableError(f"format {form!r}", allowed=", ".join(formats()))
    if (own := own_form(paths, form)) is not None:
        return _own(own, list(paths), truth=truth, enrolled=enrolled, distances=distances)
    found = _read(form, list(paths), truth, enrolled, asked)
    makers: dict[str, Any] = {}
    if found.comparisons is not None:
        makers["comparisons"] = _careful(found.comparisons, asked, paths[0])
    return replace(found, taken_for=found.taken_for or FORMATS[found.format], **makers)


def _own(form: str, paths: list[Path], **options: Any) -> ScoreFile:
    """Read files by a registered reader, held to its contract."""
    reader = READERS.get(form)
    if len(paths) != reader.files:
        raise TableError(f"{len(paths)} files", allowed=f"{reader.files} for {form}: {reader.about}")
    found = reader.read(paths, **options)
    if not isinstance(found, ScoreFile):
        raise TableError(f"the reader of {form!r} gave a {type(found).__name__}", allowed="a ScoreFile")
    return replace(found, taken_for=found.taken_for or reader.about)


def checked_form(paths: Sequence[Path], form: str | None, truth: Path | None = None) -> str:
    """Give the form of files that are streamed, by suffix and first line where it is not said."""
    form = form or first_guess(paths, truth)
    if form not in {*FORMATS, "pair"}:
        raise TableError(f"format {form!r}", allowed=", ".join(FORMATS))
    wanted = 2 if form in (*PAIRS, "pair") else 1
    if len(paths) != wanted:
        raise TableError(f"{len(paths)} files", allowed=f"{wanted} for {form}: {FORMATS[form]}")
    return form


def _read(form: str | None, paths: list[Path], truth: Path | None, enrolled: int, asked: Asked) -> ScoreFile:
    form = form or first_guess(paths, truth)
    wanted: tuple[int, ...] = (2,) if form in (*PAIRS, "pair") else (1, 3) if form == "matrix" else (1,)
    if len(paths) not in wanted:
        raise TableError(
            f"{len(paths)} files", allowed=f"{' or '.join(map(str, wanted))} for {form}: {FORMATS[form]}"
        )
    path = paths[0]
    if form in ("bob-4", "bob-5", "bob-csv"):
        return _bob(form, path, asked)
    if form in ("bob-2", "list"):
        return _list(path, asked, form)
    if form in ("pyeer", "pyeer-hist"):
        return _pair(form, paths, asked, told=form == "pyeer-hist")
    if form == "pair":
        return _pair(form, paths, asked, told=False)
    if form in ("frte", "pyeer-cmc"):
        return _candidates(form, path, truth, enrolled, asked)
    if form == "npy":
        pairs.check_two(paths)
        first, second = (arrays.load_npy(one) for one in paths)
        return ScoreFile(
            form, (), lambda: verification_curve(first, second, distances=asked.distances),
            taken_for=f"mated: {path.name}, non-mated: {paths[1].name}",
        )  # fmt: skip
    if form == "bee":
        return _matrix("bee", matrices.read_bee(path, paths[1], distances=asked.distances))
    if form == "npz":
        return _npz(path, enrolled, asked)
    if form == "matrix" and plain_suffix(path) == ".npy":
        return _matrix("matrix", matrices.read_npy(path, paths[1:], distances=asked.distances))
    return _table(form, path, enrolled, asked)


def _matrix(form: str, found: matrices.Matrix) -> ScoreFile:
    rows, columns = found.scores.shape
    taken = f"{rows:,} probes (rows) against {columns:,} references (columns)"
    return ScoreFile(form, found.notes, found.comparisons, found.searches, taken)


def _npz(path: Path, enrolled: int, asked: Asked) -> ScoreFile:
    held = arrays.load_npz(path)
    matrix = matrices.of_npz(held, path, distances=asked.distances) if not asked.arrays else None
    if matrix is not None:
        return _matrix("matrix", matrix)
    given = arrays.named(held, asked.arrays, path)
    if "non_mated_top_scores" in given:
        return ScoreFile(
            "npz", (),
            searches=lambda: arrays.npz_searches(given, path, enrolled=enrolled, distances=asked.distances),
        )  # fmt: skip
    return ScoreFile("npz", (), lambda: arrays.npz_comparisons(given, path, distances=asked.distances))


def _table(form: str, path: Path, enrolled: int, asked: Asked) -> ScoreFile:
    """Read CSV or Parquet: searches, comparisons, a matrix with ids, or a list without a header."""
    frame, first = arrays.read_frame(path), 2
    if "top_score" in frame.columns:
        return ScoreFile(
            form, (),
            searches=lambda: arrays.frame_searches(frame, path, enrolled=enrolled, distances=asked.distances),
            taken_for="searches, a row each: mated, mate_score, mate_rank, top_score",
        )  # fmt: skip
    roles = {role_of(name) for name in frame.columns}
    headed = asked.score is not None or form == "parquet"
    headed = headed or (bool(roles - {None}) and not any(is_number(name) for name in frame.columns))
    if form == "matrix" or (not headed and not asked.columns):
        square = matrices.of_frame(frame, path, distances=asked.distances)
        if square is not None:
            return _matrix("matrix", square)
        if form == "matrix":
            raise TableError(f"{path} is no matrix", allowed=FORMATS["matrix"])
    if plain_suffix(path) != ".parquet" and not headed and any(is_number(name) for name in frame.columns):
        frame, first = files.read_csv(path, has_header=False, infer_schema=False), 1
        frame.columns = [f"column {at + 1}" for at in range(frame.width)]
        name, found = lists.headerless(frame.with_columns(pl.all().fill_null("")), path, asked)
        if found is None:
            raise no_form(path, name)
        return ScoreFile(form, found.notes, found.curve, taken_for=found.taken_for, trials=found.trials)
    if asked.columns:
        frame = lists.renamed(frame, asked.columns, path)
    table = lists.comparisons(frame, path, asked, first=first)
    return ScoreFile(form, table.notes, table.curve, taken_for=table.taken_for, trials=table.trials)


def _list(path: Path, asked: Asked, form: str) -> ScoreFile:
    """Read lines of blank-separated words, with or without a header."""
    words = first_line(path).split()
    columns = [(f"column {at + 1}", "text") for at in range(max(1, len(words)))]
    headed = (
        bool(words)
        and sum(role_of(word) is not None for word in words) >= 2
        and not any(is_number(word) for word in words)
    )
    example = (
        bob.COLUMNS[f"bob-{len(words)}"][1] if f"bob-{len(words)}" in bob.COLUMNS else "e1 t7 target 0.81"
    )
    frame = read_table(path, columns, header=int(headed), example=example)
    if headed and not asked.columns:
        named = frame.rename(dict(zip(frame.columns, words, strict=True)))
        table = lists.comparisons(named, path, asked, first=2)
        return ScoreFile("list", table.notes, table.curve, taken_for=table.taken_for, trials=table.trials)
    if form == "bob-2" and not asked.columns and frame.width == 2:
        labelled = classes(frame["column 1"]).null_count() == 0  # the order that the form's name promises
        asked = replace(asked, columns=("label", "score") if labelled else ("score", "label"))
    kind, found = lists.headerless(frame, path, asked)
    if found is None:
        last = words[-1] if words else ""
        if kind in ("bob-4", "bob-5") or (f"bob-{len(words)}" in ("bob-4", "bob-5") and is_number(last)):
            return _bob(kind or f"bob-{len(words)}", path, asked)  # which also names a line at fault
        raise no_form(path, kind)
    form = "bob-2" if frame.width == 2 else "list"
    return ScoreFile(form, found.notes, found.curve, taken_for=found.taken_for, trials=found.trials)


def _pair(form: str, paths: Sequence[Path], asked: Asked, *, told: bool) -> ScoreFile:
    """Read mated and non-mated scores from two files."""
    pairs.check_two(paths)
    mated, whole, said = pairs.one_class(paths[0], wanted=True)
    if told:
        other, histogram = pyeer.read_histogram(paths[1]), True
    else:
        other, other_whole, _ = pairs.one_class(paths[1], wanted=False)
        histogram = form == "pair" and bool(whole and other_whole)
        if histogram:
            histogram = pairs.histogram_or_scores(mated, paths[1], other)
        if histogram:
            other = pyeer.read_histogram(paths[1])
    taken = f"mated: {paths[0].name} ({said}), non-mated: {paths[1].name}"
    notes: tuple[str, ...] = ()
    if histogram:
        taken += " (a histogram: line k, from 0, holds how many scores equal k)"
        notes = () if told else (f"{paths[1].name} was taken for a histogram; if it is not: --format pyeer",)
    return ScoreFile(
        "pyeer-hist" if histogram else "pyeer", notes,
        lambda: verification_curve(mated, other, distances=asked.distances), taken_for=taken,
    )  # fmt: skip


def _candidates(form: str, path: Path, truth: Path | None, enrolled: int, asked: Asked) -> ScoreFile:
    answers = candidates.read_truth(truth)
    reader = candidates.read_frte if form == "frte" else candidates.read_cmc
    log = reader(path, distances=asked.distances)
    failed = int(log.filter(log["code"] != 0)["search"].n_unique())
    notes: tuple[str, ...] = ()
    if failed:
        notes = (f"{failed:,} failed searches count as failures to acquire",)
    notes += lookalike_notes(log["template"], answers["template"].drop_nulls())
    return ScoreFile(
        form, notes,
        searches=lambda: replace(
            candidates.searches(log, answers, path, enrolled=enrolled), distances=asked.distances
        ),
    )  # fmt: skip


def _bob(form: str, path: Path, asked: Asked) -> ScoreFile:
    notes: tuple[str, ...] = ()
    if form == "bob-csv":
        frame, attacks = bob.read_csv(path)
        if attacks:
            notes = (f"{attacks:,} presentation attacks were left out",)
    else:
        frame = bob.read_columns(path, int(form[-1]))
    notes += lookalike_notes(frame["claimed"], frame["real"])
    closer = frame.with_columns(-pl.col("score")) if asked.distances else frame
    return ScoreFile(
        form, notes,
        lambda: replace(bob.comparisons(closer), distances=asked.distances),
        lambda: replace(bob.searches(closer, path), distances=asked.distances),
    )  # fmt: skip


def doubts(curve: IdentificationCurve | VerificationCurve) -> tuple[str, ...]:
    """Say what is odd about scores of searches, without being certainly wrong."""
    searches = curve.searches
    if searches is None:
        return ()
    found = []
    lost = int(np.count_nonzero(searches.mated_ranks == 0))
    if lost:
        found.append(f"{lost:,} of {searches.mated:,} mates are in no list: they are misses at ranks up to L")
    own, top = (part[np.isfinite(part)] for part in (searches.mated_scores, searches.non_mated_top_scores))
    if own.size and top.size and np.median(own) < np.median(top):
        found.append(
            f"mates are farther than the best of non-mated searches (medians "
            f"{abs(np.median(own)):.4g} and {abs(np.median(top)):.4g}): "
            + (
                "if higher is closer, leave --distances out"
                if curve.distances
                else "if these are distances, give --distances"
            )
        )
    return tuple(found)


def _careful(
    make: Callable[[], VerificationCurve], asked: Asked, path: Path
) -> Callable[[], VerificationCurve]:
    """Refuse one class alone, and what looks like distances without having been called so."""

    def made() -> VerificationCurve:
        curve = make()
        mated, other = curve.mated_scores, curve.non_mated_scores
        if not mated.size or not other.size:
            which = "mated" if not mated.size else "non-mated"
            raise TableError(
                f"{path} holds one class only: no {which} score",
                allowed="mated and non-mated scores",
                remedy="are the labels right?",
            )
        step = max(1, other.size // 100_000)
        middle, around = float(np.median(mated)), float(np.median(other[::step]))
        if middle < around:
            shown = (-middle, -around) if curve.distances else (middle, around)
            raise TableError(
                f"mated scores lie {'above' if curve.distances else 'below'} non-mated ones (medians "
                f"{shown[0]:.4g} and {shown[1]:.4g})",
                allowed="distances: lower is closer" if curve.distances else "similarities: higher is closer",
                remedy="leave --distances out if higher is closer; otherwise the classes are swapped"
                if asked.distances
                else "give --distances if lower is closer; otherwise the classes are swapped",
            )
        return curve

    return made
