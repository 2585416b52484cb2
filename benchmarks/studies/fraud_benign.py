"""Who is stopped for nothing, and why: ``benchmarks/results/fraud-benign.md``.

    .venv/bin/python benchmarks/studies/fraud_benign.py --honest 5 --enriched 2

Fused evidence at 1,000 honest encounters stopped per million (threshold from worlds of other seeds). Worlds
without fraud give false alarms by cause, by benign circumstance and by group, in numbers that groups need;
worlds with fraud give what is caught by the group of who did it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from fraud_tables import table
from fraud_worlds import CONTROLS, Graded, graded, merged, scenario, threshold_at

from biomatch.curves.clustered_rates import by_subject
from biomatch.evaluation.alerts.causes import CAUSES, OLD_PHOTO_YEARS, causes_of
from biomatch.evaluation.alerts.events import PAPERS, Scene, clusters_of, touches
from biomatch.fraud.basis import PIECES
from biomatch.fraud.fusion import weigh
from biomatch.policy import accept
from biomatch.rates import Rate, clustered_rate

PER_MILLION = 1_000.0
LEAST_ENCOUNTERS = int(3e6 / PER_MILLION)
"""Of a group whose rate is shown: three stops expected at the limit (none is seen once in twenty times)."""
FUSED = "everything, fused"
MAIN_CAUSES = ("bad image", "ageing", "look-alike", "unlucky score")
Counts = list[tuple[np.ndarray, np.ndarray]]


def raised(one: Graded, scene: Scene, threshold: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the alerts from the threshold on, and the events that each touches."""
    alerts = weigh(one.facts, one.alerts, PIECES)
    alerts = alerts.filter(pl.Series(accept(alerts["log_likelihood_ratio"].to_numpy(), threshold)))
    return alerts, touches(alerts, scene)


def circumstances(one: Graded, scene: Scene) -> pl.DataFrame:
    """Say of every honest encounter which benign look-alike of fraud it is: a column of booleans each."""
    observed, truth = one.made.observed, one.made.truth
    papers = truth.documents.select(person_id="person_id", document_number="number", document_issuer="issuer")
    named = papers.join(
        observed.documents.filter(pl.col("kind") == "passport").select(
            "holder_name", "issued", document_number="number", document_issuer="issuer"
        ),
        on=PAPERS,
    )
    held = named.group_by("person_id").agg(
        papers=pl.len(), names=pl.col("holder_name").n_unique(), issuers=pl.col("document_issuer").n_unique()
    )
    twins = truth.people.select("person_id", "group", twin=pl.col("twin_id") >= 0)
    poor = scene.encounters["quality"].drop_nulls().quantile(0.1)
    own = named.select(*PAPERS, "issued", holder="person_id")
    return (
        scene.honest.join(
            scene.encounters.select("encounter_id", "time", "quality", "claimed_person_id", *PAPERS),
            on="encounter_id",
        )
        .join(held, on="person_id", how="left")
        .join(twins, on="person_id", how="left")
        .join(own, on=PAPERS, how="left")
        .select(
            "encounter_id",
            "person_id",
            "group",
            **{
                "all honest encounters": pl.lit(value=True),
                "has a twin": pl.col("twin").fill_null(value=False),
                "holds a renewed passport": (pl.col("papers") > pl.col("issuers")).fill_null(value=False),
                "holds passports of two issuers": (pl.col("issuers") > 1).fill_null(value=False),
                "bears another name on another document": (pl.col("names") > 1).fill_null(value=False),
                "number mistyped": (pl.col("holder").is_null() | (pl.col("holder") != pl.col("person_id"))),
                "image among the worst tenth": (pl.col("quality") <= (poor or 0.0)).fill_null(value=False),
                "no image": pl.col("quality").is_null(),
                f"photo over {OLD_PHOTO_YEARS:g} years old": (
                    (pl.col("time").dt.date() - pl.col("issued")).dt.total_days() > OLD_PHOTO_YEARS * 365.25
                ).fill_null(value=False),
            },
        )
    )


def summed(parts: Counts) -> Rate:
    """One rate over worlds, a traveller's encounters taken as a cluster."""
    return clustered_rate(np.concatenate([e for e, _ in parts]), np.concatenate([t for _, t in parts]))


def row_of(*words: str, found: Rate, floor: int = 0) -> list[object]:
    """A table's row; too few encounters are said and give no rate."""
    if found.denominator < floor:
        return [*words, f"{found.numerator:,} of {found.denominator:,}", "too few", ""]
    low, high = (1e6 * end for end in found.interval)
    share = 1e6 * (found.value or 0.0)
    return [
        *words,
        f"{found.numerator:,} of {found.denominator:,}",
        f"{share:,.0f}",
        f"{low:,.0f} to {high:,.0f}",
    ]


def honest_counts(one: Graded, threshold: float) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Count who is stopped in a world without fraud: by cause, circumstance, group, and cause in a group."""
    scene = Scene.of(one.made.observed, one.made.truth)
    alerts, touched = raised(one, scene, threshold)
    false = alerts.with_row_index("row").join(touched, on="row", how="anti").drop("row")
    false = false.filter(pl.col("encounter_id").is_in(scene.honest["encounter_id"].implode()))
    first = false.with_columns(cause=causes_of(false, scene)).unique("encounter_id", keep="first")
    seen = circumstances(one, scene).join(
        first.select("encounter_id", "cause"), on="encounter_id", how="left", maintain_order="left"
    )
    person = seen["person_id"].to_numpy()
    hit = seen["cause"].is_not_null().to_numpy()
    of_cause = {cause: (seen["cause"] == cause).fill_null(value=False).to_numpy() for cause in CAUSES}
    found = {("cause", cause): by_subject(mine, person) for cause, mine in of_cause.items()}
    for name in seen.columns[3:-1]:
        of = seen[name].to_numpy()
        found["circumstance", name] = by_subject(hit[of], person[of])
    for label in seen["group"].drop_nulls().unique():
        of = (seen["group"] == label).fill_null(value=False).to_numpy()
        found["group", label] = by_subject(hit[of], person[of])
        for cause in MAIN_CAUSES:
            found[cause, label] = by_subject(of_cause[cause][of], person[of])
    return found


def caught_counts(one: Graded, threshold: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Count events caught in a world with fraud, by the group of who did them."""
    scene = Scene.of(one.made.observed, one.made.truth)
    _, touched = raised(one, scene, threshold)
    events = scene.events.filter(pl.col("counted") & (pl.col("kind") != "watchlist")).join(
        one.made.truth.people.select(actor_id="person_id", group="group"), on="actor_id", how="left"
    )
    hits = events["event_id"].is_in(touched["event_id"].implode()).to_numpy()
    cluster, group = clusters_of(events, one.made.truth), events["group"].fill_null("unknown")
    return {
        label: by_subject(hits[(group == label).to_numpy()], cluster[(group == label).to_numpy()])
        for label in group.unique()
    }


def main() -> None:
    """Run the worlds and write the tables."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--honest", type=int, default=5, help="worlds without fraud")
    ask.add_argument("--enriched", type=int, default=2, help="worlds with fraud")
    ask.add_argument("--travellers", type=int, default=24_000)
    ask.add_argument("--out", type=Path, default=Path("benchmarks/results/fraud-benign.md"))
    given = ask.parse_args()
    begun = time.time()

    def tell(text: str) -> None:
        sys.stderr.write(f"{time.time() - begun:6.0f} s  {text}\n")

    tuned = merged([CONTROLS[FUSED](graded(scenario(given.travellers, 0.0), 6_000 + n)) for n in range(2)])
    threshold = threshold_at(tuned, PER_MILLION)
    tell(f"threshold {threshold:.2f} nats")
    by: dict[tuple[str, str], Counts] = {}
    for n in range(given.honest):
        for key, counts in honest_counts(
            graded(scenario(given.travellers, 0.0), 6_100 + n), threshold
        ).items():
            by.setdefault(key, []).append(counts)
        tell(f"honest world {n + 1}")
    caught: dict[str, Counts] = {}
    for n in range(given.enriched):
        one = graded(scenario(given.travellers // 2, 10_000.0), 6_200 + n)
        for label, found in caught_counts(one, threshold).items():
            caught.setdefault(label, []).append(found)
        tell(f"enriched world {n + 1}")
    write(given, threshold, by, caught)


def write(
    given: argparse.Namespace, threshold: float, by: dict[tuple[str, str], Counts], caught: dict[str, Counts]
) -> None:
    """Write the tables."""
    everybody = summed(by["circumstance", "all honest encounters"])
    causes = sorted((summed(by["cause", cause]) for cause in CAUSES), key=lambda found: -found.numerator)
    names = sorted(CAUSES, key=lambda cause: -summed(by["cause", cause]).numerator)
    shown = [
        table("By cause", ["cause", "stopped", "per million honest encounters", "95%"],
              [row_of(cause, found=found) for cause, found in zip(names, causes, strict=True)],
              "Causes exclude each other; what each means stands in `biomatch/evaluation/alerts/causes.py`."),
        table("By benign circumstance",
              ["honest encounters of which", "stopped", "per million of these", "95%"],
              [row_of(name, found=summed(parts)) for (what, name), parts in by.items()
               if what == "circumstance"]),
        table("By group", ["group", "stopped", "per million", "95%", *MAIN_CAUSES, "events caught"],
              [[*row_of(label, found=summed(parts), floor=LEAST_ENCOUNTERS),
                *(str(summed(by[cause, label]).numerator) for cause in MAIN_CAUSES),
                summed(caught[label]) if label in caught else ""]
               for (what, label), parts in sorted(by.items()) if what == "group"],
              "Groups at which fewer than three would be stopped at the limit give no rate. Caught: events "
              "of all nine kinds, by the group of who did them."),
    ]  # fmt: skip
    head = (
        "# Benign look-alikes of fraud: who is stopped for nothing, and why\n\n"
        f"`.venv/bin/python benchmarks/studies/fraud_benign.py --honest {given.honest} "
        f"--enriched {given.enriched} "
        f"--travellers {given.travellers}`: scenario `airport`, policy `all`, all evidence fused, threshold "
        f"{threshold:.2f} nats from two other worlds at {PER_MILLION:,.0f} stopped per million. "
        f"{everybody.denominator:,} honest encounters; intervals take a traveller's encounters together, and "
        "events that share a person or a document.\n\n"
    )
    given.out.write_text(head + "\n".join(shown), encoding="utf-8")


if __name__ == "__main__":
    main()
