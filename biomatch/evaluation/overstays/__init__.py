"""Lists of overstays judged by the truth: counts, leads, review by people."""
