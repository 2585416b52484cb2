"""A gallery's folder: files that never change, and what says which of them count."""
