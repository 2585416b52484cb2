"""How long templates are kept, as settings, and the job that erases what is due."""

from __future__ import annotations

import datetime as dt
from typing import Any

from biomatch.errors import SettingsError
from biomatch.gallery.gallery import Gallery
from biomatch.gallery.where import milliseconds
from biomatch.settings.base import Settings, nearest, setting


class Retention(Settings):
    """One rule: templates are erased once they have been held this long since their receipt.

    Examples
    --------
    >>> Retention.load("traveller_photo").hours
    336.0
    """

    name: str = setting(..., "a label", min_length=1)
    hours: float = setting(..., "the rule's source", gt=0)
    kinds: list[str] | None = setting(None, "kinds of reference that the rule governs; None: all")

    @classmethod
    def load(cls, name: str) -> Retention:
        """Give a built-in rule by name.

        Raises
        ------
        SettingsError
            For a name that is not built in.
        """
        if name not in RULES:
            raise SettingsError(f"retention rule {name!r}", remedy=nearest(name, list(RULES)))
        return RULES[name]

    def cutoff(self, now: Any) -> int:
        """Give the moment before whose receipt a template is due, in milliseconds since 1970 (UTC)."""
        return milliseconds(now) - dt.timedelta(hours=self.hours) // dt.timedelta(milliseconds=1)


RULES = {
    rule.name: rule
    for rule in (
        # US travel verification: photos of citizens are discarded within 12 hours, of others kept up to
        # 14 days, and then up to 75 years in the biometric repository (90 FR 48604).
        Retention(name="citizen_photo", hours=12),
        Retention(name="traveller_photo", hours=14 * 24),
        Retention(name="biometric_repository", hours=27_394 * 24),
        # Regulation (EU) 2017/2226 (Entry/Exit System), Article 34: 3 years after the exit.
        Retention(name="entry_exit_record", hours=1_096 * 24),
    )
}


def erase_due(gallery: Gallery, rule: Retention | str, now: Any) -> int:
    """Erase every reference, retired ones too, whose retention under a rule has ended.

    Parameters
    ----------
    gallery : Gallery
        Every reference the rule governs was enrolled with ``received_at`` (and ``kind``, where the rule
        names kinds).
    rule : Retention or str
        A rule, or the name of a built-in one.
    now : datetime, datetime64 or int
        The moment; held exactly as long as the rule says is still allowed.

    Returns
    -------
    int
        How many templates were erased.
    """
    chosen = Retention.load(rule) if isinstance(rule, str) else rule
    return gallery.erase_received_before(chosen.cutoff(now), kinds=chosen.kinds)
