"""Synthetic faces: identities and captures that fail as real matchers fail.

A world calls it so::

    space = FaceSpace(profile, seed=seed)
    people = People.make(profile, person_id, group=["E-Asia F", ...], family_id=..., identical_twin_id=...)
    shots = Shots.of(person_id, capture_id, year=..., enrolment=..., camera=..., noise_factor=...,
                     second_person_id=...)
    conditions = render(space, people, shots, out_memmap, out_row=shuffled_rows)   # quality, usable

Every capture follows from (seed, person_id, capture_id) alone; see `render` and `FaceSpace`.
"""

from biomatch_synthetic.faces.people import People
from biomatch_synthetic.faces.render import render
from biomatch_synthetic.faces.space import Conditions, FaceSpace, Shots

__all__ = ["Conditions", "FaceSpace", "People", "Shots", "render"]
