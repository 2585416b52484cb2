"""Published figures beside what the built-in face profiles give: ``biomatch verify``."""

from biomatch.verification.cell import Cell
from biomatch.verification.run import Verification, verify

__all__ = ["Cell", "Verification", "verify"]
