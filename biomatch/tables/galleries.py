"""Which search a gallery belongs to: the name of a gallery says which policy fills it."""

from __future__ import annotations

import polars as pl

MOVEMENT = "movement/"
"""How the name of a carrier movement's gallery begins."""
ONE_GALLERY = ("open_stays", "all", "watchlist")
"""Policies with a single gallery, which bears their name; a port's day is ``PORT/DATE/DIRECTION``."""


def search_of(gallery: str = "gallery") -> pl.Expr:
    """Give the policy of each gallery: which of a system's searches it belongs to.

    Parameters
    ----------
    gallery : str
        Column with names of galleries.

    Examples
    --------
    >>> names = pl.DataFrame({"gallery": ["all", "movement/7", "AIR1/2024-02-01/exit"]})
    >>> names.select(search_of())["gallery"].to_list()
    ['all', 'manifest', 'port_day']
    """
    name = pl.col(gallery)
    return (
        pl.when(name.is_in(ONE_GALLERY))
        .then(name)
        .when(name.str.starts_with(MOVEMENT))
        .then(pl.lit("manifest"))
        .otherwise(pl.lit("port_day"))
        .alias(gallery)
    )
