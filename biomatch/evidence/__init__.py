"""Evidence that two encounters are of one person, in calibrated natural log-likelihood ratios."""
