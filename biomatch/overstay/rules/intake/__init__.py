"""A user's own file of stays on its way in: cells, dates, rows, and every fault with its row."""
