"""The tables of the fraud study, a function each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from fraud_worlds import CONTROLS, LIMITS, Graded, graded, merged, scenario, threshold_at
from scipy.stats import norm, ttest_1samp

from biomatch.curves.clustered_rates import by_subject
from biomatch.evaluation.alerts.causes import causes_of
from biomatch.evaluation.alerts.curves import AlertCurve
from biomatch.evaluation.alerts.events import Scene, touches
from biomatch.evaluation.llr_calibration import calibration, reliability
from biomatch.fraud.basis import PIECES
from biomatch.fraud.fusion import weigh
from biomatch.models import load
from biomatch.policy import accept
from biomatch.rates import clustered_rate, rate
from biomatch.settings.scenario import KINDS
from biomatch.training import fusion as training
from biomatch.tuning.alerts.estimates import combined, estimate


def table(title: str, head: list[str], rows: list[list[object]], note: str = "") -> str:
    """A Markdown table."""
    lines = [f"## {title}", "", *([note, ""] if note else []), "| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]  # fmt: skip
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def controls(
    rich: list[dict[str, AlertCurve]], clean: dict[str, AlertCurve], tuned: dict[str, AlertCurve]
) -> str:
    """Catch rates of everything beside its controls, at equal stops, paired over seeds."""
    rows: list[list[object]] = []
    for limit in LIMITS:
        shares: dict[str, list[float]] = {}
        for name in CONTROLS:
            threshold = threshold_at(tuned[name], limit)
            caught = [int(one[name].at(threshold)[0]) for one in rich]
            events = [one[name].events for one in rich]
            shares[name] = [c / e for c, e in zip(caught, events, strict=True)]
            stops = clean[name].false_alarm_rate(threshold)
            both = merged([one[name] for one in rich]).catch_rate(threshold)
            rows.append([f"{limit:,}", name, both, f"{1e6 * (stops.value or 0):,.0f}"])
        fused = shares["everything, fused"]
        singles = [n for n in CONTROLS if n.startswith(("best", "face"))]
        best = max(singles, key=lambda n: float(np.mean(shares[n])))
        gain = np.array(fused) - np.array(shares[best])
        test = ttest_1samp(gain, 0.0).confidence_interval(0.95)
        rows.append([
            f"{limit:,}", f"fused minus {best}, paired over {len(gain)} seeds",
            f"{gain.mean():+.3f} ({test.low:+.3f} to {test.high:+.3f})", "",
        ])  # fmt: skip
    return table(
        "Everything beside its controls, at equal stops",
        [
            "stops per million asked",
            "detector",
            "events caught, all kinds",
            "stops per million on graded worlds",
        ],
        rows,
        "Thresholds from tuning worlds; catches and stops from graded worlds.",
    )


def by_kind(rich: list[dict[str, AlertCurve]], tuned: dict[str, AlertCurve], worlds: list[Graded]) -> str:
    """Catch rate of each kind of event at equal stops."""
    rows: list[list[object]] = []
    names = ["no face (documents alone)", "face 1:1 alone", "everything but 1:N, fused", "everything, fused"]
    for kind in KINDS:
        row: list[object] = [kind]
        for name in names:
            curve = merged([one[name].of(kind) for one in rich])
            row.append(curve.catch_rate(threshold_at(tuned[name], 1_000)))
        rows.append(row)
    fused = "everything, fused"
    missed = faceless = 0
    for one, world in zip(rich, worlds, strict=True):
        of = one[fused].of(*EXITS)
        miss = ~accept(of.event_scores, threshold_at(tuned[fused], 1_000))
        missed, faceless = missed + int(miss.sum()), faceless + int((miss & _faceless(world)).sum())
    note = (
        "Where fusion is no better than one comparison (impostor, sham and swapped exit, shared document), "
        f"what is missed mostly showed no face: {faceless:,} of {missed:,} missed sham and swapped exits. "
        "A ghost exit looks like any other departure that only the carrier declared, so nothing catches it."
    )
    return table("Caught by kind, at 1,000 stops per million", ["kind of event", *names], rows, note)


def sham(rich: list[Graded], clean: AlertCurve, fused: tuple[AlertCurve, AlertCurve]) -> str:
    """Sham exits: caught against true exits wrongly broken, with and without 1:N."""
    plain = merged([one.curve("sham_exit").of(*EXITS) for one in rich])
    hides = np.concatenate([_hides(one) for one in rich])
    rows: list[list[object]] = []
    for limit in (50, 100, 250, 500, 1_000, 2_000, 5_000):
        caught, left = [], []
        for rich_curve, clean_curve in ((plain, clean), fused[:2], fused[2:]):
            hit = accept(rich_curve.event_scores, threshold_at(clean_curve, limit))
            caught.append(rich_curve.catch_rate(threshold_at(clean_curve, limit)))
            left.append(f"{int((hides & ~hit).sum())}")
        rows.append([f"{limit:,}", *caught, *left])
    return table(
        "Sham and swapped exits: caught against true exits wrongly broken",
        ["true exits broken per million encounters", "exit against entry alone", "fused without 1:N",
         "fused with 1:N", "hidden overstays left, exit against entry alone", "fused without 1:N",
         "fused with 1:N"],
        rows,
        f"{int(hides.sum())} of the events hide a stay that truly goes on, over its limit, while the records "
        "say that it ended; left: those whose event is not caught.",
    )  # fmt: skip


EXITS = ("sham_exit", "swapped_exit")


def _exits(one: Graded) -> pl.DataFrame:
    """The exit events of a curve, in its order, with victim and template."""
    left = {"how": "left", "maintain_order": "left"}
    events = Scene.of(one.made.observed, one.made.truth).events
    return (
        events.filter(pl.col("counted") & pl.col("kind").is_in(EXITS))
        .join(one.made.truth.subversion.select("event_id", "victim_id"), on="event_id", **left)
        .join(one.made.observed.encounters.select("encounter_id", "template_row"), on="encounter_id", **left)
    )


def _faceless(one: Graded) -> np.ndarray:
    """Say of each exit event of a curve, in its order, whether no face was captured there."""
    return (_exits(one)["template_row"].fill_null(-1) < 0).to_numpy()


def _hides(one: Graded) -> np.ndarray:
    """Say of each exit event of a curve, in its order, whether it hides an overstay."""
    truth, events = one.made.truth, _exits(one)
    over = truth.stays.filter(pl.col("status") == "in_country_overstay")["person_id"]
    return (
        events.select((pl.col("kind") == "sham_exit") & pl.col("victim_id").is_in(over.implode()))
        .to_series()
        .fill_null(value=False)
        .to_numpy()
    )


def base_rates(rich: AlertCurve, clean: AlertCurve) -> str:
    """The tuned system's precision at three prevalences, beside alarming on every face without match."""
    both = combined(rich, clean)
    rows: list[list[object]] = []
    for prevalence in (8e-6, 80e-6, 800e-6):
        naive = prevalence / (prevalence + (1 - prevalence) * 0.02)
        for limit in LIMITS:
            found = estimate(
                both, threshold_at(clean, limit), kind="fused", prevalence=prevalence, traffic=1e6
            )
            p = found.precision or (0.0, 0.0, 0.0)
            rows.append([
                f"{1e6 * prevalence:.0f}", f"{limit:,}", f"one in {1 / naive:,.0f}",
                f"1 in {1 / p[0]:,.1f} ({1 / p[2]:,.1f} to {1 / p[1]:,.1f})" if p[1] else f"{p[0]:.2g}",
                f"{found.alerts_a_day[0]:,.0f}",
            ])  # fmt: skip
    return table(
        "Base rates: how often an alarm is right",
        [
            "events per million",
            "stops per million",
            "no-match at 98% alone",
            "fused",
            "alerts a day per million encounters",
        ],
        rows,
        "Alarming on every captured face that did not match, at 7 per million and a match rate of 98%, is "
        f"right once in {0.02 * (1 - 7e-6) / 7e-6 + 1:,.0f}.",
    )


def adversary(travellers: int, threshold: dict[str, float], seeds: list[int]) -> str:
    """Impostors who pick the best donor in a pool."""
    rows: list[list[object]] = []
    for pool in (1, 5, 20, 100, 500):
        found: dict[str, list[AlertCurve]] = {}
        for seed in seeds:
            changes = {f"subversion.{kind}": 0.0 for kind in KINDS if kind != "impostor"}
            one = graded(
                scenario(travellers, 30_000.0, **changes,
                         **{"subversion.impostor_pool": pool, "subversion.impostor_relative": 0.0}),
                seed,
            )  # fmt: skip
            for name in ("face 1:1 alone", "everything, fused"):
                found.setdefault(name, []).append(CONTROLS[name](one).of("impostor"))
        row: list[object] = [pool]
        for name, curves in found.items():
            both = merged(curves)
            row.append(both.catch_rate(threshold[name]))
        rows.append(row)
    return table(
        "An adversary who picks the best donor",
        ["pool of donors", "face 1:1 alone", "everything, fused"],
        rows,
        "Thresholds at 1,000 stops per million; donors are strangers of one sex and region. Events without a "
        "captured face cannot be caught by it.",
    )


def benign(clean: list[Graded], threshold: float) -> str:
    """False alarms per million by cause and by group."""
    causes: dict[str, int] = {}
    groups: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    encounters = 0
    for one in clean:
        scene = Scene.of(one.made.observed, one.made.truth)
        alerts = weigh(one.facts, one.alerts, PIECES).filter(pl.col("log_likelihood_ratio") >= threshold)
        false = alerts.with_row_index("row").join(touches(alerts, scene), on="row", how="anti").drop("row")
        false = false.filter(pl.col("encounter_id").is_in(scene.honest["encounter_id"].implode()))
        named = false.with_columns(cause=causes_of(false, scene)).unique("encounter_id", keep="first")
        for cause, count in named["cause"].value_counts().iter_rows():
            causes[cause] = causes.get(cause, 0) + count
        people = scene.honest.join(one.made.truth.people.select("person_id", "group"), on="person_id")
        hit = people["encounter_id"].is_in(false["encounter_id"].implode()).to_numpy()
        encounters += len(people)
        for label in people["group"].unique():
            of = (people["group"] == label).to_numpy()
            groups.setdefault(label, []).append(by_subject(hit[of], people["person_id"].to_numpy()[of]))
    rows: list[list[object]] = [
        ["cause", cause, rate(count, encounters), f"{1e6 * count / encounters:,.0f}"]
        for cause, count in sorted(causes.items(), key=lambda one: -one[1])
    ]
    for label, parts in sorted(groups.items()):
        found = clustered_rate(np.concatenate([e for e, _ in parts]), np.concatenate([t for _, t in parts]))
        rows.append(["group", label, found, f"{1e6 * (found.value or 0):,.0f}"])
    return table(
        "Benign look-alikes: false alarms by cause and by group (fused, at 1,000 stops per million)",
        ["by", "what", "share of honest encounters", "per million"],
        rows,
        "In numbers that groups need, and by circumstance: [fraud-benign.md](fraud-benign.md).",
    )


def left_out(samples: list[training.Sample], checks: list[training.Sample]) -> str:
    """Fusion trained without a kind, graded on that kind."""
    rows: list[list[object]] = []
    full, _ = training.train(samples, "fusion")
    for kind in KINDS:
        kept = [_without(sample, kind) for sample in samples]
        partial, _ = training.train(kept, "fusion")
        row: list[object] = [kind]
        for model in (full, partial):
            scores = np.concatenate([model.decision_function(s.values.astype(np.float64)) for s in checks])
            guilty = np.concatenate([s.guilty for s in checks])
            mine = np.concatenate([s.kind == kind for s in checks])
            threshold = np.quantile(scores[~guilty], 1 - 1e-3)
            row.append(rate(int((scores[mine] > threshold).sum()), int(mine.sum())))
        rows.append(row)
    return table(
        "Leave one kind out: caught at 1,000 stops per million",
        ["kind of event", "trained on all kinds", "trained without this kind"],
        rows,
        "Encounters of reserved worlds that took no part in training.",
    )


def _without(sample: training.Sample, kind: str) -> training.Sample:
    keep = sample.kind != kind
    return replace(
        sample,
        **{
            name: getattr(sample, name)[keep]
            for name in ("values", "guilty", "kind", "holder", "returns", "group")
        },
    )


def calibrated(samples: dict[str, list[training.Sample]]) -> str:
    """Cllr and reliability of the shipped models, on worlds of the trained profile and of another."""
    rows: list[list[object]] = []
    bins: list[list[object]] = []
    for where, given in samples.items():
        for name in ("fusion", "photo", "entry"):
            model, ratios, events = load(name), [], []
            for sample in given:
                at, columns, event = training.parts_of(sample)[name]
                at = np.flatnonzero(at)
                ratios.append(model.run(sample.values[np.ix_(at, columns)]))
                events.append(event[at])
            r, y = np.concatenate(ratios), np.concatenate(events)
            cost = calibration(r, y)
            outside = 0
            for place, row in enumerate(reliability(r, y).iter_rows(named=True), 1):
                low, high = row["realised_low"], row["realised_high"]
                off = row["stated"] < (low or -np.inf) or row["stated"] > (np.inf if high is None else high)
                outside += off
                said = ["open" if one is None else f"{one:.2f}" for one in (row["realised"], low, high)]
                bins.append([where, name, place, f"{row['stated']:.2f}",
                             f"{said[0]} ({said[1]} to {said[2]})", f"{row['events']:,}",
                             f"{row['others']:,}", "outside" if off else ""])  # fmt: skip
            calibrated = cost.loss is not None and cost.loss < 0.1 * (cost.minimum or 1.0) + 0.01
            rows.append([where, name, f"{cost.events:,} / {cost.others:,}", f"{cost.cllr:.4f}",
                         f"{cost.minimum:.4f}", outside,
                         "calibrated" if calibrated else "NOT calibrated"])  # fmt: skip
    verdicts = table(
        "Calibration of the shipped models",
        [
            "world", "model", "events / others", "Cllr, bits", "minimum",
            "bins of 10 whose stated log odds lie outside the interval of what was realised", "verdict",
        ],
        rows,
        "Reserved worlds that took no part in training. Verdict: calibrated where the loss is below a tenth "
        "of the minimum plus 0.01 bits.",
    )  # fmt: skip
    return (
        verdicts
        + "\n"
        + table(
            "Reliability, in bins of equally many events",
            ["world", "model", "bin", "stated, nats", "realised (95%)", "events", "others", ""],
            bins,
            "At even prior odds; open: a bin without others has no upper end.",
        )
    )


def enrichment(single: list[AlertCurve], double: list[AlertCurve], threshold: float) -> str:
    """Doubling the enrichment moves neither rate."""
    one, two = merged(single), merged(double)
    pairs = [(kind, one.of(kind).catch_rate(threshold), two.of(kind).catch_rate(threshold)) for kind in KINDS]
    pairs.append(("honest stopped", one.false_alarm_rate(threshold), two.false_alarm_rate(threshold)))
    rows: list[list[object]] = []
    worst = 1.0
    for what, a, b in pairs:
        spread = sum(((r.interval[1] - r.interval[0]) / 3.92) ** 2 for r in (a, b)) ** 0.5
        z = ((a.value or 0) - (b.value or 0)) / spread if spread else 0.0
        worst = min(worst, float(2 * norm.sf(abs(z))))
        rows.append([what, a, b, f"{z:+.2f}", f"{2 * norm.sf(abs(z)):.2f}"])
    return table(
        "Doubling the enrichment",
        ["rate", "10,000 per million each", "20,000", "z", "p"],
        rows,
        "Fused, one threshold for both, catch rates by kind (their mix shifts where a kind runs out of "
        f"travellers who could do it). Smallest p of {len(pairs)}: {worst:.3f}, "
        f"times {len(pairs)}: {min(1.0, worst * len(pairs)):.2f}. Against worlds without any fraud: "
        "[fraud-estimates.md](fraud-estimates.md).",
    )
