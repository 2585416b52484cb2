"""What is shared by many says little, and what only names or orders rows says nothing."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch as bm

FIELDS = ("family", "given", "birth_date", "sex", "nationality")
ON = "2024-12-31"


def many(seed: int, shared: float, count: int = 160) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make entries of which a share has the same value in each field, drawn apart, and exits of strangers."""
    rng = np.random.default_rng(seed)
    common = {name: rng.random(count) < shared for name in FIELDS}
    letters = np.array(list("BDFGKLMNPRST"))

    def word(at: int) -> str:
        return "".join(letters[[at % 12, at // 12 % 12, at // 144 % 12]]) + "A"

    rows = [
        {
            "document": f"A{at:04d}",
            "date": date(2024, 1, 1) + timedelta(days=at % 30),
            "family": "SMITH" if common["family"][at] else word(at) + "O",
            "given": "JOHN" if common["given"][at] else word(7 * at) + "I",
            "birth_date": date(1980, 1, 1)
            if common["birth_date"][at]
            else date(1950, 1, 1) + timedelta(days=int(rng.integers(18_000))),
            "sex": "M" if common["sex"][at] else "F",
            "nationality": "UTO" if common["nationality"][at] else ["XAA", "XBB", "XCC"][at % 3],
        }
        for at in range(count)
    ]
    same = {"family": "SMITH", "given": "JOHN", "birth_date": date(1980, 1, 1), "sex": "M",
            "nationality": "UTO"}  # fmt: skip
    exits = [{"document": f"Z{at:04d}", "date": date(2024, 2, 10), **same} for at in range(12)]
    return pl.DataFrame(rows), pl.DataFrame(exits)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), shared=st.floats(0.02, 1.0))
def test_no_shared_value_counts_for_more_than_its_frequency(seed, shared):
    """Of any field: agreement on a value that a share f of the holders has is worth at most ln(1 / f)."""
    entries, exits = many(seed, shared)
    links = bm.link(entries, exits, on=ON).links.filter(pl.col("nats_log_odds").is_not_null())
    for name in FIELDS:
        value = exits[name][0]
        held = max(float((entries[name] == value).mean()), 0.5 / len(entries))
        own = entries[name].gather(links["from_row"] - 1)
        agree = links.filter(own == value)[f"nats_{name}"]
        assert (agree <= -np.log(held) + 1e-6).all(), name


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_everybody_shares_links_nobody(seed):
    """Twelve strangers with the one name, date, sex and nationality of everybody are not linked for it."""
    entries, exits = many(seed, 1.0)
    found = bm.link(entries, exits, on=ON)
    made = found.links.filter(pl.col("made") & (pl.col("kind") == "exit"))
    assert made.is_empty()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), one_table=st.booleans(), text=st.booleans(), extra=st.booleans())
def test_forms_of_a_table_change_nothing(border, on, seed, one_table, text, extra):
    """One table of both or two, dates or text, rows in any order, other columns besides: the same stays."""
    world = border(3, people=120)
    kept = ["document", "entry", "exit", "exit_document", "status", "how_linked", "p_departed", "p_overstay"]

    def essence(found):
        return (
            found.stays.select(kept)
            .with_columns(pl.selectors.float().round(9), pl.col("how_linked", "status").cast(pl.String))
            .sort("document", "entry")
        )

    first = essence(bm.link(world.entries, world.exits, on=on))
    rng = np.random.default_rng(seed)
    entries = world.entries[rng.permutation(len(world.entries))]
    exits = world.exits[rng.permutation(len(world.exits))]
    if text:
        entries, exits = (frame.with_columns(pl.col("date").cast(pl.String)) for frame in (entries, exits))
    if extra:
        entries = entries.with_columns(hotel=pl.int_range(pl.len()))
    if one_table:
        both = pl.concat(
            [
                entries.with_columns(direction=pl.lit("entry")),
                exits.with_columns(direction=pl.lit("exit")),
            ],
            how="diagonal",
        )
        again = bm.link(both[rng.permutation(len(both))], on=on)
    else:
        again = bm.link(entries, exits, on=on)
    assert essence(again).equals(first)
