"""Who is taken for whom in a judged run: the group of each false positive's best candidate."""

from __future__ import annotations

import polars as pl

from biomatch.curves.groups import cross_group
from biomatch.errors import ResultsError
from biomatch.evaluation.result import Result
from biomatch.evaluation.trials import check_same_world, owners
from biomatch.system.references import references
from biomatch.tables.observed import Observed
from biomatch.truth import Truth

UNKNOWN = "unknown"
"""Group of a probe or a reference whose person is not recorded, and of an empty list."""


def crossed(result: Result, observed: Observed, truth: Truth, *, by: str = "group") -> pl.DataFrame:
    """Count false positives by group of the probe's person and of the best candidate's.

    Parameters
    ----------
    result : Result
        Of a run on this world.
    observed, truth : Observed, Truth
        The two sides of the world.
    by : str
        A column of the truth's people, for example ``"group"``.

    Returns
    -------
    polars.DataFrame
        As `biomatch.curves.groups.cross_group`: the rows of a probe group sum to its FPIR at the
        result's own thresholds. A morph's reference has two owners; the first one counts.

    Raises
    ------
    ResultsError
        For another world, or a column that people do not have.
    """
    check_same_world(str(result.about["world_id"]), truth)
    if by not in truth.people.columns:
        raise ResultsError(f"breakdown {by!r}", allowed=", ".join(truth.people.columns))
    people = truth.people.select("person_id", pl.col(by).cast(pl.String).alias("label"))
    enrolled = (
        references(observed, result.point.system)
        .select("gallery", "reference_id", "template_row")
        .join(owners(observed, truth).unique("template_row", keep="first"), on="template_row")
        .join(people, on="person_id")
        .select("gallery", top_id="reference_id", candidate="label")
    )
    refused = result.trials.filter(pl.col("counted") & ~pl.col("mated") & pl.col("acquired"))
    own = refused.filter(~pl.col("designed"))
    # Trials that the design added serve only where the policy made no non-mated search itself.
    trials = (
        (own if own.height else refused)
        .join(people, on="person_id", how="left", maintain_order="left")
        .join(enrolled, on=["gallery", "top_id"], how="left", maintain_order="left")
        .with_columns(pl.col("label", "candidate").fill_null(UNKNOWN))
    )
    return cross_group(
        trials["false_positive"].cast(pl.Float64).to_numpy(),
        trials["label"].to_numpy(),
        trials["candidate"].to_numpy(),
        0.5,  # 1 is a false positive at the result's thresholds, 0 is none
        subjects=trials["person_id"].fill_null(-1).to_numpy(),
    )
