"""Claims such as ``fnir<=0.01@fpir=0.001``: met, not met or not shown, by intervals and not by points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from biomatch import checks, decimals
from biomatch.curves.protocol import Rates
from biomatch.errors import ResultsError, SettingsError
from biomatch.rates import Rate
from biomatch.tuning.curve_guarantee import guarantee_for

MET, NOT_MET, NOT_SHOWN = "met", "not met", "not shown"

FALSE_POSITIVE = {"fpir": "searches", "fmr": "comparisons"}
MISS = {"fnir": "searches", "fnmr": "comparisons"}
_FORM = re.compile(
    r"(?P<measure>fnir|fnmr|fpir|fmr)(\((?P<rank>1|l)\))?(?P<sign><=|<)(?P<limit>[^@<>=]+)"
    r"(@(?P<given>fpir|fmr|threshold)=(?P<value>[^@<>=]+))?"
)


@dataclass(frozen=True)
class Claim:
    """A limit of one rate, at a threshold or where another rate is held.

    Attributes
    ----------
    text : str
        As it was written.
    measure : str
        ``fnir``, ``fnmr``, ``fpir`` or ``fmr``.
    limit : float
        The rate is at most this.
    given : str or None
        ``fpir`` or ``fmr`` (held at `value`), ``threshold``, or None (a false-positive rate that some
        threshold must hold).
    value : float or None
        Of `given`.
    rank : str or None
        ``1`` or ``l`` (list length) for FNIR(N, R, T); None: unlimited.
    source : str
        Who asks for it.
    """

    text: str
    measure: str
    limit: float
    given: str | None
    value: float | None
    rank: str | None = None
    source: str = ""

    @property
    def of_searches(self) -> bool:
        """Whether the claim is about 1:N searches."""
        return self.measure in ("fnir", "fpir")


@dataclass(frozen=True)
class Verdict:
    """What the data say about a claim."""

    claim: Claim
    verdict: str
    threshold: float | None
    rate: Rate | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "claim": self.claim.text,
            "source": self.claim.source,
            "verdict": self.verdict,
            "threshold": self.threshold,
            "rate": None if self.rate is None else self.rate.to_json(),
            "reason": self.reason,
        }


SETS: dict[str, tuple[tuple[str, str], ...]] = {
    # Commission Implementing Decision (EU) 2019/329, Annex 1.2, as summarised by Biometric Update (2019).
    "ees": (
        ("fnmr<0.01@fmr=0.0005", "EES, face verification: FNMR < 1% at FMR 0.05% (EU 2019/329)"),
        ("fnir<0.01@fpir=0.001", "EES, face and fingerprint identification: FNIR < 1% at FPIR 0.1%"),
    ),
    # Text of the publication, usnistgov/800-63-4: _sp800-63a/3_ialgen.md, _sp800-63b/3_authenticators.md.
    "sp800-63-4": (
        (
            "fpir<=0.001",
            "NIST SP 800-63A-4, 3.1.11, requirement 9: 1:N FPIR at most 1 in 1,000, for each demographic "
            "group, with a gallery of at least 90% of the operational size",
        ),
        ("fmr<=0.0001", "NIST SP 800-63A-4, 3.1.11, requirement 8: 1:1 FMR of 1 in 10,000 or better"),
        (
            "fnmr<=0.01@fmr=0.0001",
            "NIST SP 800-63A-4, 3.1.11, requirement 8: 1:1 FNMR of 1 in 100 or better, at that FMR",
        ),
        (
            "fnmr<0.05@fmr=0.0001",
            "NIST SP 800-63B-4, 3.2.3: FMR of 1 in 10,000 or better, FNMR below 5 % (should)",
        ),
    ),
}  # fmt: skip


def parse(text: str, *, source: str = "") -> Claim:
    """Read a claim.

    Examples
    --------
    >>> parse("FNIR <= 0.01 @ FPIR = 0.001").value
    0.001
    >>> parse("fnir(1)<1%@threshold=0.4").limit
    0.01
    """
    found = _FORM.fullmatch(re.sub(r"\s+", "", text).lower())
    allowed = (
        "MISS<=LIMIT@FALSE_POSITIVE=VALUE, as fnir<=0.01@fpir=0.001; fnmr<=0.02@threshold=0.4; fpir<=0.001"
    )
    if not found:
        raise SettingsError(f"claim {text!r}", allowed=f"{allowed}; or a set: {', '.join(SETS)}")
    measure, given, rank = found["measure"], found["given"], found["rank"]
    limit = _share(found["limit"], text)
    value = None
    if given == "threshold":
        value = checks.real(found["value"].strip(), f"claim {text!r}: threshold", error=SettingsError)
    elif given is not None:
        value = _share(found["value"], text)
    pairs = {("fnir", "fpir"), ("fnmr", "fmr"), ("fpir", None), ("fmr", None)}
    if given != "threshold" and (measure, given) not in pairs:
        raise SettingsError(
            f"claim {text!r}",
            allowed=allowed,
            remedy="a miss rate needs the false-positive rate it is held at",
        )
    if rank is not None and measure != "fnir":
        raise SettingsError(f"claim {text!r}", allowed="a rank only for fnir")
    return Claim(text, measure, limit, given, value, rank, source)


def claims_of(text: str) -> list[Claim]:
    """Give the claims of a built-in set, or the one claim that `text` writes out."""
    if text.lower() in SETS:
        return [parse(claim, source=source) for claim, source in SETS[text.lower()]]
    return [parse(text)]


def judge(claim: Claim, curve: Rates, *, confidence: float = 0.95, cap: int | None = None) -> Verdict:
    """Judge one claim.

    Parameters
    ----------
    claim : Claim
        About searches for an identification curve, about comparisons for a verification curve.
    curve : IdentificationCurve, VerificationCurve or StreamedComparisons
        The evidence.
    confidence : float
        One-sided confidence of each bound; *met* rests on two bounds where a false-positive rate is held.
    cap : int, optional
        See `biomatch.tuning.guarantee.guarantee`.

    Returns
    -------
    Verdict
        *met*: the upper bound is within the limit, at a threshold that holds the other rate with the same
        confidence. *not met*: the lower bound is beyond the limit even at the realised threshold.
        *not shown*: anything else; more data may show either.
    """
    if claim.of_searches != (curve.searches is not None):
        kind = "searches" if claim.of_searches else "comparisons"
        raise ResultsError(f"claim {claim.text!r} is about {kind}", remedy=f"give {kind}")
    two_sided = 2.0 * checks.confidence(confidence, one_sided=True, error=SettingsError) - 1.0
    if claim.given == "threshold":
        rate = _rate(claim, curve, float(claim.value or 0.0), two_sided)
        return _by_interval(claim, rate, float(claim.value or 0.0), confidence)
    return _held(claim, curve, confidence, two_sided, cap)


def _held(claim: Claim, curve: Rates, confidence: float, two_sided: float, cap: int | None) -> Verdict:
    target = claim.limit if claim.given is None else float(claim.value or 0.0)
    try:
        found = guarantee_for(curve, target, confidence, cap)
    except ResultsError as fault:
        return Verdict(claim, NOT_SHOWN, None, None, str(fault))
    if claim.given is None:
        return Verdict(claim, MET, found.threshold, found.realised, str(found))
    at_bound = _by_interval(
        claim, _rate(claim, curve, found.threshold, two_sided), found.threshold, confidence
    )
    if at_bound.verdict == MET:
        return at_bound
    realised = curve.threshold_for(target)
    at_realised = _by_interval(claim, _rate(claim, curve, realised, two_sided), realised, confidence)
    if at_realised.verdict == NOT_MET:
        return at_realised
    return Verdict(claim, NOT_SHOWN, found.threshold, at_bound.rate, at_bound.reason)


def _rate(claim: Claim, curve: Rates, threshold: float, two_sided: float) -> Rate:
    if claim.measure in ("fpir", "fmr"):
        return curve.false_rate(threshold, two_sided)
    if curve.searches is None:
        return curve.miss_rate(threshold, two_sided)
    rank = None if claim.rank is None else 1 if claim.rank == "1" else curve.searches.list_length
    return curve.searches.fnir(threshold, rank, two_sided)


def _by_interval(claim: Claim, rate: Rate, threshold: float, confidence: float) -> Verdict:
    if rate.value is None:
        return Verdict(claim, NOT_SHOWN, threshold, rate, "there was no trial")
    low, high = rate.interval
    verdict = MET if high <= claim.limit else NOT_MET if low > claim.limit else NOT_SHOWN
    reason = (
        f"{claim.measure.upper()} {rate.numerator:,} of {rate.denominator:,} = {rate.value:.4g} at threshold "
        f"{decimals.text(threshold)}, one-sided {confidence:.0%} bounds {low:.3g} and {high:.3g}, "
        f"limit {claim.limit:g}"
    )
    return Verdict(claim, verdict, threshold, rate, reason)


def _share(text: str, claim: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise SettingsError(
            f"claim {claim!r}: {text!r}", allowed="a share from 0 to 1, or a percentage as 0.1%"
        )
    return value
