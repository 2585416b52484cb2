"""The page of a user's own scores: one offline HTML file in the style of the report.

Its one script answers for the reader's own gallery size; all else stands without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.metadata import version

from biomatch.reporting.assembly import figure, paper, part, written_on
from biomatch.reporting.captions import Caption
from biomatch.reporting.figures import clean
from biomatch.reporting.own import pictures, sections
from biomatch.reporting.own.decision import decision
from biomatch.reporting.own.facts import Facts
from biomatch.reporting.tables import Table

DRAWN_AT_MOST = 20_000_000
"""Beyond so many scores no picture is drawn: each would sort them all again."""

CAPTIONS = {
    "det": Caption(
        "Misses against false positives on logarithmic axes; the band is the 95% interval of misses.",
        "Nearer to the lower left is better. The diamond is {at}.",
    ),
    "cmc": Caption(
        "Share of mated searches whose own record stands at each rank or better, without a threshold.",
        "The higher at rank 1, the seldomer a list must be read; where the curve is flat, a longer list "
        "finds nobody more.",
    ),
    "histogram": Caption(
        "Scores of both classes, each in shares of its own.",
        "Where the two overlap no threshold tells them apart. The dashed line is {at}.",
    ),
}
DEFINITIONS = {
    "Threshold T": (
        "A score at or above T is accepted (a distance at or below it); equality accepts. T is the shortest "
        "decimal between the highest refused and the lowest accepted score, so that applying what is printed "
        "gives the counts that are printed."
    ),
    "FMR, FNMR": (
        "False match rate: comparisons of two different people that are accepted, of all such comparisons. "
        "False non-match rate: comparisons of one person that are refused, of all such comparisons (ISO/IEC "
        "19795-1)."
    ),
    "FPIR(N, T), FNIR(N, R, T)": (
        "False positive identification rate: searches for people who are not in the gallery that return "
        "anybody, of all such searches. False negative identification rate: searches for people in it "
        "whose own record is not among the best R at or above T."
    ),
    "FTA": "Failures to acquire, of all captures that were due. A failure is no comparison and no search.",
    "Guarantee": (
        "The true rate is at most the target with the stated one-sided confidence, over samples drawn as "
        "this one was. Where subjects are named on both sides of a comparison, dependence through either "
        "side is heeded; where none are named, every score was taken as its own subject: an assumption."
    ),
    "Intervals": (
        "Two-sided, 95%. A subject's trials are one cluster; with one trial a subject the interval is that "
        "of Clopper and Pearson."
    ),
    "EER, AUC, d', Cllr": (
        "Equal error rate: where FMR and FNMR meet. AUC: chance that a mated score exceeds a non-mated one. "
        "d': distance of the two means over the root mean variance. Cllr: cost in bits of scores read as "
        "natural-log likelihood ratios; its minimum is that of the best monotone map."
    ),
    "INEQ, Gini, MXOG, FDR, GARBE": (
        "How unequal groups fare at one threshold: greatest over least rate; Gini coefficient; greatest over "
        "geometric mean; fairness discrepancy rate; the mean Gini coefficient of both rates."
    ),
}


BRIEF = ("recommendation", "curve", "growth", "claims", "provenance")
"""Sections of the brief, besides the card."""


def page(facts: Facts, *, brief: bool = False) -> str:
    """Write the whole page, or its brief; nothing in it is fetched."""
    title = clean(sections.sentence(facts))
    told, growth = sections.growth(facts)
    parts = [
        _section("recommendation", "Where the guarantee comes from", [
            *_paragraphs(sections.guarantee(facts)), _table(sections.rates_table(facts)),
        ]),
        _section("curve", "Every threshold", _drawn(facts, most=1 if brief else 3)),
        _section("targets", "Rates at the usual targets", [
            _table(sections.targets_table(facts)), _table(sections.figures_table(facts)),
        ]),
        _section("beside", "Side by side", [_table(sections.beside_table(facts))]),
        _section("groups", "Groups", [_table(one) for one in sections.groups_tables(facts)]),
        _section("growth", "Larger galleries", [*_paragraphs(told), _table(growth)]),
        _section("claims", "Claims", [_table(sections.claims_table(facts))]),
        _section("definitions", "Definitions", [_fold("T, FMR, FNMR and the other terms", _definitions())]),
        _section("provenance", "Provenance", [
            _fold("Files, hashes, versions", _table(sections.provenance_table(facts)), opened=brief),
        ]),
    ]  # fmt: skip
    kept = [(name, head, body) for name, head, body in parts if body and (not brief or name in BRIEF)]
    links = "".join(f'<li><a href="#{name}">{escape(head)}</a></li>' for name, head, _ in kept)
    made, card = version("biomatch"), decision(facts)
    return (
        '<!DOCTYPE html>\n<html lang="en" class="scripted">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src '
        "'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="biomatch {escape(made)}">\n<title>{escape(title)}</title>\n'
        f"<style>\n{part('report.css')}{paper('threshold report, own scores')}</style>\n</head>\n"
        f"<body{' class=brief' if brief else ''}>\n"
        '<a class="skip" href="#main">Skip to the report</a>\n<div class="page">\n<header>\n'
        f'<p class="eyebrow"><span class="stamp">{card.stamp}</span> <span>Threshold report</span> '
        f"<span>{written_on()}</span> <span>biomatch {escape(made)}</span></p>\n</header>\n"
        '<nav aria-label="Contents"><details id="contents" open><summary>Contents</summary>'
        f'<ul><li><a href="#decision">Decision</a></li>{links}</ul></details></nav>\n'
        '<main id="main" tabindex="-1">\n'
        f'<section id="decision" aria-label="Decision">{card.to_html()}</section>\n'
        + "\n".join(
            f'<section id="{name}" aria-labelledby="h-{name}">'
            f'<h2 id="h-{name}">{escape(head)}</h2>{body}</section>'
            for name, head, body in kept
        )
        + "\n</main>\n</div>\n"
        # What the reader's own gallery size needs, and nothing else.
        + "<script>\n(function () {\n"
        + "".join(part(name) for name in ("format.js", "contents.js", "card.js"))
        + "})();\n</script>\n</body>\n</html>\n"
    )


def _section(name: str, head: str, parts: Iterable[str]) -> tuple[str, str, str]:
    return name, head, "".join(parts)


def _fold(head: str, body: str, *, opened: bool = False) -> str:
    return (
        f'<details class="fold"{" open" if opened else ""}><summary>{escape(head)}</summary>{body}</details>'
    )


def _paragraphs(texts: Iterable[str]) -> list[str]:
    return [f"<p>{escape(clean(one))}</p>" for one in texts]


def _table(table: Table | None) -> str:
    if table is None or not table.rows:
        return ""
    kind = ' class="stacked"' if table.stacked else ""
    return f'<div class="table"><div class="scroll"><table{kind}>{table.to_html()}</table></div></div>'


def _definitions() -> str:
    rows = "".join(f"<dt>{escape(term)}</dt><dd>{escape(said)}</dd>" for term, said in DEFINITIONS.items())
    return f"<dl>{rows}</dl>"


def _drawn(facts: Facts, most: int = 3) -> Iterable[str]:
    """Draw the pictures that the scores can fill, as vector graphics inside the page."""
    import vl_convert

    curve = facts.curve
    if max(curve.mated_scores.size, curve.non_mated_scores.size) > DRAWN_AT_MOST:
        yield f"<p>No picture is drawn beyond {DRAWN_AT_MOST:,} scores.</p>"
        return
    others = {path.name: one for path, one in facts.others}
    for kind, caption in list(CAPTIONS.items())[:most]:
        if kind == "cmc" and not facts.of_searches:
            continue
        chart = pictures.picture(curve, kind, at=facts.threshold, others=others)
        drawn = vl_convert.vegalite_to_svg(chart.to_dict())
        shown = " Thin lines are the other scores." if others and kind == "det" else ""
        yield figure(
            f'<div class="canvas" role="img" aria-label="{escape(caption.shows)}">{drawn}</div>',
            caption.to_html(shown=shown, at="the recommended threshold"),
        )
