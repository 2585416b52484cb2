"""The decision card as a model and as HTML: every figure on it stands at the tuned threshold."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isfinite

from biomatch.reporting.figures import Ratio, clean, count, percent
from biomatch.tuning.growth.methods import grow

VERDICTS = ("met", "not met", "not shown")


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, what the data say about it, and why.

    Attributes
    ----------
    text : str
        What is claimed.
    verdict : str
        ``"met"``, ``"not met"`` or ``"not shown"``.
    why : str
        The figures behind the verdict.
    """

    text: str
    verdict: str
    why: str


@dataclass(frozen=True, slots=True)
class Grown:
    """An upper bound of FPIR that a reader carries to a gallery of their own.

    Attributes
    ----------
    bound : float
        Upper bound of FPIR at `tested` references, in [0, 1].
    tested : int
        N of the bound; 1 for a bound of FMR.
    size : int
        N that the field begins with.
    source : str
        What the bound is.
    """

    bound: float
    tested: int
    size: int
    source: str

    def at(self, size: int) -> float:
        """Give the bound at a gallery: never below that of the tested one, which shrinking cannot show."""
        return grow(self.bound, max(1.0, size / self.tested))


@dataclass(frozen=True, slots=True)
class Worst:
    """The group whose rate is most above that of all others.

    Attributes
    ----------
    group : str
        Its name.
    rate : str
        Name of the rate.
    ratio, low, high : float or None
        Its rate over that of all other groups, infinite where those made no error; `high` None where there
        is no upper limit.
    own, others : Ratio
        Both rates.
    compared : int
        Comparisons among which it was picked; the interval is corrected for them.
    against : str
        Whose rate `others` is.
    """

    group: str
    rate: str
    ratio: float
    low: float
    high: float | None
    own: Ratio
    others: Ratio
    compared: int
    against: str = "all others"


@dataclass(frozen=True)
class Decision:
    """Everything that the card says.

    Attributes
    ----------
    headline, promise : str
        The recommendation with N in it; its guarantee in plain words.
    threshold : str
        Every digit that decides.
    where : str
        N and L.
    rates : tuple of (str, Ratio)
        The measured error rates.
    day : tuple of (str, str, str)
        What a mean day brings: what, how many, and the counts behind it.
    day_head : str
        Where and over how long.
    grown : Grown or None
        For the reader's own gallery.
    worst : Worst or str
        The worst-off group, or why none is named.
    lists : tuple of (str, int, int, int)
        Lists of overstays: by what, leads, false leads, hidden.
    lists_note : str
        What they are, or why there are none.
    claims : tuple of Claim
        With their verdicts.
    closer : str
        Which scores are accepted: ``"at or above"`` T, or below.
    stamp : str
        ``"Synthetic data"``, or what else the data are.
    """

    headline: str
    promise: str
    threshold: str
    where: str
    rates: tuple[tuple[str, Ratio], ...]
    day: tuple[tuple[str, str, str], ...] = ()
    day_head: str = "A mean day"
    grown: Grown | None = None
    worst: Worst | str = ""
    lists: tuple[tuple[str, int, int, int], ...] = ()
    lists_note: str = ""
    claims: tuple[Claim, ...] = ()
    closer: str = "at or above"
    stamp: str = "Synthetic data"

    def to_html(self, number: int = 0, *, level: int = 1, hidden: bool = False) -> str:
        """Write the card; `number` tells the cards of several results apart, `level` is its heading's."""
        head = f"h{level}"
        cells = [
            _cell("Threshold", _threshold(self)),
            _cell(self.day_head, _day(self)) if self.day else "",
            _cell("At your gallery", _grown(self.grown, number)) if self.grown else "",
            _cell("Overstays listed", _lists(self)) if self.lists or self.lists_note else "",
            _cell("Worst-off group", _worst(self.worst)) if self.worst else "",
            _cell("Claims", _claims(self.claims), "claims") if self.claims else "",
        ]
        away = " hidden" if hidden else ""
        return (
            f'<div class="card" data-card="{number}"{away}>'
            f'<{head} class="headline">{_text(self.headline)}</{head}>'
            f'<p class="promise">{_text(self.promise)}</p><div class="cells">{"".join(cells)}</div></div>'
        )


def _text(text: object) -> str:
    return escape(clean(text))


def _cell(head: str, body: str, kind: str = "") -> str:
    kinds = f"cell {kind}".strip()
    return f'<div class="{kinds}"><h2 class="label">{_text(head)}</h2>{body}</div>'


def _threshold(found: Decision) -> str:
    rates = "".join(f"<dt>{_text(name)}</dt><dd>{_rate(ratio)}</dd>" for name, ratio in found.rates)
    return (
        f'<p class="big">T = <strong>{_text(found.threshold)}</strong></p>'
        f'<p class="small">A score {found.closer} T is accepted; every digit counts. {_text(found.where)}</p>'
        f'<dl class="pairs">{rates}</dl>'
    )


def _rate(ratio: Ratio) -> str:
    value, counts, interval = ratio.parts()
    if not counts:
        return f'<span class="none">{value}</span>'
    return f'<strong>{value}</strong> <span class="small">{counts}; {interval}</span>'


def _day(found: Decision) -> str:
    rows = "".join(
        f"<dt>{_text(what)}</dt><dd><strong>{_text(number)}</strong> "
        f'<span class="small">{_text(behind)}</span></dd>'
        for what, number, behind in found.day
    )
    return f'<dl class="pairs day">{rows}</dl>'


def _grown(found: Grown, number: int) -> str:
    name = f"own-gallery-{number}"
    return (
        f'<p class="ask"><label for="{name}">Gallery size N</label> '
        f'<input type="number" id="{name}" min="1" step="1" inputmode="numeric" autocomplete="off" '
        f'value="{found.size}" data-bound="{found.bound!r}" data-tested="{found.tested}"></p>'
        f'<p class="big">FPIR at most <output for="{name}">{percent(found.at(found.size))}</output></p>'
        f'<p class="small">{_text(found.source)}; grown as if every reference were a new chance of a false '
        "match, which is never too low.</p>"
    )


def _lists(found: Decision) -> str:
    note = f'<p class="small">{_text(found.lists_note)}</p>' if found.lists_note else ""
    if not found.lists:
        return note
    rows = "".join(
        f'<tr><th scope="row">{_text(by)}</th><td>{count(leads)}</td><td>{count(false)}</td>'
        f"<td>{count(hidden)}</td></tr>"
        for by, leads, false, hidden in found.lists
    )
    return (
        '<table class="mini"><thead><tr><th scope="col">List</th><th scope="col">Leads</th>'
        '<th scope="col">False</th><th scope="col">Hidden</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{note}"
    )


def _worst(found: Worst | str) -> str:
    if isinstance(found, str):
        return f'<p class="small">{_text(found)}</p>'
    high = "no upper limit" if found.high is None else f"{found.high:.3g}"
    # Where the others made no error there is no ratio, only its lower bound.
    times = f"{found.ratio:.3g}" if isfinite(found.ratio) else f"at least {found.low:.2g}"
    return (
        f'<p class="big">{_text(found.group)}: <strong>{times} times</strong></p>'
        f'<p class="small">its {_text(found.rate)} over that of {found.against} ({found.low:.2g} to {high} '
        f"times; 95%, corrected for {count(found.compared)} comparisons): "
        f"{_text(found.own)} against {_text(found.others)}</p>"
    )


def _claims(claims: tuple[Claim, ...]) -> str:
    rows = "".join(
        f'<li><span class="verdict {one.verdict.replace(" ", "-")}">{one.verdict}</span> '
        f'<span>{_text(one.text)} <span class="small">{_text(one.why)}</span></span></li>'
        for one in claims
    )
    return f"<ul>{rows}</ul>"
