"""Tables as other programs export them: what is refused says why, and ids of people are not lost."""

import numpy as np
import pytest

from biomatch.errors import TableError
from biomatch.scorefiles.read import read_scores

ROWS = "0.9,1\n0.2,0\n0.8,1\n0.1,0\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (("score,label\n" + ROWS).encode("utf-16"), "UTF-16 text"),
        (("score,label\n" + ROWS).replace("\n", "\r").encode(), "carriage returns alone"),
        (b"score,label\n", "no row below its header"),
        (("score,label\n" + ROWS).replace(",", ";").encode(), "separated by semicolons"),
    ],
)
def test_what_an_export_lacks_is_said(tmp_path, data, says):
    file = tmp_path / "export.csv"
    file.write_bytes(data)
    with pytest.raises(TableError, match=says):
        read_scores([file]).curve()


@pytest.mark.parametrize(
    "names", [("name1", "name2"), ("person_1", "person_2"), ("img1", "img2"), ("Id_1", "ID 2")]
)
def test_columns_of_people_by_their_usual_names(tmp_path, names):
    file = tmp_path / "pairs.csv"
    lines = [f"p{at % 7},p{(at + 1 - at % 2) % 7},{0.5 + 0.3 * (at % 2)},{at % 2}" for at in range(40)]
    file.write_text(",".join([*names, "score", "mated"]) + "\n" + "\n".join(lines) + "\n")
    curve = read_scores([file]).curve()
    assert len(np.unique(curve.mated_subjects)) == 7


def test_a_column_that_likely_names_people_is_not_dropped_silently(tmp_path):
    file = tmp_path / "pairs.csv"
    lines = [f"p{at % 40},{'AB'[at % 3 == 0]},{0.5 + 0.3 * (at % 2)},{at % 2}" for at in range(80)]
    file.write_text("traveller,group,score,mated\n" + "\n".join(lines) + "\n")
    found = read_scores([file])
    assert [note for note in found.notes if "traveller taken for no subject" in note]
    assert set(found.curve().mated_strata) == {"traveller", "group"}
