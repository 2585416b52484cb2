import datetime as dt

import numpy as np
import pytest

from biomatch.errors import GalleryError, SettingsError
from biomatch.gallery import Gallery
from biomatch.gallery.retention import RULES, Retention, erase_due

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("citizen_photo", dt.timedelta(hours=12)),
        ("traveller_photo", dt.timedelta(days=14)),
        ("entry_exit_record", dt.timedelta(days=1096)),
        ("biometric_repository", dt.timedelta(days=27_394)),
    ],
)
def test_what_is_due_is_erased_to_the_millisecond(tmp_path, faces, rule, kept):
    now = dt.datetime(2026, 7, 1, 12)
    edge = int((now - kept - dt.datetime(1970, 1, 1)) / dt.timedelta(milliseconds=1))
    templates = faces(4)
    with Gallery(32, path=tmp_path / "g") as gallery:
        gallery.enrol([1, 2, 3, 4], templates, received_at=np.array([edge - 1, edge, edge + 1, edge - HOUR]))
        gallery.retire([4])
        assert erase_due(gallery, rule, now) == 2
        assert erase_due(gallery, rule, now) == 0
        found = gallery.identify(templates[:1], 4).reference_id[0]
        assert sorted(found.tolist()) == [-1, -1, 2, 3]
    held = b"".join(file.read_bytes() for file in (tmp_path / "g").iterdir())
    assert [template.tobytes() in held for template in templates] == [False, True, True, False]


def test_a_rule_may_govern_some_kinds(faces):
    gallery = Gallery(32)
    gallery.enrol([1, 2], faces(2), kind=["entry_photo", "watchlist"], received_at=0)
    rule = Retention(name="photos", hours=1, kinds=["entry_photo"])
    assert erase_due(gallery, rule, 2 * HOUR) == 1
    assert gallery.identify(faces(1), 2).reference_id[0].tolist() == [2, -1]


def test_unknown_rules_and_unknown_times_are_refused(faces):
    with pytest.raises(SettingsError, match="did you mean 'citizen_photo'"):
        Retention.load("citizen_foto")
    assert set(RULES) == {"citizen_photo", "traveller_photo", "biometric_repository", "entry_exit_record"}
    gallery = Gallery(32)
    gallery.enrol([1], faces(1))
    with pytest.raises(GalleryError, match="1 references were enrolled without received_at"):
        erase_due(gallery, "citizen_photo", 10**13)
