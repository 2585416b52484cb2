"""The report, pictures and tables of scores that somebody else produced."""
