"""Score readers of a user's own, registered by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from biomatch.registry import READERS, RegisteredReader
from biomatch.scorefiles.lines import opening, plain_suffix
from biomatch.scorefiles.recognise import FORMATS

READERS.shipped = tuple(FORMATS)


def formats() -> dict[str, str]:
    """Give every form with what it looks like: those that ship, then those that were registered."""
    return {**FORMATS, **{name: READERS.get(name).about for name in READERS}}


def own_form(paths: Sequence[Path], form: str | None) -> str | None:
    """Give the registered form of files: the one that was named, or the first that recognises them."""
    if form is not None:
        return form if form in READERS else None
    if plain_suffix(paths[0]) in (".parquet", ".npy", ".npz"):
        return None  # no lines: what their bytes happen to hold is not to be asked about
    for name in READERS:
        own = READERS.get(name)
        if own.recognises is not None and own.files == len(paths) and own.recognises(opening(paths[0])):
            return name
    return None


def register_reader(
    form: str,
    read: Callable[..., Any],
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
        Takes the first line of a text file and says whether it is of this form; default: the form must be
        named. It is not asked about ``.parquet``, ``.npy`` and ``.npz``.
    replace : bool
        Whether a form that was registered under this name may be replaced.

    Raises
    ------
    SettingsError
        For a name that is taken.

    Examples
    --------
    >>> from pathlib import Path
    >>> from biomatch.curves.build import verification_curve
    >>> from biomatch.scorefiles import ScoreFile, read_scores
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
