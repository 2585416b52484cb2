"""A user's own records: linked under a named law of faces, held against labels, reviewed by people."""
