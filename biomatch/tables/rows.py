"""What a user knows of each row of embeddings beside its label: length, day, group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biomatch import files
from biomatch.errors import TableError
from biomatch.tables.embeddings import TEMPLATE_KEYS, load_arrays, read_embeddings

Floats = NDArray[np.float64]
YEAR_DAYS = 365.25


@dataclass(frozen=True, eq=False)
class OwnTemplates:
    """A user's embeddings.

    Attributes
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows.
    labels : ndarray
        Shape (n,), text.
    lengths : ndarray
        Shape (n,), float64: an array ``lengths`` of the file, else the lengths of its embeddings.
    """

    templates: NDArray[np.float32]
    labels: NDArray[np.str_]
    lengths: Floats


def read_own(path: str | Path, labels: str | Path | None = None) -> OwnTemplates:
    """Read embeddings, labels and lengths; see `read_embeddings`."""
    templates, names = read_embeddings(path, labels)
    loaded = load_arrays(Path(path))
    if isinstance(loaded, dict):
        stored = loaded.get("lengths")
        vectors = next(loaded[key] for key in TEMPLATE_KEYS if key in loaded)
    else:
        stored, vectors = None, loaded
    if stored is None:
        lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
    else:
        if stored.shape != (len(templates),) or stored.dtype.kind not in "fiu" or not (stored > 0.0).all():
            raise TableError(
                f"lengths of shape {stored.shape} in {path}",
                allowed=f"{len(templates)} positive numbers, one a template",
            )
        lengths = stored.astype(np.float64)
    return OwnTemplates(templates, names, lengths)


def _lines(path: Path, count: int | None, what: str) -> list[str]:
    lines = [line.strip() for line in files.read_text(path).splitlines()]
    if count is not None and len(lines) != count:
        raise TableError(f"{len(lines)} lines in {path} for {count} embeddings", allowed="one line each")
    return lines


def read_groups(path: Path | None, count: int) -> NDArray[np.str_] | None:
    """Read a group a line, a blank line where none is known; None without a file."""
    return None if path is None else np.array(_lines(path, count, "a group"), dtype=np.str_)


def read_days(path: Path | None, count: int) -> Floats | None:
    """Read an ISO day a line as years since year 0; NaN for a blank line; None without a file."""
    if path is None:
        return None
    found = np.full(count, np.nan)
    for at, text in enumerate(_lines(path, count, "a day")):
        if text:
            try:
                found[at] = date.fromisoformat(text).toordinal() / YEAR_DAYS
            except ValueError:
                raise TableError(
                    f"line {at + 1} of {path}: {text!r}", allowed="a day as YYYY-MM-DD, or blank"
                ) from None
    return found


def read_years(path: Path) -> Floats:
    """Read years between the two images of each mated score, a number a line; NaN for a blank line."""
    found = []
    for at, text in enumerate(_lines(path, None, "a number")):
        try:
            value = float(text) if text else np.nan
        except ValueError:
            value = -1.0
        if value < 0.0 or value > 100.0:
            raise TableError(f"line {at + 1} of {path}: {text!r}", allowed="years, 0 to 100, or blank")
        found.append(value)
    return np.array(found)
