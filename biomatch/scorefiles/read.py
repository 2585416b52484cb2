"""The door: files in, a 1:1 or a 1:N curve out, whatever the form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from biomatch.curves.build import IdentificationCurve, VerificationCurve, verification_curve
from biomatch.errors import TableError
from biomatch.registry import READERS, RegisteredReader
from biomatch.scorefiles import arrays, bob, candidates, pyeer
from biomatch.scorefiles.lines import fault_at, first_line

FORMATS = {
    "bob-2": "label score (1: mated)",
    "bob-4": "claimed_id real_id test_label score",
    "bob-5": "claimed_id model_label real_id test_label score",
    "bob-csv": "Bob's CSV with bio_ref_subject_id, probe_subject_id, score",
    "pyeer": "two files, mated then non-mated: a score a line, the last column",
    "pyeer-hist": "two files: mated scores, histogram of integer non-mated scores",
    "pyeer-cmc": "query template score, with --truth 'query template'",
    "frte": "candidate log of the FRTE 1:N driver, with --truth 'search mate' or 'search none'",
    "npy": "two .npy files, mated then non-mated",
    "npz": "mated_scores and non_mated_scores; or scores and label; or mated_ranks and non_mated_top_scores",
    "csv": f"columns {arrays.VERIFICATION}; or {arrays.IDENTIFICATION}",
    "parquet": "as csv",
}
PAIRS = ("pyeer", "pyeer-hist", "npy")
READERS.shipped = tuple(FORMATS)


def formats() -> dict[str, str]:
    """Give every form with what it looks like: those that ship, then those that were registered."""
    return {**FORMATS, **{name: READERS.get(name).about for name in READERS}}


def register_reader(
    form: str,
    read: Callable[..., ScoreFile],
    *,
    about: str,
    files: int = 1,
    recognises: Callable[[str], bool] | None = None,
    replace: bool = False,
) -> None:
    r"""Add a form of score files; ``biomatch scores --format`` and `read_scores` take it.

    Parameters
    ----------
    form : str
        Its name.
    read : callable
        ``read(paths, truth=None, enrolled=0, distances=False)`` gives a `ScoreFile`; one that needs only the
        paths takes ``**options``. A fault in a file is an error that names the line.
    about : str
        What the form looks like, for messages.
    files : int
        How many files it takes.
    recognises : callable, optional
        Takes the first line of a file and says whether it is of this form; default: the form must be named.
    replace : bool
        Whether a form that was registered under this name may be replaced.

    Raises
    ------
    SettingsError
        For a name that is taken.

    Examples
    --------
    >>> from pathlib import Path
    >>> def read(paths, **options):
    ...     rows = [line.split("|") for line in paths[0].read_text().splitlines()]
    ...     mated, other = ([float(score) for kind, score in rows if kind == k] for k in "MN")
    ...     return ScoreFile("bars", comparisons=lambda: verification_curve(mated, other))
    >>> register_reader("bars", read, about="M|score or N|score", recognises=lambda line: line[1:2] == "|")
    >>> _ = Path("scores.bar").write_text("M|0.9\nM|0.8\nN|0.2\n")
    >>> read_scores([Path("scores.bar")]).curve().mated_scores.tolist()
    [0.9, 0.8]
    >>> READERS.remove("bars")
    """
    READERS.add(form, RegisteredReader(read, about, files, recognises), replace=replace)


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
    """

    format: str
    notes: tuple[str, ...] = ()
    comparisons: Callable[[], VerificationCurve] | None = field(default=None)
    searches: Callable[[], IdentificationCurve] | None = field(default=None)

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
) -> ScoreFile:
    """Read score files.

    Parameters
    ----------
    paths : sequence of Path
        One file, or two (mated, non-mated) for the forms that ask for a pair.
    form : str, optional
        One of `FORMATS`; default: told from suffix, header and number of columns.
    truth : Path, optional
        Mate map of a candidate log.
    enrolled : int
        N, for forms that do not hold it.
    distances : bool
        Whether lower means closer: scores are negated. Where this is not said and mated scores lie below
        non-mated ones, the file is refused.

    Raises
    ------
    TableError
        Naming the line and what to do.
    """
    form = checked_form(paths, form, truth)
    if form in READERS:
        own = READERS.get(form).read(paths, truth=truth, enrolled=enrolled, distances=distances)
        if not isinstance(own, ScoreFile):
            raise TableError(f"the reader of {form!r} gave a {type(own).__name__}", allowed="a ScoreFile")
        return own
    found = _read(form, paths, truth, enrolled, distances=distances)
    comparisons = found.comparisons
    if comparisons is None:
        return found
    return replace(found, comparisons=lambda: _similarities(comparisons(), distances, paths[0]))


def checked_form(paths: Sequence[Path], form: str | None, truth: Path | None = None) -> str:
    """Give the form of the files, told by suffix and first line where it is not said."""
    form = form or _guess(paths, truth)
    known = formats()
    if form not in known:
        raise TableError(f"format {form!r}", allowed=", ".join(known))
    wanted = READERS.get(form).files if form in READERS else 2 if form in PAIRS else 1
    if len(paths) != wanted:
        raise TableError(f"{len(paths)} files", allowed=f"{wanted} for {form}: {known[form]}")
    return form


def _read(
    form: str, paths: Sequence[Path], truth: Path | None, enrolled: int, *, distances: bool
) -> ScoreFile:
    path = paths[0]
    sign = -1 if distances else 1
    if form in ("bob-2", "bob-4", "bob-5", "bob-csv"):
        return _bob(form, path, distances=distances)
    if form == "pyeer":
        mated, other = (pyeer.read_scores(one) for one in paths)
        return ScoreFile(form, (), lambda: verification_curve(mated, other))
    if form == "pyeer-hist":
        mated, other = pyeer.read_scores(path), pyeer.read_histogram(paths[1])
        return ScoreFile(form, (), lambda: verification_curve(mated, other))
    if form in ("frte", "pyeer-cmc"):
        answers = candidates.read_truth(truth)
        reader = candidates.read_frte if form == "frte" else candidates.read_cmc
        log = reader(path, distances=distances)
        failed = int(log.filter(log["code"] != 0)["search"].n_unique())
        notes = (f"{failed:,} failed searches count as failures to acquire",) if failed else ()
        return ScoreFile(
            form, notes, searches=lambda: candidates.searches(log, answers, path, enrolled=enrolled)
        )
    if form == "npy":
        first, second = (arrays.load_npy(one) for one in paths)
        return ScoreFile(form, (), lambda: verification_curve(first, second))
    if form == "npz":
        held = arrays.load_npz(path)
        if "non_mated_top_scores" in held:
            return ScoreFile(
                form, (), searches=lambda: arrays.npz_searches(held, path, enrolled=enrolled, sign=sign)
            )
        return ScoreFile(form, (), lambda: arrays.npz_comparisons(held, path))
    frame = arrays.read_frame(path)
    if "top_score" in frame.columns:
        return ScoreFile(
            form, (), searches=lambda: arrays.frame_searches(frame, path, enrolled=enrolled, sign=sign)
        )
    return ScoreFile(form, (), lambda: arrays.frame_comparisons(frame, path))


def _bob(form: str, path: Path, *, distances: bool) -> ScoreFile:
    notes: tuple[str, ...] = ()
    if form == "bob-2":
        frame = bob.read_two(path)
        return ScoreFile(form, notes, lambda: bob.comparisons(frame))
    if form == "bob-csv":
        frame, attacks = bob.read_csv(path)
        if attacks:
            notes = (f"{attacks:,} presentation attacks were left out",)
    else:
        frame = bob.read_columns(path, int(form[-1]))
    closer = frame.with_columns(-pl.col("score")) if distances else frame
    return ScoreFile(form, notes, lambda: bob.comparisons(frame), lambda: bob.searches(closer, path))


def _guess(paths: Sequence[Path], truth: Path | None) -> str:
    path = paths[0]
    suffix = path.suffix.lower()
    for name in READERS:
        own = READERS.get(name)
        if own.recognises is not None and own.files == len(paths) and own.recognises(first_line(path)):
            return name
    if suffix in (".npy", ".npz", ".parquet"):
        return suffix[1:]
    if len(paths) == 2:
        return "pyeer"
    header = first_line(path)
    if header.startswith("searchId "):
        return "frte"
    if truth is not None and len(header.split()) == 3:
        return "pyeer-cmc"
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if suffix == ".csv" and mark in header and "," not in header and not _is_number(header.split()[-1]):
            raise fault_at(
                path, 1, f"{header[:60]!r} is separated by {name}",
                allowed="commas, and points in numbers", remedy="write the table with commas",
            )  # fmt: skip
    like = [name for name, fits in bob.looks_like(header).items() if fits]
    if like:
        return like[0]
    if "," in header or suffix == ".csv":
        return "csv"
    if len(header.split()) == 1 and _is_number(header):
        raise fault_at(
            path, 1, f"a score without a label, {header.strip()!r}",
            allowed="two files, the mated one first; or lines 'label score'; or CSV with score and mated",
            remedy="say which comparisons are mated",
        )  # fmt: skip
    raise TableError(
        f"{path} begins with {header[:60]!r}, which is no form that can be told by its first line",
        allowed="; ".join(f"{name}: {what}" for name, what in formats().items()),
        remedy="name its form with --format",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def doubts(curve: IdentificationCurve | VerificationCurve) -> tuple[str, ...]:
    """Say what is odd about scores of searches, without being certainly wrong."""
    if not isinstance(curve, IdentificationCurve):
        return ()
    found = []
    lost = int(np.count_nonzero(curve.mated_ranks == 0))
    if lost:
        found.append(f"{lost:,} of {curve.mated:,} mates are in no list: they are misses at ranks up to L")
    own, top = (part[np.isfinite(part)] for part in (curve.mated_scores, curve.non_mated_top_scores))
    if own.size and top.size and np.median(own) < np.median(top):
        found.append(
            f"mates score below the best of non-mated searches (medians {np.median(own):.4g} and "
            f"{np.median(top):.4g}): if these are distances, give --distances"
        )
    return tuple(found)


def _similarities(curve: VerificationCurve, distances: bool, path: Path) -> VerificationCurve:
    """Negate distances, and refuse what looks like distances without having been called so."""
    mated, other = curve.mated_scores, curve.non_mated_scores
    if not mated.size or not other.size:
        which = "mated" if not mated.size else "non-mated"
        raise TableError(
            f"{path} holds one class only: no {which} score",
            allowed="mated and non-mated scores",
            remedy="are the labels right?",
        )
    if distances:
        return replace(curve, mated_scores=-mated, non_mated_scores=-other)
    step = max(1, other.size // 100_000)
    middle, around = float(np.median(mated)), float(np.median(other[::step]))
    if middle < around:
        raise TableError(
            f"mated scores lie below non-mated ones (medians {middle:.4g} and {around:.4g})",
            allowed="similarities: higher is closer",
            remedy="give --distances if lower is closer; otherwise the classes are swapped",
        )
    return curve
