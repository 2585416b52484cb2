"""The judge: which searches are mated, what was counted, and every rate at every threshold."""
