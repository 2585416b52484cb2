"""Error rates at every threshold: of searches, of comparisons, by group."""
