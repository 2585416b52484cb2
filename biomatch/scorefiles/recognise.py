"""The forms that are read, and the first guess at one: what stands in all lines then confirms or refuses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from biomatch.errors import TableError
from biomatch.scorefiles import arrays, bob
from biomatch.scorefiles.lines import fault_at, first_line, plain_suffix

FORMATS = {
    "bob-2": "label score, or score label",
    "bob-4": "claimed_id real_id test_label score",
    "bob-5": "claimed_id model_label real_id test_label score",
    "bob-csv": "Bob's CSV with bio_ref_subject_id, probe_subject_id, score",
    "list": "a trial list: label and score, optionally two ids, in any order that all lines agree on",
    "pyeer": "two files, mated then non-mated: a score a line, the last column",
    "pyeer-hist": "two files: mated scores, histogram of integer non-mated scores",
    "pyeer-cmc": "query template score, with --truth 'query template'",
    "frte": "candidate log of the FRTE 1:N driver, with --truth 'search mate' or 'search none'",
    "npy": "two .npy files, mated then non-mated",
    "npz": "mated_scores and non_mated_scores; or scores and label; or mated_ranks and non_mated_top_scores",
    "csv": f"columns {arrays.VERIFICATION}; or {arrays.IDENTIFICATION}",
    "parquet": "as csv",
    "bee": "BEE similarity or distance matrix, then its mask",
    "matrix": "scores of every probe (row) and reference (column), with ids: CSV, .npz, or .npy ROWS COLUMNS",
}
PAIRS = ("pyeer", "pyeer-hist", "npy", "bee")


def first_guess(paths: Sequence[Path], truth: Path | None) -> str:
    """Guess the family of a form; what stands in all lines then confirms it or refuses."""
    path = paths[0]
    suffix = plain_suffix(path)
    if suffix == ".mtx":
        return "bee"
    if suffix == ".npy" and (len(paths) == 3 or (len(paths) == 1 and arrays.load_npy(path).ndim == 2)):
        return "matrix"
    if suffix in (".npy", ".npz"):
        return suffix[1:]
    if len(paths) == 2:
        return "pair"
    if suffix == ".parquet":
        return "parquet"
    if not path.exists():
        raise TableError(f"{path}: No such file or directory", remedy="give a file that exists")
    header = first_line(path)
    if header.startswith("searchId "):
        return "frte"
    if truth is not None and len(header.split()) == 3:
        return "pyeer-cmc"
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if suffix == ".csv" and mark in header and "," not in header and not is_number(header.split()[-1]):
            raise fault_at(
                path, 1, f"{header[:60]!r} is separated by {name}",
                allowed="commas, and points in numbers", remedy="write the table with commas",
            )  # fmt: skip
    if bob.looks_like(header)["bob-csv"]:
        return "bob-csv"
    if "," in header or suffix == ".csv":
        return "csv"
    words = header.split()
    if len(words) == 1 and is_number(header):
        raise fault_at(
            path, 1, f"a score without a label, {header.strip()!r}",
            allowed="two files, the mated one first; or lines 'label score'; or CSV with score and mated",
            remedy="say which comparisons are mated",
        )  # fmt: skip
    if len(words) >= 2:
        return "list"
    raise no_form(path, "")


def no_form(path: Path, tried: str) -> TableError:
    """Make the error of a file whose form cannot be told."""
    begins = first_line(path)[:60]
    return TableError(
        f"{path} begins with {begins!r}, which is no form that can be told from its lines"
        + (f" ({tried} does not fit)" if tried else ""),
        allowed=", ".join(FORMATS),
        remedy="name its form with --format, or its columns with --columns: see 'biomatch scores --help'",
    )


def is_number(text: str) -> bool:
    """Say whether a word is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
