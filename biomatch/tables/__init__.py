"""The schemas of all observed and system tables, and their reading and writing."""

from biomatch.tables.observed import Observed
from biomatch.tables.schema import Schema

__all__ = ["Observed", "Schema"]
