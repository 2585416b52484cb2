"""Commands for entries and exits of one's own: rules of stay, linkage, clerical review."""
