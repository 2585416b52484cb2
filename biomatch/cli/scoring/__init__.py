"""Commands for scores and templates of one's own: rates, thresholds, galleries, sizes of trials."""
