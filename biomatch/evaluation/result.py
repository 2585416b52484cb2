"""A run judged by the truth: rates with their counts, causes of misses, overstays, alerts.

A result keeps judged tables (integers and scores); every rate is computed from them when it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from biomatch import files
from biomatch.cards import Card, Carded, facts
from biomatch.curves.build import IdentificationCurve
from biomatch.curves.clustered_rates import by_subject
from biomatch.errors import ResultsError
from biomatch.evaluation.alerts.alert_result import AlertResult
from biomatch.evaluation.miss_causes import count_causes
from biomatch.evaluation.overstays.counts import Overstays, count_overstays
from biomatch.evaluation.overstays.review import Review, review_stays
from biomatch.evaluation.search_rates import SearchRates
from biomatch.evaluation.sweep import curve_of
from biomatch.policy import OperatingPoint
from biomatch.rates import Rate, clustered_rate, rate
from biomatch.settings.review import ReviewSettings
from biomatch.tables import storage
from biomatch.tables.galleries import search_of
from biomatch.tables.seals import question_of

KIND = "result"
FRAMES = ("trials", "stays", "judged_alerts", "grid", "further")
SUMMARY = "summary.json"


@dataclass(frozen=True, eq=False, repr=False)
class Result(Carded):
    """Everything that a report shows of one run.

    Attributes
    ----------
    point : OperatingPoint
        What was graded.
    trials : polars.DataFrame
        A row a trial of the primary search (see `biomatch.evaluation.trials.Trials`), with `threshold`,
        `hit`, `false_positive` and `cause` (of a miss) at the point's thresholds.
    list_length : int
        L.
    stays : polars.DataFrame
        Judged stays (see `biomatch.evaluation.overstays.counts.judge_stays`).
    judged_alerts : polars.DataFrame
        Judged alerts (see `biomatch.evaluation.alerts.judge`).
    alerts : AlertResult
        Counts of alerts by kind, single alerts explained, impostors tried, calibration of the ratios.
    grid : polars.DataFrame
        What a slider shows: a row a threshold, with decisions, leads and alerts counted there.
    about : mapping
        Provenance: world, lineage, scenario, versions, command.
    further : polars.DataFrame
        The trials of the system's further searches, as `trials`; `searches` gives their rates.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System()))
    >>> result = bm.evaluate(done, made.truth, grid=0)
    >>> sum(result.misses.values()) == result.system_miss_rate.numerator
    True
    """

    point: OperatingPoint
    trials: pl.DataFrame
    list_length: int
    stays: pl.DataFrame
    judged_alerts: pl.DataFrame
    alerts: AlertResult
    grid: pl.DataFrame
    about: Mapping[str, Any] = field(default_factory=dict)
    further: pl.DataFrame = field(default_factory=pl.DataFrame)

    def card(self) -> Card:
        """Say what is shown: the rates at the point, and what people are judged by."""
        last = self.overstays[-1] if self.overstays else None
        return Card(
            f"Result of world {self.about.get('world_id', '')}",
            facts(
                ("system", self.point.system.name),
                (
                    "threshold",
                    f"{self.point.face_threshold!r}, N = {self.enrolled[0]:,}, L = {self.list_length}",
                ),
                ("FPIR", self.fpir),
                ("FNIR", self.fnir),
                ("system miss rate", self.system_miss_rate),
                ("misses", ", ".join(f"{n:,} {cause}" for cause, n in self.misses.items())),
                (
                    "overstays",
                    None
                    if last is None
                    else f"{last.leads:,} listed as of {last.as_of}, "
                    f"{last.false_leads:,} of them wrongly; {last.hidden:,} hidden",
                ),
                ("alerts", self.judged_alerts.height),
                ("next", 'result.by("group"), bm.report(result)'),
            ),
        )

    def with_(self, **fields: Any) -> Result:
        """Copy the result with other values of some fields."""
        return replace(self, **fields)

    def with_about(self, **facts: Any) -> Result:
        """Copy the result with more said of where it comes from, such as the command."""
        return self.with_(about={**self.about, **facts})

    # -- 1:N -------------------------------------------------------------------------------------

    @cached_property
    def curve(self) -> IdentificationCurve:
        """The policy's own trials at every threshold."""
        return self._curve(designed=False)

    @cached_property
    def designed_curve(self) -> IdentificationCurve | None:
        """The same with the non-mated trials that the design added; None where it added none."""
        return self._curve(designed=True) if self.trials["designed"].any() else None

    def _curve(self, *, designed: bool) -> IdentificationCurve:
        return curve_of(
            self.trials,
            self.list_length,
            lineages=(int(self.about["lineage"]),),
            system=self.point.system.model_dump(mode="json"),
            designed=designed,
            external=bool(self.about.get("external")),
        )

    @cached_property
    def _mated(self) -> pl.DataFrame:
        return self.trials.filter(pl.col("counted") & pl.col("mated") & ~pl.col("designed"))

    @property
    def fnir(self) -> Rate:
        """FNIR(N, L, T) over acquired mated probes, in [0, 1]; no value where there was none."""
        return _clustered(self._mated.filter("acquired"), "missed")

    @property
    def system_miss_rate(self) -> Rate:
        """(misses + mated failures to acquire) / (mated searches + mated failures to acquire)."""
        return _clustered(self._mated, "missed")

    @property
    def fpir(self) -> Rate:
        """FPIR(N, T) over acquired non-mated probes, in [0, 1]; no value where there was none.

        Trials that the design added serve only where the policy made no non-mated search itself.
        """
        refused = self.trials.filter(pl.col("counted") & ~pl.col("mated") & pl.col("acquired"))
        own = refused.filter(~pl.col("designed"))
        return _clustered(own if own.height else refused, "false_positive")

    @property
    def misses(self) -> dict[str, int]:
        """Mated trials missed, by cause: not acquired, index, score, outranked."""
        return count_causes(self._mated["cause"])

    @property
    def enrolled(self) -> tuple[int, int, int]:
        """Median, least and greatest N of the counted searches."""
        return self.curve.enrolled_counts

    @cached_property
    def searches(self) -> dict[str, SearchRates]:
        """Rates of every search of the system by policy, the primary one first; each with its own N."""
        primary, *others = self.point.system.gallery.policies
        found: dict[str, SearchRates] = {primary: SearchRates.of(self.trials, primary, self.point)}
        for policy in others:
            mine = self.further.filter(search_of() == policy) if self.further.width else self.trials.clear()
            found[policy] = SearchRates.of(mine, policy, self.point)
        return found

    def by(self, name: str) -> pl.DataFrame:
        """Break the rates down by a column of the trials (``"group"``, ``"mode"``, ``"port"``).

        Returns
        -------
        polars.DataFrame
            A row a stratum: errors, trials, value (null without trials) and bounds of FNIR, FPIR and
            failure to acquire.

        Raises
        ------
        ResultsError
            For a name that is no column.
        """
        own = self.trials.filter(pl.col("counted") & ~pl.col("designed"))
        if name not in own.columns:
            raise ResultsError(f"breakdown {name!r}", allowed=", ".join(own.columns))
        rows = []
        for (label,), part in own.sort(name).group_by(name, maintain_order=True):
            acquired = part.filter("acquired")
            mated, other = acquired.filter("mated"), acquired.filter(~pl.col("mated"))
            row: dict[str, Any] = {name: "unknown" if label is None else str(label)}
            row |= _columns("fnir", _clustered(mated, "missed"))
            row |= _columns("fpir", _clustered(other, "false_positive"))
            row |= _columns("fta", rate(part.height - acquired.height, part.height))
            rows.append(row)
        return pl.DataFrame(rows, infer_schema_length=None)

    # -- what people are judged by ---------------------------------------------------------------

    @cached_property
    def overstays(self) -> list[Overstays]:
        """A record a date, oldest first."""
        return count_overstays(self.stays)

    @property
    def review_settings(self) -> ReviewSettings:
        """How people review the list: what the judge was told, else the defaults."""
        return ReviewSettings.from_mapping(self.about.get("review", {}), where="the result")

    @cached_property
    def review(self) -> Review | None:
        """The last date's list, worked through by people; None where no stay is listed."""
        return review_stays(self.stays, self.review_settings)

    def to_json(self) -> dict[str, Any]:
        """Give the summary as plain data: what ``evaluate --json`` prints."""
        middle, least, most = self.enrolled
        return {
            "threshold": self.point.face_threshold,
            "enrolled_count": {"median": middle, "least": least, "greatest": most},
            "list_length": self.list_length,
            "fpir": self.fpir.to_json(),
            "fnir": self.fnir.to_json(),
            "system_miss_rate": self.system_miss_rate.to_json(),
            "misses": self.misses,
            "searches": {policy: one.to_json() for policy, one in self.searches.items()},
            "overstays": [one.to_json() for one in self.overstays],
            "review": None if self.review is None else self.review.to_json(),
            "alerts": self.alerts.to_json(),
            "resubstitution": self.point.resubstitution,
            "about": dict(self.about),
        }

    # -- disk ------------------------------------------------------------------------------------

    def write(self, path: str | Path) -> None:
        """Write the result to a folder that is whole or absent."""
        summary = {
            "point": self.point.model_dump(mode="json"),
            "list_length": self.list_length,
            "alerts": self.alerts.to_json(),
            "about": dict(self.about),
            "result": self.to_json(),
        }
        about = {"world_id": self.about["world_id"]}
        asked = question_of(point=summary["point"], **about)
        with storage.new_folder(path, KIND, about, question=asked) as folder:
            for name in FRAMES:
                getattr(self, name).write_parquet(folder / f"{name}.parquet", statistics=False)
            text = json.dumps(summary, indent=1, sort_keys=True, allow_nan=False)
            storage.write_text(folder / SUMMARY, text + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Result:
        """Read what `write` wrote.

        Raises
        ------
        TableError
            When the folder is not whole or holds something else.
        """
        place = Path(path)
        contents = storage.open_folder(place, KIND)
        summary = files.parse_json(storage.read_checked(place, SUMMARY, contents), str(place / SUMMARY))
        frames = {}
        for name in FRAMES:
            file = f"{name}.parquet"
            if name == "further" and file not in contents["files"]:  # results of one search lack it
                continue
            frames[name] = files.parse_parquet(storage.read_checked(place, file, contents), place / file)
        return files.guarded(
            lambda: cls(
                point=OperatingPoint.from_mapping(summary["point"], where=str(place)),
                list_length=summary["list_length"],
                alerts=AlertResult.from_json(summary["alerts"]),
                about=summary["about"],
                **frames,
            ),
            place,
            "a whole folder of biomatch",
        )


def _clustered(part: pl.DataFrame, event: str) -> Rate:
    """Give the rate of a Boolean column, the searches of one subject taken as one cluster."""
    errors, trials = by_subject(part[event].to_numpy(), part["person_id"].to_numpy())
    return clustered_rate(errors, trials)


def _columns(what: str, found: Rate) -> dict[str, Any]:
    return {
        f"{what}_errors": found.numerator,
        f"{what}_trials": found.denominator,
        what: found.value,
        f"{what}_low": found.interval[0],
        f"{what}_high": found.interval[1],
    }
