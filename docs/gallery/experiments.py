# %% [setup] Five experiments
# Each stands by itself after these lines. The world is small, so that the page is made in a minute; take
# `airport` for figures.
import altair as alt
import polars as pl

import biomatch as bm

weak = (
    bm.FaceProfile.load("visa-border-small").with_({"name": "weak", "noise.scale": 0.75}).write("weak.toml")
)
tiny = bm.Scenario.load("tiny").with_({"faces.profile": str(weak)})

# %% FNIR against N for two indexes
# Does compressing the gallery cost mates? It does not where both lines lie on each other.
rows = []
for travellers in (500, 1_000, 2_000):
    world = bm.world(tiny.with_({"travellers": travellers}), seed=1)
    for index in ("flat", "compressed"):
        system = bm.System.load("today").with_({"gallery.index": index, "gallery.policy": "all"})
        curve = bm.sweep(bm.search(world.observed, system), world.truth)
        fnir = float(curve.fnir(curve.threshold(max_fpir=0.05)))
        rows.append({"N": curve.enrolled_counts.median, "index": index, "FNIR": fnir})
alt.Chart(pl.DataFrame(rows)).mark_line(point=True).encode(x="N:Q", y="FNIR:Q", color="index:N")

# %% Coverage of biometric exit and false leads
# A capture at the exit clears a false lead where it may stand for the record of departure.
rows = []
for coverage in (0.0, 0.25, 0.5, 0.75, 1.0):
    shares = dict.fromkeys(("air", "sea", "land"), coverage)
    since = {"captures.biometric_exit.record_from": dict.fromkeys(shares, "2023-04-01")}
    changes = {"captures.exit_coverage": shares, "records.missed_exits": 0.2, **since}
    world = bm.world(bm.Scenario.load("tiny").with_(changes), seed=1)
    run = bm.run(world.observed, at=bm.OperatingPoint.of(0.45, "default"))
    result = bm.evaluate(run, world.truth, grid=0, pools=False)
    rows.append({"coverage": coverage, "false leads": result.overstays[-1].false_leads})
alt.Chart(pl.DataFrame(rows)).mark_line(point=True).encode(x="coverage:Q", y="false leads:Q")


# %% A detector of your own
# An alert where one document is presented at two ports within 30 days; `bm.tune_fraud` sets its threshold.
def find(facts):
    table = facts.table
    hours = (table["time"] - table["time"].shift(1)).dt.total_hours().fill_null(1_000_000)
    same = table["document_number"] == table["document_number"].shift(1)
    moved = same & (table["port"] != table["port"].shift(1)) & (hours < 720)
    rows = moved.fill_null(False).arg_true().to_numpy()
    return facts.alerts("two_ports", rows, 1 / (1 + hours.to_numpy()[rows]))


bm.register_detector("two_ports", find, threshold=0.001, event="shared_document", replace=True)
world = bm.world(tiny.with_({"subversion.shared_document": 100_000.0}), seed=1)
system = bm.System.load("default").with_({"alerts.kinds": ["two_ports"], "alerts.scoring": "evidence"})
run = bm.run(world.observed, at=bm.OperatingPoint.of(0.45, system))
bm.charts.alerts(bm.evaluate(run, world.truth, grid=0, pools=False))

# %% A threshold per port, with costs
# An alarm takes half an hour of staff at the land crossing and five minutes at the airport.
world = bm.world(tiny.with_({"travellers": 2_000}), seed=1)
curve = bm.sweep(bm.search(world.observed, "today"), world.truth)
rows = []
for port, part in curve.by("port").items():
    minutes = 30.0 if port == "LAND1" else 5.0
    point = bm.tune(part, costs=bm.Costs(prevalence=0.5, alarm_minutes=minutes, miss_minutes=10.0))
    rows.append({"port": port, "threshold": point.face_threshold})
alt.Chart(pl.DataFrame(rows)).mark_bar().encode(x="threshold:Q", y="port:N")

# %% Two face profiles, paired by seed
# Both matchers see the same travellers on the same trips; a line joins what one seed gives.
rows = []
for seed in (1, 2, 3):
    for profile in ("weak.toml", "boarding-small"):
        world = bm.world(tiny.with_({"faces.profile": profile, "travellers": 1_000}), seed=seed)
        curve = bm.sweep(bm.search(world.observed, "today"), world.truth)
        fnir = float(curve.fnir(curve.threshold(max_fpir=0.05)))
        rows.append({"seed": seed, "profile": profile, "FNIR": fnir})
alt.Chart(pl.DataFrame(rows)).mark_line(point=True).encode(x="profile:N", y="FNIR:Q", color="seed:N")
