"""Studies: worlds x systems x seeds; their rows, their comparison, and where they run."""
