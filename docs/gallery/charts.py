# %% [setup] One graded result
# Every chart below is drawn from this result or from its curve. The matcher is weak and frauds are frequent,
# so that there is something to see; people of one world are not in the other.
import biomatch as bm

weak = (
    bm.FaceProfile.load("visa-border-small").with_({"name": "weak", "noise.scale": 0.75}).write("weak.toml")
)
changes = {"faces.profile": str(weak), "travellers": 1_500, "subversion.impostor": 10_000.0}
tuning, grading = (bm.world(bm.Scenario.load("tiny").with_(changes), seed=seed) for seed in (1, 2))
curve = bm.sweep(bm.search(tuning.observed, "default"), tuning.truth)
point = bm.tune(curve, max_fpir=0.05)
result = bm.evaluate(bm.run(grading.observed, at=point), grading.truth, grid=9)

# %% Error rates against the threshold
# FNIR and FPIR of the grading world at every threshold; the line is the tuned one.
bm.charts.fnir_against_threshold(result.curve, at=point.face_threshold)

# %% Detection error trade-off
# FNIR against FPIR with the 95% band; the mark is the tuned threshold.
bm.charts.det(result.curve, at=point.face_threshold)

# %% Two curves in one plot
# The tuning world's curve beside the grading world's.
bm.charts.det(result.curve, others={"tuning world": curve})

# %% Groups
# FNIR by group with its interval; a group with few searches has a wide one.
bm.charts.groups(result)

# %% Why mates are missed
# Each miss has one cause: the capture, the index, the score, or other candidates ranked above.
bm.charts.causes(result)

# %% Alerts
# Frauds caught, and the share of alerts that are right, by kind of alert.
bm.charts.alerts(result)
