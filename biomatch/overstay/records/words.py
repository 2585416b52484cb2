"""Words of a user's records in our terms: directions, modes, sexes, sources, classes of admission."""

from __future__ import annotations

import re

import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.rules.us_classes import CODES, class_code

ADMISSIONS = (*CODES, "RESIDENT")
"""Classes of admission that the rules know, ``OTHER`` among them, and residents, who owe no departure."""
DIRECTIONS: dict[str, tuple[str, ...]] = {
    "entry": (
        "entry",
        "in",
        "arrival",
        "inbound",
        "entries",
        "arrive",
        "arrived",
        "enter",
        "entered",
        "e",
        "i",
    ),
    "exit": (
        "exit",
        "out",
        "departure",
        "outbound",
        "exits",
        "depart",
        "departed",
        "leave",
        "left",
        "x",
        "o",
    ),
}
MODES: dict[str, tuple[str, ...]] = {
    "air": ("air", "plane", "airport", "flight", "a"),
    "sea": ("sea", "ship", "vessel", "cruise", "ferry", "seaport", "s"),
    "land": ("land", "road", "rail", "train", "car", "bus", "foot", "pedestrian", "vehicle", "l"),
}
SEXES: dict[str, tuple[str, ...]] = {
    "F": ("f", "female", "woman"),
    "M": ("m", "male", "man"),
    "X": ("x", "u", "unspecified", "unknown"),
}
SOURCES: dict[str, tuple[str, ...]] = {
    "port": ("port", "officer", "gate", "own"),
    "neighbour": ("neighbour", "neighbor", "exchange", "neighbour_entry", "neighbor_entry"),
    "manifest": ("manifest", "carrier", "apis", "api", "pnr"),
}


def one_of(words: dict[str, tuple[str, ...]], cells: pl.Series) -> pl.Series:
    """Read cells as our words, in any case; null: empty, or no such word."""
    known = {word: name for name, others in words.items() for word in others}
    plain = cells.str.to_lowercase().str.replace_all(r"[\s\-]+", "_")
    return plain.replace_strict(known, default=None, return_dtype=pl.String)


def said_words(words: dict[str, tuple[str, ...]]) -> str:
    """Name the words that are read, one for each meaning first."""
    return ", ".join(f"{name} ({', '.join(others[1:4])})" for name, others in words.items())


def classes(cells: pl.Series) -> tuple[pl.Series, list[str]]:
    """Read classes of admission; gives codes (``OTHER`` where unknown or empty) and the unknown texts."""
    read: dict[str, str] = {}
    unknown = []
    for text in cells.drop_nulls().unique().sort().to_list():
        try:
            read[text] = class_code(text)
        except TableError as fault:
            plain = re.sub(r"[\s\-_.]", "", text).upper()
            if "owes no departure" in fault.given:
                read[text] = "RESIDENT"
            else:
                read[text] = "OTHER"
                if plain != "OTHER":
                    unknown.append(text)
    codes = cells.replace_strict(read, default="OTHER", return_dtype=pl.String).fill_null("OTHER")
    return codes.cast(pl.Enum(ADMISSIONS)), unknown
