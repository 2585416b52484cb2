# %% [setup] A port
# The built-in hall: a week of arrivals by the hour, gates, desks and a roster.
import altair as alt
import polars as pl

import biomatch as bm
from biomatch.tuning.waits.rates import rates_of_profile

# %% A day at the hall
# Mean wait by hour of the day in each lane, over three replications.
day = bm.queue("hall", fnir=0.02, fpir=0.001, replications=3)
waits = (
    day.waits.filter(pl.col("people") > 0).group_by("hour", "lane").agg(minutes=pl.col("mean_minutes").mean())
)
alt.Chart(waits).mark_line().encode(x="hour:Q", y="minutes:Q", color="lane:N")

# %% Threshold against waits
# A stricter threshold sends more travellers from the gate to a desk, and all wait longer.
rates = rates_of_profile(
    bm.FaceProfile.load("kiosk-leader"), 16_000, (3e-3, 1e-3, 1e-4, 1e-5, 1e-6), fta=0.01
)
front = bm.waits(rates, "hall", replications=1, bounds=False)
alt.Chart(front.frame).mark_line(point=True).encode(x="threshold:Q", y="wait:Q")
