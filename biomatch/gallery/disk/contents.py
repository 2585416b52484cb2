"""What ``contents.json`` of a gallery's folder says: which files count, what they are, and a seal over it.

Format 2 has, beside what format 1 had, the gallery's own mark (every file that it writes bears it, so that it
never takes another's file for its own) and the names of files of an older form that wait to be removed.
Format 1 is read as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biomatch.errors import GalleryError

KIND = "gallery"
FORMAT, OLDEST = 2, 1
TEMPLATES, REGISTER, CODES, ARRAY = ".templates.npy", ".register.npy", ".codes.npy", ".npy"
MARK = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"(segment|codebook|retired)(-[0-9a-f]{16})?-\d{8}", re.ASCII)
_WHOLE = "take a copy of the gallery that is whole"
_MOST_ROWS = 1 << 40


@dataclass(frozen=True)
class Entry:
    """One file as it was written.

    Attributes
    ----------
    bytes : int
        Its size.
    sha256 : str
        64 hexadecimal digits.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True)
class About:
    """What the files are.

    Attributes
    ----------
    settings : mapping
        ``index``, ``dimension``, ``floor_score``, ``loss_budget``, ``rank_from``, ``biomatch`` (version);
        ``at_floor``, ``mated_scores`` where the folder says what its budget means.
    segments : tuple of (str, int)
        Name and rows of each segment, in row order.
    names : mapping
        What the codes of ``port`` and ``kind`` stand for.
    retired, codebook : str
        Names of the files with the retired rows and with the codebook ("": none).
    next : int
        The last number that a file's name took.
    """

    settings: Mapping[str, Any]
    segments: tuple[tuple[str, int], ...]
    names: Mapping[str, tuple[str, ...]]
    retired: str
    codebook: str
    next: int

    def files(self) -> list[str]:
        """Name every file that belongs to it."""
        found = [f"{name}{ARRAY}" for name in (self.retired, self.codebook) if name]
        for name, _ in self.segments:
            found += [name + TEMPLATES, name + REGISTER, *([name + CODES] if self.codebook else [])]
        return found

    def plain(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            **self.settings,
            "segments": [{"name": name, "rows": rows} for name, rows in self.segments],
            "names": {name: list(known) for name, known in self.names.items()},
            "retired": self.retired,
            "codebook": self.codebook,
            "next": self.next,
        }


@dataclass(frozen=True)
class Contents:
    """All of ``contents.json``.

    Attributes
    ----------
    mark : str
        16 hexadecimal digits that all files of this gallery bear; "" in format 1.
    files : mapping of str to Entry
        Every file that counts.
    about : About
        What they are.
    former : tuple of str
        Files of the older form that counted before, and are to be removed.
    format : int
        Of the folder.
    """

    mark: str
    files: Mapping[str, Entry]
    about: About
    former: tuple[str, ...] = ()
    format: int = FORMAT

    def _plain_files(self) -> dict[str, Any]:
        return {name: {"bytes": it.bytes, "sha256": it.sha256} for name, it in self.files.items()}

    @property
    def seal(self) -> str:
        """SHA-256 over the sizes and hashes of all files and what they are: the gallery's content hash."""
        sealed = [self._plain_files(), self.about.plain()]
        return seal_of(sealed if self.format == 1 else [self.format, self.mark, list(self.former), *sealed])

    def text(self) -> str:
        """Give the file's text."""
        plain = {
            "kind": KIND,
            "format": self.format,
            "gallery": self.mark,
            "former": list(self.former),
            "files": self._plain_files(),
            "about": self.about.plain(),
            "seal": self.seal,
        }
        return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def seal_of(sealed: list[Any]) -> str:
    """Give the SHA-256 of plain data in its one way of being written."""
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def kind_of(raw: bytes) -> str | None:
    """Say what kind of folder a ``contents.json`` belongs to; None where it cannot be read."""
    try:
        return str(json.loads(raw)["kind"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def read_contents(raw: bytes, place: str) -> Contents:
    """Read ``contents.json`` and check it against itself.

    Parameters
    ----------
    raw : bytes
        What the file holds.
    place : str
        The folder, for messages.

    Raises
    ------
    GalleryError
        When it is of another kind or format, was altered or cut short, or names files that no gallery has.
    """
    try:
        plain = json.loads(raw)
        kind, format_ = plain["kind"], plain["format"]
        files, about, seal = plain["files"], plain["about"], plain["seal"]
        mark, former = plain.get("gallery", ""), plain.get("former", [])
        sealed = [files, about] if format_ == 1 else [format_, mark, former, files, about]
        whole = seal_of(sealed) == seal
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _altered(place) from None
    if kind != KIND:
        raise GalleryError(f"{place} holds a {kind!r:.40}".replace("'", ""), allowed="a gallery")
    if type(format_) is not int or not OLDEST <= format_ <= FORMAT:
        raise GalleryError(
            f"{place} has format {format_!r:.40}",
            allowed=f"formats {OLDEST} to {FORMAT}",
            remedy="open it with the version of biomatch that wrote it, or with a newer one",
        )
    if not whole:
        raise _altered(place)
    try:
        found = Contents(
            mark=_text(mark) if format_ > 1 else "",
            files={name: Entry(_whole(it["bytes"], 0), _text(it["sha256"])) for name, it in files.items()},
            about=_about(about),
            former=tuple(_text(name) for name in former),
            format=format_,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise GalleryError(f"{place} lacks {fault} in its contents", remedy=_WHOLE) from None
    _check_names(found, place)
    return found


def _altered(place: str) -> GalleryError:
    return GalleryError(
        f"{place}/contents.json was altered or cut short: its seal does not fit", remedy=_WHOLE
    )


def _about(plain: dict[str, Any]) -> About:
    own = {"segments", "names", "retired", "codebook", "next"}
    settings = {
        name: plain[name] for name in ("index", "dimension", "floor_score", "loss_budget", "rank_from")
    }
    return About(
        settings={**settings, **{name: value for name, value in plain.items() if name not in own}},
        segments=tuple((_text(it["name"]), _whole(it["rows"], 1)) for it in plain["segments"]),
        names={name: tuple(_text(known) for known in plain["names"][name]) for name in ("port", "kind")},
        retired=_text(plain["retired"]),
        codebook=_text(plain["codebook"]),
        next=_whole(plain["next"], 0),
    )


def _check_names(contents: Contents, place: str) -> None:
    """Refuse names that this program does not write: they might lead out of the folder."""
    about = contents.about
    stems = [about.retired, *([about.codebook] if about.codebook else []), *(it[0] for it in about.segments)]
    former = [name.removesuffix(ARRAY).split(".")[0] for name in contents.former]
    for stem in [*stems, *former]:
        if not _NAME.fullmatch(stem):
            raise GalleryError(
                f"{place} names a file {stem[:80]!r}", allowed="files of a gallery", remedy=_WHOLE
            )
    for name in contents.former:
        if name[len(name.split(".")[0]) :] not in (TEMPLATES, REGISTER, CODES, ARRAY):
            raise GalleryError(f"{place} names a file {name[:80]!r}", allowed="files of a gallery")
    if contents.mark and not MARK.fullmatch(contents.mark):
        raise GalleryError(f"{place} has the mark {contents.mark[:80]!r}", allowed="16 hexadecimal digits")
    named = about.files()
    if len(set(named)) != len(named):
        raise GalleryError(f"{place} names a file twice", remedy=_WHOLE)
    for name in named:
        if name not in contents.files:
            raise GalleryError(f"{place} lacks the file {name} in its contents", remedy=_WHOLE)
    if len(contents.files) != len(named):
        more = sorted(contents.files.keys() - set(named))[0]
        raise GalleryError(f"{place} lists {more[:80]!r}, of which nothing is said", remedy=_WHOLE)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a word (but {value!r:.40})")
    return value


def _whole(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value <= _MOST_ROWS:
        raise TypeError(f"a whole number from {least} (but {value!r:.40})")
    return value
