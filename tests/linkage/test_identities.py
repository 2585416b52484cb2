"""Linkage without faces where people share birth dates, and where two passports of one person differ."""

from __future__ import annotations

import dataclasses
import re
from datetime import date

import numpy as np
import polars as pl
import pytest

from biomatch.evidence.levels import (
    AGREES,
    DEFAULT_M,
    FIELDS,
    LEVELS,
    MISSING,
    PRIOR_PAIRS,
    as_m,
    level_counts,
    m_table,
    moved,
    of_two_documents,
)
from biomatch.evidence.names import NameFrequencies
from biomatch.overstay.linkage.calibrate import calibrate
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.link import link
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System

POINT = OperatingPoint.of(0.35, System.load("default").with_({"linkage.method": "optimum"}))
WAYS = ("exchanged", "digit", "sex", "missing")


def faceless(border, encounters):
    bare = encounters.with_columns(
        template_row=pl.lit(-1, dtype=pl.Int64), quality=pl.lit(None, dtype=pl.Float32)
    )
    return dataclasses.replace(border.observed(), encounters=bare)


def holder():
    return pl.col("document_number").str.extract(r"^P(\d+)-").cast(pl.Int64)


def january(encounters, every=2):
    """Register every second person on 1 January, in a few years: some hundred share a date."""
    lump = holder() % every == 0
    year = 1960 + (holder() // every) % 20
    return encounters.with_columns(
        birth_date=pl.when(lump).then(pl.date(year, 1, 1)).otherwise("birth_date"),
    )


def other_passports(encounters):
    """Let second passports (the document number's last digit is 1) differ, each person's in one way."""
    second = pl.col("document_number").str.ends_with("-1")
    born, way = pl.col("birth_date"), holder() % len(WAYS)
    month, day = born.dt.month(), born.dt.day()
    swapped = pl.when(day <= 12).then(pl.date(born.dt.year(), day.clip(1, 12), month)).otherwise(born)
    digit = pl.date(born.dt.year() // 10 * 10 + (born.dt.year() + 3) % 10, month, day.clip(1, 28))
    sex = pl.col("sex").cast(pl.String)
    turned = pl.when(sex == "F").then(pl.lit("M")).otherwise(pl.lit("F"))
    return encounters.with_columns(
        birth_date=pl.when(second & (way == 0)).then(swapped)
        .when(second & (way == 1)).then(digit)
        .when(second & (way == 3)).then(pl.lit(None, dtype=pl.Date))
        .otherwise(born),
        sex=pl.when(second & (way == 2)).then(turned).otherwise(sex).cast(encounters.schema["sex"]),
    )  # fmt: skip


def judged(border, result):
    return result.stays.join(border.facts(), on="entry_id", how="left", maintain_order="left")


@pytest.mark.parametrize("seed", [1, 2])
def test_shared_birth_dates_hide_no_overstay(toy_border, seed):
    """Half of everybody on 1 January: what links is right, and few who stayed on are taken for gone."""
    border = toy_border(seed)
    observed = faceless(border, january(border.encounters))
    stays = judged(border, link(observed, border.as_of, POINT))
    first = link_documents(observed.encounters, border.as_of).stays.select("entry_id", was="how_linked")
    stays = stays.join(first, on="entry_id")
    found = stays.filter(
        (pl.col("was") != pl.col("how_linked")) & (pl.col("how_linked").is_in(["face", "name"]))
    )
    assert len(found) > 50
    assert (found["exit_id"] == found["true_exit"]).mean() > 0.97
    implied = stays.filter((pl.col("was") == "none") & (pl.col("how_linked") == "implied"))
    assert implied.filter(~pl.col("departed")).height <= 1
    stayed = stays.filter((pl.col("was") == "none") & ~pl.col("departed"))
    assert stayed.height > 20
    assert (stayed["how_linked"] == "none").mean() > 0.95


def test_passports_that_differ_are_still_one_person(toy_border):
    border = toy_border(1)
    observed = faceless(border, other_passports(border.encounters))
    result = link(observed, border.as_of, POINT)
    stays = judged(border, result)
    papers = observed.encounters.select("encounter_id", "document_number", way=holder() % len(WAYS))
    crossed = (
        stays.filter(pl.col("true_exit") >= 0)
        .join(papers, left_on="entry_id", right_on="encounter_id")
        .join(papers, left_on="true_exit", right_on="encounter_id", suffix="_out")
        .filter(pl.col("document_number") != pl.col("document_number_out"))
    )
    for way, name in enumerate(WAYS):
        these = crossed.filter(pl.col("way") == way)
        assert len(these) > 15, name
        assert (these["exit_id"] == these["true_exit"]).mean() > 0.9, name
    paired = stays.filter(pl.col("exit_id") >= 0)
    assert (paired["exit_id"] == paired["true_exit"]).mean() > 0.995


def test_one_name_and_birth_date_for_all_links_nobody(toy_border):
    """Where nothing tells people apart nothing is linked, whatever the sums say."""
    border = toy_border(2, people=500)
    same = border.encounters.with_columns(
        claimed_name=pl.lit("ROE, ANNA"), birth_date=pl.lit(date(1980, 1, 1)),
        sex=pl.lit("F").cast(border.encounters.schema["sex"]),
        # Numbers that no slip of a finger makes equal.
        document_number=pl.col("document_number").hash(3).cast(pl.String),
    )  # fmt: skip
    result = link(faceless(border, same), border.as_of, POINT)
    stays = judged(border, result)
    assert result.warnings
    assert stays.filter(pl.col("how_linked").is_in(["face", "name"])).height <= 3
    stayed = stays.filter(~pl.col("departed") & (pl.col("how_linked") != "document"))
    assert (stayed["how_linked"] == "none").mean() > 0.9


def test_frequencies_of_other_people_are_noticed(toy_border):
    """Frequencies in which 1 January is as rare as any day: the share is doubted, fewer links are made."""
    border = toy_border(1)
    observed = faceless(border, january(border.encounters))
    documents = link_documents(observed.encounters, border.as_of)
    known = calibrate(observed.encounters, observed.templates, documents)
    right = link(observed, border.as_of, POINT, documents=documents, known=known)
    assert right.warnings == ()
    told = border.encounters.select("claimed_name", "birth_date", "sex", "nationality")
    elsewhere = NameFrequencies.fit(told[documents.stays["entry_row"]])
    wrong = link(
        observed, border.as_of, POINT, documents=documents, known=dataclasses.replace(known, names=elsewhere)
    )
    assert len(wrong.warnings) == 1
    assert "share of entries that prove an earlier stay" in wrong.warnings[0]
    estimated, used = (
        float(found) for found in re.findall(r"(0\.\d+) (?:estimated|used)", wrong.warnings[0])
    )
    assert used < 0.6 * estimated
    assert float(wrong.notes["linkable_next_entry"]) == pytest.approx(used, abs=1e-4)


def test_m_moves_with_pairs_and_not_with_few():
    table = m_table()
    assert table.sum(axis=1) == pytest.approx(1.0)
    assert as_m(table) == {name: tuple(row[:MISSING]) for name, row in zip(FIELDS, table, strict=True)}
    assert moved(table, np.zeros_like(table)) == pytest.approx(table)
    # By hand: 300 pairs of which 30 have day and month exchanged, beside a prior worth PRIOR_PAIRS.
    counts = np.zeros_like(table)
    born, exchanged = FIELDS.index("birth_date"), LEVELS.index("exchanged")
    counts[born, [AGREES, exchanged]] = 270, 30
    prior = DEFAULT_M["birth_date"][exchanged]
    assert moved(table, counts)[born, exchanged] == pytest.approx(
        (30 + PRIOR_PAIRS * prior) / (300 + PRIOR_PAIRS)
    )
    counts[born, MISSING] = 1e6  # what is not said moves nothing
    assert moved(table, counts).sum(axis=1) == pytest.approx(1.0)
    # One slip in ten records of one document: at least so many between two documents.
    levels = np.full((1_000, len(FIELDS)), AGREES, dtype=np.int8)
    levels[:100, 0] = LEVELS.index("nearly")
    both = of_two_documents(level_counts(levels))
    assert both.sum(axis=1) == pytest.approx(1.0)
    assert both[0, LEVELS.index("nearly")] > 0.1
    assert both[1, AGREES] == pytest.approx(DEFAULT_M["family"][AGREES], abs=0.01)
