"""Linkage of entries to exits: document pass, face check, residual edges, assignment, posterior."""
