"""The errors that biomatch raises on purpose.

::

    BiomatchError            anything a user can mend; the command line prints it and exits with 2
    ├── SettingsError        a scenario, system, profile or option that is unknown or out of range
    ├── TableError           a file or frame that lacks a column, a row's sense, or its end
    ├── WallError            truth asked for where it may not be, or lineages that overlap
    ├── ModelError           a model file that is missing, altered or of another shape
    ├── GalleryError         templates, identifiers or a gallery's folder that cannot be used
    └── ResultsError         runs and results that do not belong together or disagree

Every message finishes the sentence: what was given, what is allowed, what to do.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence

LONGEST_PART = 2000
"""Characters of a part of a message; what is longer is cut in its middle."""


def shown(text: str, longest: int = LONGEST_PART) -> str:
    r"""Give text of others as a terminal may show it: one line, no control codes, no megabytes.

    Control characters, marks that turn the direction of writing and bytes that are no text are written as
    escapes, so that a file's name cannot rewrite the screen.

    Examples
    --------
    >>> print(shown("run" + chr(27) + "[2J.csv"))
    run\x1b[2J.csv
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]} ... ({len(text):,} characters) ... {text[-longest // 4 :]}"
    if text.isprintable() and text.isascii():
        return text
    text = " ".join(text.split("\n"))
    return "".join(one if _harmless(one) else one.encode("unicode_escape").decode() for one in text)


LONGEST_SLIP = 100
"""Characters of a word for which a likeness is looked: it takes time with the square of the length."""


def closest(word: str, known: Sequence[str], cutoff: float = 0.5) -> str | None:
    """Give the known word that a wrong one is most like; None where none is, or the wrong one is no word.

    Examples
    --------
    >>> closest("airprot", ["airport", "land"]), closest("x" * 1000, ["x"])
    ('airport', None)
    """
    if len(word) > LONGEST_SLIP:
        return None
    close = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return close[0] if close else None


def _harmless(one: str) -> bool:
    return one.isprintable() or unicodedata.category(one) in ("Zs", "Mn", "Mc")


class BiomatchError(Exception):
    """Base of all errors that a user can mend.

    Parameters
    ----------
    given : str
        What was given, with the offending value.
    allowed : str, optional
        What would have been accepted.
    remedy : str, optional
        What to do about it, as an imperative.

    Examples
    --------
    >>> print(SettingsError("travellers = -5", allowed="a whole number from 1", remedy="raise it"))
    travellers = -5; allowed: a whole number from 1; raise it
    """

    def __init__(self, given: str, *, allowed: str = "", remedy: str = "") -> None:
        given, allowed, remedy = shown(given), shown(allowed), shown(remedy)
        self.given, self.allowed, self.remedy = given, allowed, remedy
        parts = [given, f"allowed: {allowed}" if allowed else "", remedy]
        super().__init__("; ".join(part for part in parts if part))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the three parts when the error crosses a process boundary."""
        return (_rebuild, (type(self), self.given, self.allowed, self.remedy))


def _rebuild(kind: type[BiomatchError], given: str, allowed: str, remedy: str) -> BiomatchError:
    return kind(given, allowed=allowed, remedy=remedy)


class SettingsError(BiomatchError):
    """A scenario, system, profile or option that is unknown or out of range."""


class TableError(BiomatchError):
    """A file or frame that lacks a column, a row's sense, or its end."""


class WallError(BiomatchError):
    """Truth asked for where it may not be, or lineages that overlap."""


class ModelError(BiomatchError):
    """A model file that is missing, altered, or of another shape than declared."""


class GalleryError(BiomatchError):
    """Templates, identifiers or a gallery's folder that cannot be used."""


class ResultsError(BiomatchError):
    """Runs and results that do not belong together, or that disagree."""
