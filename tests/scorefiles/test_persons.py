"""Trial lists that name images: whoever mated comparisons join is one subject."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from biomatch.scorefiles.persons import persons
from biomatch.scorefiles.read import read_scores

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=30)


def joined_slowly(pairs):
    """Merge groups one mated pair at a time."""
    groups = [{name} for name in {name for one, two, _ in pairs for name in (one, two)}]
    for one, two, mated in pairs:
        if mated:
            touched = [group for group in groups if {one, two} & group]
            groups = [group for group in groups if group not in touched] + [set().union(*touched)]
    return {name: min(map(str, group)) for group in groups for name in group}


@given(PAIRS)
def test_persons_are_what_mated_pairs_join(pairs):
    one, two, mated = (np.array(side) for side in zip(*pairs, strict=True))
    who, whose, notes = persons(one.astype(str), two.astype(str), mated.astype(bool))
    if any(same and left != right for left, right, same in pairs):
        known = joined_slowly(pairs)
        assert who.tolist() == [known[name] for name in one.tolist()]
        assert whose.tolist() == [known[name] for name in two.tolist()]
        assert len(notes) == 1
    else:
        assert (who.tolist(), whose.tolist(), notes) == (
            one.astype(str).tolist(),
            two.astype(str).tolist(),
            (),
        )


def test_a_list_of_recordings_has_as_many_subjects_as_speakers(tmp_path):
    """As VoxCeleb's trials are written: label, recording, recording; here with a score behind."""
    rng = np.random.default_rng(4)
    rows = []
    for speaker in range(12):
        for take in range(6):
            mine, next_take = f"id{speaker}/v/{take}.wav", f"id{speaker}/v/{take + 1}.wav"
            stranger = f"id{(speaker + 1 + take) % 12}/v/{take}.wav"
            rows.append(f"1 {mine} {next_take} {0.8 + rng.normal(0, 0.05):.4f}")
            rows.append(f"0 {mine} {stranger} {0.2 + rng.normal(0, 0.05):.4f}")
    file = tmp_path / "trials.txt"
    file.write_text("\n".join(rows) + "\n")
    found = read_scores([file])
    curve = found.curve()
    assert len(np.unique(curve.mated_subjects)) == 12
    assert len(np.unique(np.concatenate([curve.non_mated_subjects, curve.non_mated_references]))) == 12
    assert sum("(84 names, 12 subjects)" in note for note in found.notes) == 1
