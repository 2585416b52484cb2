"""What was caught, missed and stopped for nothing: the counts of alerts by kind, and their JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from biomatch.evaluation.alerts.precision import Precision
from biomatch.rates import Rate

JOINT = "all"
"""Name of the row that counts all kinds of alerts together."""
GROUPS = "false_alarms_by_group"
EVENTS = "caught_by_kind_of_event"
"""Key of all kinds together: kind of event to caught by any alert, and events."""
AT_PREVALENCE = "precision_at_prevalence"
FRAUD = "fraud_caught"
"""Key of all kinds together: catches without the events of the watchlist."""


@dataclass(frozen=True)
class KindCounts:
    """What one kind of alert caught, missed and stopped for nothing.

    Attributes
    ----------
    kind : str
        Kind of alert, or ``"all"``.
    threshold : float or None
        Score from which it alarms, but for where the point has a threshold by port or mode; None for
        all kinds together.
    alerts : int
        Raised alerts.
    affected_alerts : int
        Raised alerts that touch no event and are entangled with one (`Scene.affected`).
    catch_rate : Rate
        Events of the kind that it is made for (all kinds: of any kind) that any raised alert touches / all
        of them, in [0, 1], events that share an actor or a document taken as a cluster; no value where
        there was none.
    own_catch_rate : Rate
        Those that an alert of this kind touches / all of them.
    precision : Rate
        True alerts / true and false ones, in [0, 1], at this world's prevalence; no value without.
    false_alarms : Rate
        Honest encounters with a false alarm of this kind / counted encounters at which nothing was
        subverted, in [0, 1], a traveller's encounters taken as a cluster.
    causes : mapping of str to int
        False alarms by cause.
    groups : mapping of str to Rate
        ``false_alarms`` of each group of travellers (`Truth.people`); of all kinds together only.
    """

    kind: str
    threshold: float | None
    alerts: int
    affected_alerts: int
    catch_rate: Rate
    own_catch_rate: Rate
    precision: Rate
    false_alarms: Rate
    causes: Mapping[str, int]
    groups: Mapping[str, Rate] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """Events of the kind that it is made for; all kinds: of any kind."""
        return self.catch_rate.denominator

    @property
    def caught(self) -> int:
        """Events that any raised alert touches."""
        return self.catch_rate.numerator

    @property
    def caught_by_kind(self) -> int:
        """Events that an alert of this kind touches."""
        return self.own_catch_rate.numerator

    @property
    def missed(self) -> int:
        """Events that no alert touches."""
        return self.events - self.caught

    @property
    def true_alerts(self) -> int:
        """Raised alerts that touch an event."""
        return self.precision.numerator

    @property
    def false_alerts(self) -> int:
        """Raised alerts that neither touch an event nor are entangled with one."""
        return self.precision.denominator - self.precision.numerator

    @property
    def false_encounters(self) -> int:
        """Honest encounters with a false alarm of this kind."""
        return self.false_alarms.numerator

    @property
    def honest_encounters(self) -> int:
        """Counted encounters at which nothing was subverted: the denominator of false alarms."""
        return self.false_alarms.denominator

    def to_json(self) -> dict[str, Any]:
        """Give counts and rates as plain data."""
        stopped = self.false_alarms.value
        return {
            "threshold": self.threshold,
            "events": self.events,
            "missed": self.missed,
            "caught": self.catch_rate.to_json(),
            "caught_by_this_kind": self.own_catch_rate.to_json(),
            "alerts": self.alerts,
            "true": self.precision.to_json(),
            "entangled": self.affected_alerts,
            "false_alarms": self.false_alarms.to_json(),
            "false_alarms_per_million": None if stopped is None else round(1e6 * stopped, 3),
            "causes": dict(self.causes),
        } | ({GROUPS: {name: one.to_json() for name, one in self.groups.items()}} if self.groups else {})

    @classmethod
    def from_json(cls, kind: str, given: Mapping[str, Any]) -> Self:
        """Take the counts from the form that `to_json` gives."""
        threshold = given["threshold"]
        return cls(
            kind=kind,
            threshold=None if threshold is None else float(threshold),
            alerts=int(given["alerts"]),
            affected_alerts=int(given["entangled"]),
            catch_rate=Rate.from_json(given["caught"]),
            own_catch_rate=Rate.from_json(given["caught_by_this_kind"]),
            precision=Rate.from_json(given["true"]),
            false_alarms=Rate.from_json(given["false_alarms"]),
            causes={str(cause): int(number) for cause, number in given["causes"].items()},
            groups={str(name): Rate.from_json(one) for name, one in given.get(GROUPS, {}).items()},
        )


@dataclass(frozen=True)
class AlertCounts:
    """Counts of all kinds, and of everything together.

    Attributes
    ----------
    kinds : mapping of str to KindCounts
        By kind of alert, in the order of `alert_kinds`.
    together : KindCounts
        All kinds together.
    event_kinds : mapping of str to (int, int)
        Caught by any alert, and events, by kind of event.
    fraud_caught : Rate
        Events caught / events, without those of the watchlist: who is wanted defrauds nobody by crossing.
    precision : Precision
        How often an alert is right at `PER_MILLION` frauds of a million encounters.
    each : tuple of Rate, or None
        `fraud_caught` and the false alarms of all kinds with the confidence `box_confidence`, of which a
        precision at a prevalence is made; None once it was on disk.
    """

    kinds: Mapping[str, KindCounts]
    together: KindCounts
    event_kinds: Mapping[str, tuple[int, int]]
    fraud_caught: Rate
    precision: Precision
    each: tuple[Rate, Rate] | None = field(default=None, compare=False)

    def __getitem__(self, kind: str) -> KindCounts:
        """Give the counts of a kind of alert; ``"all"``: of all kinds together."""
        return self.together if kind == JOINT else self.kinds[kind]

    def __iter__(self) -> Iterator[KindCounts]:
        """Go through the kinds of alert, then all of them together."""
        yield from self.kinds.values()
        yield self.together

    def to_json(self) -> dict[str, Any]:
        """Give the counts as plain data, by kind of alert; all kinds together also by kind of event."""
        return {
            **{kind: counts.to_json() for kind, counts in self.kinds.items()},
            JOINT: self.together.to_json()
            | {
                FRAUD: self.fraud_caught.to_json(),
                AT_PREVALENCE: self.precision.to_json(),
                EVENTS: {kind: list(pair) for kind, pair in sorted(self.event_kinds.items())},
            },
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Take the counts from the form that `to_json` gives."""
        together = given[JOINT]
        return cls(
            kinds={kind: KindCounts.from_json(kind, one) for kind, one in given.items() if kind != JOINT},
            together=KindCounts.from_json(JOINT, together),
            event_kinds={
                str(kind): (int(caught), int(events)) for kind, (caught, events) in together[EVENTS].items()
            },
            fraud_caught=Rate.from_json(together[FRAUD]),
            precision=Precision.from_json(together[AT_PREVALENCE]),
        )
