"""What a result says of alerts, typed: counts, explained alerts, impostors tried, calibration of the ratios.

The only place where their JSON is written and read. On disk the parts stand beside the kinds of alert, in
one object (`EXPLAINED`, `ADVERSARY`, `CALIBRATION`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from biomatch.evaluation.alerts.counts import AlertCounts, KindCounts
from biomatch.rates import Rate

EXPLAINED, ADVERSARY, CALIBRATION = "explained", "adversary", "calibration"


@dataclass(frozen=True)
class Evidence:
    """What one piece of evidence adds to the log-odds of fraud.

    Attributes
    ----------
    evidence : str
        In words.
    nats : float
        Its part of the fused log-likelihood ratio.
    """

    evidence: str
    nats: float


@dataclass(frozen=True)
class ExplainedAlert:
    """One alert, from the odds of fraud before any evidence to those after all of it; in nats.

    Attributes
    ----------
    kind : str
        Kind of alert.
    caught : bool
        Whether it touches an event; else it is a false alarm.
    truth : str
        Kind of event, or cause of the false alarm.
    encounter_id : int
        Where it arose.
    ratio : float
        Fused log-likelihood ratio: the sum of `parts`.
    per_million : float
        Frauds of a million encounters before any evidence.
    prior, posterior : float
        The log-odds of `per_million`, and those plus `ratio`.
    parts : tuple of Evidence
        Those of zero left out.
    """

    kind: str
    caught: bool
    truth: str
    encounter_id: int
    ratio: float
    per_million: float
    prior: float
    parts: tuple[Evidence, ...]
    posterior: float

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {**asdict(self), "parts": [asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Take it from the form that `to_json` gives."""
        return cls(
            kind=str(given["kind"]),
            caught=bool(given["caught"]),
            truth=str(given["truth"]),
            encounter_id=int(given["encounter_id"]),
            ratio=float(given["ratio"]),
            per_million=float(given["per_million"]),
            prior=float(given["prior"]),
            parts=tuple(Evidence(str(part["evidence"]), float(part["nats"])) for part in given["parts"]),
            posterior=float(given["posterior"]),
        )


@dataclass(frozen=True)
class DonorPool:
    """Impostors caught who pick the best donor of so many passports.

    Attributes
    ----------
    size : int
        Passports to pick from.
    own_photo, score_known : Rate or None
        Caught / tried with an acquired face, of those who go by their own photo and of those who know every
        score; travellers who are lent one person's passport taken as a cluster. None where no pool is so
        large.
    expected : float or None
        The face model's figure for `score_known`, in [0, 1].
    """

    size: int
    own_photo: Rate | None
    score_known: Rate | None
    expected: float | None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "size": self.size,
            "own_photo": None if self.own_photo is None else self.own_photo.to_json(),
            "score_known": None if self.score_known is None else self.score_known.to_json(),
            "expected": self.expected,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Take it from the form that `to_json` gives."""
        own, known, expected = (given[name] for name in ("own_photo", "score_known", "expected"))
        return cls(
            size=int(given["size"]),
            own_photo=None if own is None else Rate.from_json(own),
            score_known=None if known is None else Rate.from_json(known),
            expected=None if expected is None else float(expected),
        )


@dataclass(frozen=True)
class DonorCatch:
    """Impostors caught with the passport of one sort of donor.

    Attributes
    ----------
    donor : str
        ``"stranger"``, ``"relative"`` or ``"twin"``.
    caught : Rate
        Caught / tried, in [0, 1].
    size : int or None
        Strangers whose passports they picked from.
    """

    donor: str
    caught: Rate
    size: int | None = None


@dataclass(frozen=True)
class AdversaryResult:
    """Impostors who are caught by their face against the photo, by the size of their pool of donors.

    Attributes
    ----------
    kind : str
        Kind of alert.
    absent : str
        Why nothing follows; empty where something does.
    scoring : str
        How the system scores alerts.
    threshold : float or None
        Score from which it alarms; None where it depends on port or mode.
    impostors : int
        Travellers tried.
    profile : str or None
        Whose law the figures of `DonorPool.expected` are.
    pools : tuple of DonorPool
        By size.
    kin : tuple of DonorCatch
        With the passport of a relative, and with a twin's.
    happened : tuple of DonorCatch
        The world's own impostors with a captured face, caught by an alert of this kind.
    """

    kind: str
    absent: str = ""
    scoring: str = ""
    threshold: float | None = None
    impostors: int = 0
    profile: str | None = None
    pools: tuple[DonorPool, ...] = ()
    kin: tuple[DonorCatch, ...] = ()
    happened: tuple[DonorCatch, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        if self.absent:
            return {"kind": self.kind, "absent": self.absent}
        return {
            "kind": self.kind,
            "absent": self.absent,
            "scoring": self.scoring,
            "threshold": self.threshold,
            "impostors": self.impostors,
            "profile": self.profile,
            "pools": [pool.to_json() for pool in self.pools],
            "kin": [{"donor": one.donor, "caught": one.caught.to_json()} for one in self.kin],
            "happened": [
                {"donor": one.donor, "size": one.size, "caught": one.caught.to_json()}
                for one in self.happened
            ],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Take it from the form that `to_json` gives."""
        if given["absent"]:
            return cls(str(given["kind"]), str(given["absent"]))
        threshold, profile = given["threshold"], given["profile"]
        return cls(
            kind=str(given["kind"]),
            scoring=str(given["scoring"]),
            threshold=None if threshold is None else float(threshold),
            impostors=int(given["impostors"]),
            profile=None if profile is None else str(profile),
            pools=tuple(DonorPool.from_json(one) for one in given["pools"]),
            kin=tuple(_donor_catch(one) for one in given["kin"]),
            happened=tuple(_donor_catch(one) for one in given["happened"]),
        )


def _donor_catch(given: Mapping[str, Any]) -> DonorCatch:
    size = given.get("size")
    return DonorCatch(
        str(given["donor"]), Rate.from_json(given["caught"]), None if size is None else int(size)
    )


@dataclass(frozen=True)
class ReliabilityBin:
    """Stated against realised log odds of one bin of ratios, in nats; None where a side is missing.

    Attributes
    ----------
    stated, realised : float or None
        Mean ratio, and the log odds that events and others of the bin had, at even prior odds.
    low, high : float or None
        Bounds of `realised` at 95%.
    events, others : int
        Cases in the bin.
    """

    stated: float | None
    realised: float | None
    low: float | None
    high: float | None
    events: int
    others: int


@dataclass(frozen=True)
class ModelCalibration:
    """Whether the log-likelihood ratios of one model are calibrated in a world.

    Attributes
    ----------
    model : str
        ``"photo"``, ``"entry"`` or ``"fusion"``.
    says : str
        What is compared, in words.
    events, others : int
        Cases.
    cllr, minimum : float or None
        In bits; None where there were too few cases.
    verdict : str
        See `biomatch.evaluation.alerts.calibration.verdict_of`.
    bins : tuple of ReliabilityBin
        Of equally many events.
    """

    model: str
    says: str
    events: int
    others: int
    cllr: float | None
    minimum: float | None
    verdict: str
    bins: tuple[ReliabilityBin, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {**asdict(self), "bins": [asdict(one) for one in self.bins]}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Take it from the form that `to_json` gives."""
        return cls(
            model=str(given["model"]),
            says=str(given["says"]),
            events=int(given["events"]),
            others=int(given["others"]),
            cllr=_number(given["cllr"]),
            minimum=_number(given["minimum"]),
            verdict=str(given["verdict"]),
            bins=tuple(
                ReliabilityBin(
                    stated=_number(one["stated"]),
                    realised=_number(one["realised"]),
                    low=_number(one["low"]),
                    high=_number(one["high"]),
                    events=int(one["events"]),
                    others=int(one["others"]),
                )
                for one in given["bins"]
            ),
        )


def _number(given: Any) -> float | None:
    return None if given is None else float(given)


@dataclass(frozen=True)
class AlertResult:
    """What became of alerts in a judged run.

    Attributes
    ----------
    counts : AlertCounts
        By kind of alert, of all kinds together and by kind of event.
    explained : tuple of ExplainedAlert
        At most two: the caught fraud and the false alarm with the highest fused ratio.
    adversary : AdversaryResult or None
        Impostors who pick the best donor; None where they were not tried.
    calibration : tuple of ModelCalibration, or None
        The shipped models held to the truth; None where they were not.
    """

    counts: AlertCounts
    explained: tuple[ExplainedAlert, ...] = ()
    adversary: AdversaryResult | None = None
    calibration: tuple[ModelCalibration, ...] | None = None

    def __getitem__(self, kind: str) -> KindCounts:
        """Give the counts of a kind of alert; ``"all"``: of all kinds together."""
        return self.counts[kind]

    def explained_alert(self, *, caught: bool) -> ExplainedAlert | None:
        """Give the explained alert of a caught fraud, or the false alarm; None where there is none."""
        return next((one for one in self.explained if one.caught is caught), None)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data: the kinds of alert, and the other parts beside them."""
        found = self.counts.to_json()
        if self.explained:
            found[EXPLAINED] = [one.to_json() for one in self.explained]
        if self.adversary is not None:
            found[ADVERSARY] = [self.adversary.to_json()]
        if self.calibration is not None:
            found[CALIBRATION] = [one.to_json() for one in self.calibration]
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Take it from the form that `to_json` gives.

        Raises
        ------
        ResultsError, KeyError, TypeError, ValueError, AttributeError
            For anything else.
        """
        parts = {EXPLAINED, ADVERSARY, CALIBRATION}
        kinds = {kind: counts for kind, counts in given.items() if kind not in parts}
        tried, judged = given.get(ADVERSARY), given.get(CALIBRATION)
        return cls(
            counts=AlertCounts.from_json(kinds),
            explained=tuple(ExplainedAlert.from_json(one) for one in given.get(EXPLAINED, ())),
            adversary=None if tried is None else AdversaryResult.from_json(tried[0]),
            calibration=None if judged is None else tuple(map(ModelCalibration.from_json, judged)),
        )
