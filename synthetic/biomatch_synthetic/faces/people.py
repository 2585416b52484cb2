"""Who the faces belong to: the arrays from which an identity's vector follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import facemodel
from biomatch.errors import TableError
from biomatch.portable.types import Ints
from biomatch.settings.profile import FaceProfile


@dataclass(frozen=True, eq=False)
class People:
    """Persons with what their faces depend on, one entry each, sorted by person_id.

    Attributes
    ----------
    person_id : ndarray
        Shape (n,), int64, unique, at least 0, ascending.
    group : ndarray
        Shape (n,), int64; row of the group's mean vector (the last row: no group).
    female : ndarray
        Shape (n,), bool; decides how alike members of one family are.
    family_id : ndarray
        Shape (n,), int64; members of one *blood* family share it; -1: alone. Any two members of the
        same sex have the latent correlation ``kin.same_sex``, of different sex ``kin.different_sex``.
        Fraternal twins are just that.
    pair_id : ndarray
        Shape (n,), int64; identical twins share it (and their family_id); -1: none.
    """

    person_id: Ints
    group: Ints
    female: NDArray[np.bool_]
    family_id: Ints
    pair_id: Ints

    def __len__(self) -> int:
        return len(self.person_id)

    @classmethod
    def make(
        cls,
        profile: FaceProfile,
        person_id: ArrayLike,
        *,
        group: list[str] | None = None,
        family_id: ArrayLike | None = None,
        identical_twin_id: ArrayLike | None = None,
        female: ArrayLike | None = None,
    ) -> People:
        """Check and sort the arrays.

        Parameters
        ----------
        profile : FaceProfile
            Names the groups.
        person_id : array_like
            Shape (n,), integers from 0, unique.
        group : list of str, optional
            Labels such as ``"E-Asia F"``; None: nobody has a group. In a profile without groups the labels
            tell women from men and no more.
        family_id : array_like, optional
            Blood family, -1: alone. Spouses are not of one blood.
        identical_twin_id : array_like, optional
            person_id of the identical twin, -1: none. Twins must name each other, and need no family_id.
        female : array_like, optional
            Bool; default: read from the group's label.

        Raises
        ------
        SettingsError
            For a group that the profile does not know.
        TableError
            For repeated or negative ids, or twins who do not name each other.
        """
        ids = np.asarray(person_id, dtype=np.int64)
        count = len(ids)
        alone = np.full(count, -1, dtype=np.int64)
        families = alone if family_id is None else np.asarray(family_id, dtype=np.int64)
        twins = alone if identical_twin_id is None else np.asarray(identical_twin_id, dtype=np.int64)
        if group is None:
            codes = np.full(count, len(profile.groups.members), dtype=np.int64)
        else:
            labels, place = np.unique(np.asarray(group, dtype=str), return_inverse=True)
            if profile.groups.members:
                codes = facemodel.group_codes(profile, labels.tolist())[place]
            else:  # a profile fitted to faces without groups: all belong to the one population that it knows
                codes = np.zeros(count, dtype=np.int64)
        if female is not None:
            women = np.asarray(female, dtype=np.bool_)
        elif group is not None:
            women = np.array([label.endswith(" F") for label in labels], dtype=np.bool_)[place]
        else:
            women = np.zeros(count, dtype=np.bool_)
        for name, values in (("group", codes), ("family_id", families), ("twin", twins), ("female", women)):
            if values.shape != (count,):
                raise TableError(f"{name} of shape {values.shape}", allowed=f"shape ({count},)")
        order = np.argsort(ids, kind="stable")
        ids, codes, families, twins = (a[order] for a in (ids, codes, families, twins))
        women = women[order]
        if count and (ids[0] < 0 or (np.diff(ids) == 0).any()):
            raise TableError("person_id repeated or negative", allowed="unique integers from 0")
        has = twins >= 0
        pairs = np.where(has, np.minimum(ids, twins), -1)
        if has.any():
            found = np.searchsorted(ids, twins[has])
            partner = np.minimum(found, count - 1)
            if not ((ids[partner] == twins[has]) & (twins[partner] == ids[has])).all():
                raise TableError(
                    "an identical twin who is missing or names somebody else",
                    allowed="two persons who name each other",
                    remedy="set identical_twin_id of both",
                )
            # Twins without a family get one of their own: its number must not meet a real family's.
            families = np.where(has & (families < 0), pairs + (1 << 40), families)
            if not (families[partner] == families[has]).all() or not (women[partner] == women[has]).all():
                raise TableError("identical twins of different family or sex", allowed="one family, one sex")
        return cls(ids, codes, women, families, pairs)

    def rows(self, person_id: Ints) -> Ints:
        """Find the rows of persons by id.

        Raises
        ------
        TableError
            For a person who is not among the people.
        """
        if not len(person_id):
            return np.zeros(0, dtype=np.int64)
        found = np.searchsorted(self.person_id, person_id)
        if not len(self) or (self.person_id[np.minimum(found, len(self) - 1)] != person_id).any():
            raise TableError("a capture of a person who is not among the people", remedy="add the person")
        return np.asarray(found, dtype=np.int64)
