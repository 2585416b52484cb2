"""The threshold-tuning report: charts, tables, and one HTML file that needs no network."""
