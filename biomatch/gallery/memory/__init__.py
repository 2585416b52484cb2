"""A gallery in this process: who is enrolled in which row, and where the templates are."""
