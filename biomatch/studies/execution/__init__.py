"""Where the runs of a study are done: in this process, in several, or on a Dask cluster.

Whichever it is, workers get plain data and give rows back; only the caller writes.
"""
