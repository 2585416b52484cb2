"""A declared schema for every table, checked once at the door of each stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from biomatch.errors import TableError

Time = pl.Datetime("ms")
"""UTC, without a zone, to the millisecond."""


@dataclass(frozen=True)
class Schema:
    """The columns of a table.

    Attributes
    ----------
    name : str
        Name of the table; also the stem of its file.
    columns : mapping of str to polars data type
        In their order on disk.
    nullable : frozenset of str
        Columns in which a null has a meaning.
    key : tuple of str
        Columns that together name a row once; empty where rows have no name.
    otherwise : mapping of str to str
        Enum columns into which texts are read too, in any case and with or without hyphens, with what stands
        for a value that is not in their list: records of others have classes and sexes that are not ours.
    wider : mapping of str to callable
        Columns whose type grows with what users register; each gives the type of today.
    """

    name: str
    columns: Mapping[str, Any]
    nullable: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()
    otherwise: Mapping[str, str] = field(default_factory=dict)
    wider: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    def types(self) -> dict[str, Any]:
        """Give the type of each column, names that users registered among an Enum's."""
        return {
            name: self.wider[name]() if name in self.wider else kind for name, kind in self.columns.items()
        }

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Check a frame and give it back with its columns in the declared order.

        Raises
        ------
        TableError
            For a missing, superfluous or mistyped column, a null where none may be, a key twice.
        """
        frame = self._read_texts(frame)
        given, wanted = frame.schema, dict(self.types())
        missing = [name for name in wanted if name not in given]
        extra = [name for name in given if name not in wanted]
        if missing or extra:
            raise TableError(
                f"table {self.name!r} "
                + " and ".join(
                    part
                    for part in (
                        f"lacks {', '.join(missing)}" if missing else "",
                        f"has the unknown {', '.join(extra)}" if extra else "",
                    )
                    if part
                ),
                allowed=", ".join(wanted),
                remedy="make it again with this version of biomatch",
            )
        for name, kind in wanted.items():
            if given[name] != kind:
                raise TableError(
                    f"column {name!r} of table {self.name!r} has type {given[name]}", allowed=str(kind)
                )
        solid = [name for name in wanted if name not in self.nullable]
        nulls = frame.select(pl.col(solid).null_count()).row(0) if solid else ()
        for name, count in zip(solid, nulls, strict=True):
            if count:
                raise TableError(f"column {name!r} of table {self.name!r} has {count} empty cells")
        if self.key and frame.select(pl.struct(self.key).is_duplicated().any()).item():
            twice = frame.filter(pl.struct(self.key).is_duplicated()).row(0, named=True)
            shown = ", ".join(f"{name} {twice[name]}" for name in self.key)
            raise TableError(f"table {self.name!r} has {shown} twice", remedy="keep one row for each")
        return frame.select(list(wanted))

    def _read_texts(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Read columns of another Enum whose names are all known, and texts where `otherwise` allows them."""
        read = []
        for name, kind in self.types().items():
            now = frame.schema.get(name)
            if not isinstance(kind, pl.Enum) or now is None or now == kind:
                continue
            text = pl.col(name).cast(pl.String)
            if name in self.otherwise and isinstance(now, (pl.String, pl.Enum, pl.Categorical)):
                plain = text.str.replace_all(r"[\s\-_.]", "").str.to_uppercase()
                known = plain.cast(kind, strict=False)
                other = pl.lit(self.otherwise[name], dtype=kind)
                read.append(pl.when(plain != "").then(pl.coalesce(known, other)).alias(name))
            elif isinstance(now, pl.Enum) and set(now.categories) <= set(kind.categories):
                read.append(text.cast(kind))
        return frame.with_columns(read) if read else frame

    def empty(self) -> pl.DataFrame:
        """Make a frame of no rows."""
        return pl.DataFrame(schema=dict(self.types()))

    def frame(self, values: Mapping[str, Any]) -> pl.DataFrame:
        """Make a checked frame from arrays or lists by column, cast to the declared types."""
        try:
            made = pl.DataFrame(dict(values))
            made = made.with_columns(
                pl.col(name).cast(kind) for name, kind in self.types().items() if name in made.columns
            )
        except (pl.exceptions.PolarsError, TypeError, ValueError) as fault:
            raise TableError(f"table {self.name!r}: {fault}") from None
        return self.check(made)
