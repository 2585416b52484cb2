"""Clerical review of links or leads: which to look at, and what the answers say of all of them.

Pairs are drawn by stratum of their stated probability, more where it is least sure (Neyman's allocation), so
that a few hundred looks tell precision and recall of thousands. The answers give both with intervals that
know the design, and a line that moves the stated probabilities to what people found.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaincinv

from biomatch.errors import ResultsError
from biomatch.evaluation.own.truth import TO_EXITS, labels
from biomatch.evaluation.probability_calibration import Honesty, honesty
from biomatch.evidence.recalibrate import FEWEST, Recalibration
from biomatch.overstay.records.result import OwnLinks
from biomatch.streams import stream

EDGES = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)
"""Between strata of stated probability."""
LEAST = 3
"""Cases of each stratum at least, where it has so many."""
OF = ("links", "leads")


@dataclass(frozen=True)
class Estimate:
    """A share of a population, estimated from a stratified sample.

    Attributes
    ----------
    value : float
        In [0, 1].
    interval : tuple of float
        By Korn and Graubard: Clopper-Pearson with the effective size of the sample.
    looked_at : int
        Cases that were answered.
    of : int
        Cases that it speaks of.
    """

    value: float
    interval: tuple[float, float]
    looked_at: int
    of: int

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "value": self.value,
            "interval": list(self.interval),
            "looked_at": self.looked_at,
            "of": self.of,
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f} to {high:.3f}; {self.looked_at:,} looked at, of {self.of:,})"


@dataclass(frozen=True)
class Review:
    """What answered pairs say of all.

    Attributes
    ----------
    of : str
        ``links`` or ``leads``.
    answered, unsure : int
        Answers yes or no, and those that were neither.
    precision : Estimate or None
        Of what is listed (links made, or leads), the share that is right; None: nothing of it was answered.
    recall : Estimate or None
        Of all that is right among what was weighed, the share that is listed.
    recall_at_least : float or None
        The same, with precision's lower bound, if every exit that belongs to no stay were a missed link;
        None for leads.
    stated : Honesty
        How well calibrated the stated probabilities were.
    recalibration : Recalibration or None
        Moves them; None with fewer than 20 answers of either kind.
    """

    of: str
    answered: int
    unsure: int
    precision: Estimate | None
    recall: Estimate | None
    recall_at_least: float | None
    stated: Honesty
    recalibration: Recalibration | None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "of": self.of,
            "answered": self.answered,
            "unsure": self.unsure,
            "precision": None if self.precision is None else self.precision.to_json(),
            "recall": None if self.recall is None else self.recall.to_json(),
            "recall_at_least": self.recall_at_least,
            "stated": {"slope": self.stated.slope, "intercept": self.stated.intercept,
                       "log_loss": self.stated.log_loss},
            "recalibration": None if self.recalibration is None else self.recalibration.to_json(),
        }  # fmt: skip


def population(found: OwnLinks, of: str) -> pl.DataFrame:
    """Give what may be looked at: links to exits, or stays whose last lawful day is over.

    Returns
    -------
    polars.DataFrame
        ``number`` (link or stay), ``probability`` (that it is right), ``listed`` (Boolean: made, or a lead),
        ``stratum`` (String), in an order that content gives.
    """
    if of == "links":
        cases = found.links.filter(pl.col("kind").is_in(TO_EXITS)).select(
            pl.col("link").alias("number"), "probability", listed="made"
        )
    elif of == "leads":
        over = found.stays.filter(pl.col("p_overstay").is_not_null() & (pl.col("last_lawful_day") < found.on))
        cases = over.select(
            pl.col("stay").alias("number"),
            pl.col("p_overstay").alias("probability"),
            listed=pl.col("stay").is_in(found.leads["stay"].implode()),
        )
    else:
        raise ResultsError(f"a review of {of!r}", allowed=" or ".join(OF))
    place = np.searchsorted(np.array(EDGES), cases["probability"].to_numpy(), side="right")
    bounds = [0.0, *EDGES, 1.0]
    names = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    said = pl.Series([names[at] for at in place], dtype=pl.String)
    side = pl.when("listed").then(pl.lit("listed ")).otherwise(pl.lit("not listed "))
    return cases.with_columns(stratum=pl.concat_str(side, pl.lit(said)) if len(cases) else pl.lit("")).sort(
        "number"
    )


def allocate(sizes: NDArray[np.int64], spread: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Share out looks: in proportion to size times spread, at least `LEAST`, at most the stratum's size.

    Parameters
    ----------
    sizes : ndarray of int64
        Shape (k,): cases of each stratum.
    spread : ndarray of float64
        Shape (k,): standard deviation of the answer within each.
    count : int
        Looks in total.

    Examples
    --------
    >>> allocate(np.array([1000, 10, 100]), np.array([0.05, 0.5, 0.3]), 50).tolist()
    [29, 3, 18]
    """
    if not len(sizes):
        return sizes
    found = np.minimum(sizes, min(LEAST, max(count // max(len(sizes), 1), 1)))
    while found.sum() < min(count, sizes.sum()):
        # One look at a time to where it lowers the variance most: a greedy optimum of a convex sum.
        gain = np.where(found < sizes, (sizes * spread) ** 2 / (found * (found + 1.0) + 1e-12), -1.0)
        step = max(1, int(min(count, sizes.sum()) - found.sum()) // 200)
        for at in np.argsort(-gain, kind="stable")[:step]:
            if found.sum() < count and found[at] < sizes[at]:
                found[at] += 1
    return found


def draw(found: OwnLinks, pairs: int, of: str = "links", seed: int = 0) -> pl.DataFrame:
    """Draw cases for clerical review.

    Parameters
    ----------
    found : OwnLinks
        From `link`.
    pairs : int
        How many, at least 1; all of them where there are fewer.
    of : str
        ``links``: is this one person? ``leads``: is this an overstay?
    seed : int
        Of the draw.

    Returns
    -------
    polars.DataFrame
        ``number``, ``stratum``, ``in_stratum`` (cases that it has), what both records say, and an empty
        ``answer``. The stated probability is left out, so that it does not sway who answers; rows are
        shuffled.
    """
    if pairs < 1:
        raise ResultsError(f"{pairs} pairs", allowed="a whole number from 1")
    cases = population(found, of)
    if cases.is_empty():
        raise ResultsError(f"no {of} to review", remedy="link records that have some")
    strata = cases.group_by("stratum").agg(pl.len().alias("in_stratum"), mean=pl.col("probability").mean())
    strata = strata.sort("stratum")
    mean = np.clip(strata["mean"].to_numpy(), 0.0, 1.0)
    spread = np.sqrt(np.maximum(mean * (1 - mean), 0.01 * 0.99))
    sizes = strata["in_stratum"].to_numpy().astype(np.int64)
    listed = strata["stratum"].str.starts_with("listed").to_numpy()
    looks = np.zeros(len(sizes), dtype=np.int64)
    # Half for precision, half for recall; what one side does not need goes to the other.
    half = min(pairs - pairs // 2, int(sizes[listed].sum()))
    half = max(half, pairs - int(sizes[~listed].sum()))
    for side, count in ((listed, half), (~listed, pairs - half)):
        looks[side] = allocate(sizes[side], spread[side], max(count, 0))
    rng = stream(seed, f"records.review.{of}")
    picked = []
    for name, count in zip(strata["stratum"], looks.tolist(), strict=True):
        numbers = cases.filter(pl.col("stratum") == name)["number"].to_numpy()
        picked.append(rng.permutation(numbers)[:count])
    drawn = pl.DataFrame({"number": rng.permutation(np.concatenate(picked))})
    table = drawn.join(cases.select("number", "stratum"), on="number", maintain_order="left", how="left")
    table = table.join(
        strata.select("stratum", "in_stratum"), on="stratum", maintain_order="left", how="left"
    )
    shown = _shown(found, of)
    return table.join(shown, on="number", how="left", maintain_order="left").with_columns(answer=pl.lit(""))


def _shown(found: OwnLinks, of: str) -> pl.DataFrame:
    told = ("document", "name", "birth_date", "sex", "nationality")
    stays = found.stays.select("stay", *told, "entry", "port")
    if of == "links":
        to = ("to_row", "to_document", "to_name", "to_day")
        links = found.links.select(pl.col("link").alias("number"), "stay", "kind", "from_row", *to)
        return links.join(stays, on="stay", how="left").drop("stay")
    return found.stays.select(
        pl.col("stay").alias("number"), *told, "entry", "exit", "last_lawful_day", "how_linked", "entry_row"
    )


def read_back(found: OwnLinks, answers: Any, of: str = "links") -> Review:
    """Estimate precision and recall from answers, and recalibrate.

    Parameters
    ----------
    found : OwnLinks
        The links that the sample was drawn from.
    answers : path or frame
        The sample with ``answer`` filled in: yes, no, unsure or empty.
    of : str
        What was reviewed.

    Raises
    ------
    ResultsError
        Where nothing was answered, or numbers are not among the cases.
    """
    given = labels(answers, ("number",), ("answer",))
    if "answer" not in given.columns:
        raise ResultsError("the answers lack the column 'answer'", allowed="yes, no or unsure in each row")
    cases = population(found, of)
    known = given.join(cases, on="number", how="left")
    if known["probability"].null_count():
        raise ResultsError(
            f"{known['probability'].null_count():,} answers are about no case of these {of}",
            remedy="give the sample that was drawn from this folder",
        )
    answered = known.filter(pl.col("answer").is_not_null()).unique("number", keep="last")
    if answered.is_empty():
        raise ResultsError("nothing is answered", allowed="yes, no or unsure in the column answer")
    p, y = answered["probability"].to_numpy(), answered["answer"].to_numpy().astype(bool)
    line = None
    if min(int(y.sum()), int((~y).sum())) >= FEWEST:
        line = Recalibration.fit(p, y)
    strata = cases.group_by("stratum", "listed").agg(size=pl.len(), stated=pl.col("probability").mean())
    seen = answered.group_by("stratum").agg(n=pl.len(), yes=pl.col("answer").sum())
    table = (
        strata.join(seen, on="stratum", how="left")
        .with_columns(pl.col("n", "yes").fill_null(0))
        .sort("stratum")
    )
    precision = _share(table.filter("listed"))
    least = None
    if of == "links" and precision is not None:
        exits = precision.of + found.facts["unlinked_exits"]
        least = precision.interval[0] * precision.of / max(exits, 1.0)
    return Review(
        of,
        len(answered),
        len(given) - len(answered),
        precision,
        _caught(table),
        least,
        honesty(p, y),
        line,
    )


def _parts(table: pl.DataFrame) -> tuple[NDArray[np.float64], ...]:
    """Give sizes, estimated shares and their variances; a stratum without an answer has its stated mean."""
    size, n, yes = (table[name].to_numpy().astype(np.float64) for name in ("size", "n", "yes"))
    stated = table["stated"].to_numpy()
    share = np.where(n > 0, yes / np.maximum(n, 1), stated)
    # Half a case either way keeps a stratum of equal answers from seeming certain.
    smooth = (yes + 0.5) / (n + 1.0)
    rest = np.maximum(1.0 - n / np.maximum(size, 1), 0.0)
    variance = np.where(n > 0, rest * smooth * (1 - smooth) / np.maximum(n, 1), 0.25)
    return size, share, variance, n


def _share(table: pl.DataFrame) -> Estimate | None:
    size, share, variance, n = _parts(table)
    if not n.sum() or not size.sum():
        return None
    weight = size / size.sum()
    value = float(weight @ share)
    return Estimate(
        value, _interval(value, float(weight**2 @ variance), int(n.sum())), int(n.sum()), int(size.sum())
    )


def _caught(table: pl.DataFrame) -> Estimate | None:
    """Estimate the listed share of what is right: a ratio, its variance by linearisation."""
    size, share, variance, n = _parts(table)
    total = float(size @ share)
    if not n.sum() or total <= 0:
        return None
    listed = table["listed"].to_numpy()
    value = float(size[listed] @ share[listed]) / total
    slope = size * (listed.astype(np.float64) - value) / total
    return Estimate(
        value, _interval(value, float(slope**2 @ variance), int(n.sum())), int(n.sum()), round(total)
    )


def _interval(value: float, variance: float, looked_at: int) -> tuple[float, float]:
    """Korn and Graubard, Survey Methodology 24 (1998): Clopper-Pearson with the effective sample size."""
    inner = min(max(value, 0.5 / (looked_at + 1)), 1 - 0.5 / (looked_at + 1))
    size = inner * (1 - inner) / variance if variance > 0 else float("inf")
    if not np.isfinite(size):
        return value, value
    size = max(size, 1.0)
    hits = value * size
    low = 0.0 if hits <= 0 else float(betaincinv(hits, size - hits + 1, 0.025))
    high = 1.0 if hits >= size else float(betaincinv(hits + 1, size - hits, 0.975))
    return low, high


def recalibrated(found: OwnLinks, review: Review) -> pl.DataFrame:
    """Give the links, or the stays, with their probabilities as the review moves them.

    Raises
    ------
    ResultsError
        With fewer than 20 answers of either kind.
    """
    if review.recalibration is None:
        raise ResultsError(
            f"{review.answered} answers, too few of one kind to move probabilities",
            allowed=f"at least {FEWEST} of yes and of no",
            remedy="review more pairs",
        )
    table, name = (found.links, "probability") if review.of == "links" else (found.stays, "p_overstay")
    moved = review.recalibration.apply(table[name].fill_null(0.0).to_numpy())
    return table.with_columns(
        pl.when(pl.col(name).is_not_null()).then(pl.Series(moved)).alias(f"reviewed_{name}")
    )
