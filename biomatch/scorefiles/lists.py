"""Lists of comparisons: a row each, with a score, a label, and who was compared with whom.

With a header (CSV, Parquet, blanks) the names of the columns say what they are; without one what stands
in *all* lines does. Where two readings fit and disagree, the file is refused and not guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.curves.build import VerificationCurve, verification_curve
from biomatch.errors import TableError
from biomatch.scorefiles import arrays
from biomatch.scorefiles.persons import persons
from biomatch.scorefiles.words import IGNORED, LABELS, classes, lookalike_notes, name_of, role_of

Flags = NDArray[np.bool_]


MOST_GROUPS = 30
"""Different words of a column beyond which it more likely names people than groups."""


@dataclass(frozen=True)
class Asked:
    """What the user said about a file, over and above its form.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns in order (``--columns``); ``-`` ignores one.
    score, label : str or None
        Names of the columns with scores and labels.
    failed : tuple of str
        Scores that are written so are failures to acquire: ``nan``, or nothing.
    distances : bool
        Lower is closer.
    arrays : mapping
        Our name of an array to the file's.
    """

    columns: tuple[str, ...] = ()
    score: str | None = None
    label: str | None = None
    failed: tuple[str, ...] = ()
    distances: bool = False
    arrays: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Comparisons:
    """A list that was read: what each column was taken for, and its rows."""

    roles: Mapping[str, str]
    frame: pl.DataFrame
    path: Path
    first: int
    asked: Asked
    mated: Flags
    scores: NDArray[np.float64]
    failed: Flags
    attacks: Flags
    notes: tuple[str, ...] = ()

    @property
    def taken_for(self) -> str:
        """Say what each column was taken for."""
        words = {"score": "score", "label": "label", "probe": "subject of the probe",
                 "reference": "subject of the reference"}  # fmt: skip
        return ", ".join(f"{words[role]}: {name}" for role, name in self.roles.items())

    @property
    def trials(self) -> str:
        """Digest of who was compared with whom, in order; empty where no probe is named."""
        if "probe" not in self.roles or self.failed.any():
            return ""
        sides = [self.roles[role] for role in ("probe", "reference") if role in self.roles]
        ids = self.frame.select(
            pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in sides], separator="\x1f")
        )
        text = "\n".join(ids.to_series().to_list())
        return hashlib.sha256(text.encode() + self.mated.tobytes()).hexdigest()

    def curve(self) -> VerificationCurve:
        """Make the curve; failures to acquire are no comparisons, presentation attacks are left out."""
        used = ~self.failed & ~self.attacks
        own, other = self.mated & used, ~self.mated & used
        who, whose = (self._ids(role) for role in ("probe", "reference"))
        if who is not None and whose is not None and "label" in self.roles:
            who, whose, _ = persons(who, whose, self.mated)
        if who is None and whose is not None:
            who, whose = whose, None
        strata = {
            name: self.frame[name].cast(pl.String).fill_null("").to_numpy().astype(str)
            for name in self.frame.columns
            if name not in self.roles.values() and name_of(name) not in IGNORED
        }
        return verification_curve(
            self.scores[own],
            self.scores[other],
            mated_subjects=None if who is None else who[own],
            non_mated_subjects=None if who is None else who[other],
            non_mated_references=None if whose is None else whose[other],
            mated_strata={name: labels[own] for name, labels in strata.items()},
            non_mated_strata={name: labels[other] for name, labels in strata.items()},
            mated_failures=int((self.mated & self.failed & ~self.attacks).sum()),
            non_mated_failures=int((~self.mated & self.failed & ~self.attacks).sum()),
            distances=self.asked.distances,
        )

    def _ids(self, role: str) -> NDArray[np.str_] | None:
        if role not in self.roles:
            return None
        name = self.roles[role]
        column = self.frame[name].cast(pl.String).fill_null("").str.strip_chars()
        if (column == "").any():
            row = int((column == "").arg_max() or 0)
            raise TableError(
                f"{self.path}, line {row + self.first}: {name} is empty",
                allowed="a name for each row",
                remedy="subjects are the clusters of every interval: name them all, or leave the column out",
            )
        return column.to_numpy().astype(str)


def comparisons(
    frame: pl.DataFrame, path: Path, asked: Asked, *, first: int, roles: Mapping[str, str] | None = None
) -> Comparisons:
    """Read a table whose columns have names.

    Parameters
    ----------
    frame : polars.DataFrame
        All text, or typed (Parquet).
    path : Path
        For messages.
    asked : Asked
        The user's own words.
    first : int
        Line of the first row.
    roles : mapping, optional
        Role (score, label, probe, reference) to column; default: by the columns' names.
    """
    if frame.is_empty():
        raise TableError(f"{path} holds no row below its header", remedy="give the table with its rows")
    found = dict(roles or roles_of(frame.columns, path, asked))
    failed = _failed(frame[found["score"]], asked.failed)
    numbers = _numbers(frame[found["score"]], failed, path, first)
    mated, attacks = _classes(frame, found, path, first)
    notes = lookalike_notes(*(frame[found[role]] for role in ("probe", "reference") if role in found))
    if not {"probe", "reference"} & found.keys() and (likely := _likely_people(frame, found)):
        notes += (
            f"{', '.join(likely)} taken for no subject: call the columns subject and reference_subject if "
            "they name people",
        )
    if {"probe", "reference", "label"} <= found.keys():
        sides = (frame[found[role]].cast(pl.String).fill_null("") for role in ("probe", "reference"))
        who, whose = (side.str.strip_chars().to_numpy().astype(str) for side in sides)
        notes += persons(who, whose, mated)[2]
    if attacks.any():
        notes = (f"{int(attacks.sum()):,} presentation attacks were left out", *notes)
    if "label" not in found:
        notes = ("mated where the subjects of probe and reference are the same", *notes)
    if failed.any():
        notes = (f"{int(failed.sum()):,} comparisons without a score count as failures to acquire", *notes)
    return Comparisons(found, frame, path, first, asked, mated, numbers, failed, attacks, notes)


def _likely_people(frame: pl.DataFrame, roles: Mapping[str, str]) -> list[str]:
    """Give the columns of text with so many different values that they hardly are groups."""
    words = [name for name in frame.columns if name not in roles.values() and name_of(name) not in IGNORED]
    return [
        name
        for name in words
        if frame[name].dtype == pl.String
        and frame[name].n_unique() > MOST_GROUPS
        and frame[name].str.strip_chars().cast(pl.Float64, strict=False).is_null().any()
    ]


def _classes(frame: pl.DataFrame, roles: Mapping[str, str], path: Path, first: int) -> tuple[Flags, Flags]:
    """Say which rows are mated, and which are presentation attacks."""
    if "label" not in roles:
        one, two = (frame[roles[role]].cast(pl.String).str.strip_chars() for role in ("probe", "reference"))
        return (one == two).to_numpy(), np.zeros(len(frame), dtype=bool)
    column = frame[roles["label"]]
    kind = classes(column)
    if kind.is_null().any():
        arrays.flags(column, path, first)  # names the line
    if {"0", "-1"} <= {*column.cast(pl.String).str.strip_chars().unique()}:
        raise TableError(
            f"{path}: column {roles['label']} holds 1, 0 and -1",
            allowed="two values: 1 and 0, or 1 and -1",
            remedy="leave out the lines that are neither mated nor non-mated",
        )
    return (kind == 1).to_numpy(), (kind == -1).to_numpy()


def _numbers(column: pl.Series, failed: Flags, path: Path, first: int) -> NDArray[np.float64]:
    """Read the scores; of rows that failed -inf."""
    if failed.all():
        return np.full(len(column), -np.inf)
    filled = column
    if failed.any():
        # Rows that failed are replaced by a number, so that every other row still stands in its own line.
        text = pl.when(pl.Series(~failed)).then(column.cast(pl.String)).otherwise(pl.lit("0"))
        filled = pl.select(text.alias(column.name)).to_series()
    try:
        return np.where(failed, -np.inf, arrays.numbers(filled, path, empty=False, first=first))
    except TableError as fault:
        if "nan" in fault.given.lower() or fault.given.endswith(("is ''", "is None")):
            raise TableError(
                fault.given,
                allowed=fault.allowed,
                remedy="if that means a failure to acquire, say so: --failed nan (or --failed empty)",
            ) from None
        raise


def roles_of(names: Sequence[str], path: Path, asked: Asked) -> dict[str, str]:
    """Say which column is which, by name."""
    found: dict[str, str] = {}
    for role, chosen in (("score", asked.score), ("label", asked.label)):
        if chosen is None:
            continue
        match = [name for name in names if name_of(name) == name_of(chosen)]
        if not match:
            raise TableError(f"{path} lacks the column {chosen!r}", allowed=", ".join(names))
        found[role] = match[0]
    for role in ("score", "label", "probe", "reference"):
        if role in found:
            continue
        match = [name for name in names if role_of(name) == role and name not in found.values()]
        exact = [name for name in match if name in ("score", "mated", "subject", "reference_subject")]
        if len(match) > 1 and len(exact) != 1:
            if role in ("probe", "reference"):
                exact = match[:1]  # several ids of one side: the first is the subject, the others are labels
            else:
                raise TableError(
                    f"{path} has {' and '.join(match)}: which one is the {role}?",
                    allowed=f"one column of {role}s", remedy=f"name it with --{role}-column",
                )  # fmt: skip
        if match:
            found[role] = (exact or match)[0]
    if "score" not in found or ("label" not in found and not {"probe", "reference"} <= {*found}):
        lacking = "score" if "score" not in found else "mated"
        raise TableError(
            f"{path} lacks the column {lacking!r} (it has {', '.join(names[:8])})",
            allowed=arrays.VERIFICATION,
            remedy=f"name it with --{'score' if lacking == 'score' else 'label'}-column",
        )
    return found


def _failed(column: pl.Series, words: Sequence[str]) -> Flags:
    """Say which scores mean a failure to acquire."""
    if not words:
        return np.zeros(len(column), dtype=bool)
    wanted = {"" if word.lower() in ("empty", "") else word.lower() for word in words}
    text = column.cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase()
    return text.is_in(sorted(wanted)).to_numpy()


def headerless(frame: pl.DataFrame, path: Path, asked: Asked) -> tuple[str, Comparisons | None]:
    """Read a table without a header by what stands in all its lines.

    Returns
    -------
    form : str
        ``"list"``, or Bob's form where only that fits (``"bob-4"``, ``"bob-5"``; then without a list).
    list : Comparisons or None
    """
    width = frame.width
    if asked.columns:
        named = renamed(frame, asked.columns, path)
        return "list", comparisons(named, path, asked, first=1)
    kinds = {name: classes(frame[name]) for name in frame.columns}
    labels = [name for name, kind in kinds.items() if kind.null_count() == 0 and {0, 1} <= {*kind.unique()}]
    numeric = [name for name in frame.columns if _numeric(frame[name], asked.failed)]
    readings = [(label, score) for label in labels for score in _scores_of(frame, numeric, label)]
    bob = _bob_form(frame, numeric)
    if width == 2 and not readings and numeric:
        return "list", _two_columns(frame, path, kinds)
    if bob is not None and not readings:
        return bob, None
    if len(readings) + (bob is not None) > 1:
        told = [f"label in {label}, score in {score}" for label, score in readings]
        told += [f"{bob} (claimed and real id say who is mated)"] if bob is not None else []
        raise TableError(
            f"{path} can be read in {len(told)} ways: {'; '.join(told[:4])}",
            allowed="one reading",
            remedy="name the columns in order, as --columns enrol,test,label,score"
            + (f", or give --format {bob}" if bob is not None else ""),
        )
    if not readings:
        return "", None
    label, score = readings[0]
    roles = {"score": score, "label": label}
    others = [name for name in frame.columns if name not in (label, score)]
    notes: tuple[str, ...] = ()
    if len(others) == 2:
        roles |= {"reference": others[0], "probe": others[1]}
    elif others:
        roles_text = f"{', '.join(others)} taken for no subject: name the columns with --columns if it is one"
        notes = (roles_text,)
        frame = frame.drop(others)
    found = comparisons(frame, path, asked, first=1, roles=roles)
    return "list", Comparisons(**{**found.__dict__, "notes": (*found.notes, *notes)})


def _two_columns(frame: pl.DataFrame, path: Path, kinds: Mapping[str, pl.Series]) -> Comparisons:
    """Say which line of two columns keeps them from being labels and scores."""
    first, second = frame.columns
    best = min((first, second), key=lambda name: kinds[name].null_count())
    unknown = kinds[best].is_null()
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise TableError(
            f"{path}, line {row + 1}: label {frame[best][row]!r}",
            allowed=LABELS,
            remedy="write one of two known words on every line; or name the form with --format",
        )
    which = "non-mated" if (kinds[best] == 1).any() else "mated"
    raise TableError(
        f"{path} holds one class only: no {which} score",
        allowed="mated and non-mated scores", remedy="are the labels right?",
    )  # fmt: skip


def _scores_of(frame: pl.DataFrame, numeric: Sequence[str], label: str) -> list[str]:
    """Give the columns that can be scores beside a label: numbers, with fractions where any has some."""
    found = [name for name in numeric if name != label]
    if not found:  # a score that is no number somewhere: its line is named when it is read
        share = {
            name: int(frame[name].str.strip_chars().cast(pl.Float64, strict=False).is_not_null().sum())
            for name in frame.columns
            if name != label
        }
        best = max(share, key=lambda name: share[name])
        return [best] if 2 * share[best] >= len(frame) else []
    fractions = [name for name in found if frame[name].str.contains(r"[.eE]|nan|inf").any()]
    return fractions or found


def _numeric(column: pl.Series, failed: Sequence[str]) -> bool:
    found = column.str.strip_chars().cast(pl.Float64, strict=False).is_not_null()
    return bool((found | pl.Series(_failed(column, failed))).all())


def _bob_form(frame: pl.DataFrame, numeric: Sequence[str]) -> str | None:
    """Give Bob's form where its two ids make both classes and the last column is a number."""
    if frame.width not in (4, 5) or frame.columns[-1] not in numeric:
        return None
    same = frame[frame.columns[0]] == frame[frame.columns[frame.width - 3]]
    return f"bob-{frame.width}" if same.any() and not same.all() else None


def renamed(frame: pl.DataFrame, names: Sequence[str], path: Path) -> pl.DataFrame:
    """Give the columns the names that the user gave, in order; ``-`` drops one."""
    if len(names) != frame.width:
        raise TableError(
            f"--columns names {len(names)} columns and {path} has {frame.width}", allowed=str(frame.width)
        )
    wanted = [f"-{at}" if name_of(name) in IGNORED else name.strip() for at, name in enumerate(names)]
    if len({*wanted}) < len(wanted):
        raise TableError(f"--columns {','.join(names)}: a name twice", allowed="each name once, or -")
    found = frame.rename(dict(zip(frame.columns, wanted, strict=True)))
    return found.drop([name for name in wanted if name.startswith("-")])
