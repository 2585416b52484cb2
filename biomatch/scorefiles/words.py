"""The words that people use for the two classes of a comparison, and for the columns of a list."""

from __future__ import annotations

import polars as pl

MATED_WORDS = (
    "1", "+1", "1.0", "true", "t", "yes", "y", "mated", "mate", "genuine", "gen", "target", "tgt", "tar",
    "same", "match", "positive", "pos", "client",
)  # fmt: skip
NON_MATED_WORDS = (
    "0", "-1", "0.0", "-1.0", "false", "f", "no", "n", "nonmated", "nonmate", "impostor", "imposter", "imp",
    "nontarget", "nontgt", "non", "different", "diff", "nonmatch", "negative", "neg", "unmated",
)  # fmt: skip
ATTACK_WORDS = ("spoof", "attack", "presentationattack", "pa")
LABELS = (
    "1 or 0, 1 or -1, true or false, yes or no, same or different, target or nontarget, genuine or impostor"
)

ROLES: dict[str, tuple[str, ...]] = {
    "score": (
        "score", "scores", "similarity", "similarity_score", "sim", "cosine", "distance", "dist", "y_score",
        "llr", "comparison_score",
    ),
    "label": (
        "mated", "label", "labels", "target", "is_target", "key", "same", "is_same", "issame", "genuine",
        "is_genuine", "match", "is_match", "class", "y_true", "truth", "ground_truth", "is_mated",
    ),
    "probe": (
        "subject", "probe_subject", "probe_subject_id", "probe", "test", "test_id", "query", "segment",
        "segmentid", "real", "real_id", "id2", "id_2", "subject_2", "subject2", "person_2", "person2",
        "name_2", "name2", "image_2", "image2", "img_2", "img2", "file_2", "file2", "path_2", "path2",
    ),
    "reference": (
        "reference_subject", "reference_subject_id", "ref_subject", "reference", "enrol", "enroll",
        "enrol_id", "enroll_id", "enrolment", "model", "modelid", "model_id", "claimed", "claimed_id",
        "gallery_subject", "bio_ref_subject_id", "template", "id1", "id_1", "subject_1", "subject1",
        "person_1", "person1", "name_1", "name1", "image_1", "image1", "img_1", "img1", "file_1", "file1",
        "path_1", "path1",
    ),
}  # fmt: skip
IGNORED = ("-", "_", "ignore", "skip")


def name_of(text: str) -> str:
    """Write a column's name as it is compared: without outer spaces, in lower case, words joined by ``_``.

    Examples
    --------
    >>> name_of(" Is-Same ")
    'is_same'
    """
    return "_".join(text.replace("\ufeff", "").replace("-", " ").replace("_", " ").lower().split())


def role_of(name: str) -> str | None:
    """Give the role that a column's name says, or None.

    Examples
    --------
    >>> role_of("Enrol"), role_of("sex")
    ('reference', None)
    """
    plain = name_of(name)
    return next((role for role, names in ROLES.items() if plain in names), None)


def classes(column: pl.Series) -> pl.Series:
    """Give the class of each label: 1 mated, 0 not, -1 a presentation attack, null a word that is unknown."""
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    plain = words.str.replace_all(r"(\p{L})[-_ ]+(\p{L})", "${1}${2}")
    known = dict.fromkeys(MATED_WORDS, 1) | dict.fromkeys(NON_MATED_WORDS, 0)
    known |= dict.fromkeys(ATTACK_WORDS, -1)
    return plain.replace_strict(known, default=None, return_dtype=pl.Int8)


def lookalikes(labels: pl.Series) -> list[tuple[str, str]]:
    """Give pairs of labels that differ by case or spaces alone: mates that pass for strangers."""
    distinct = labels.cast(pl.String).unique().sort()
    same = distinct.str.to_lowercase().str.replace_all(r"\s+", "")
    table = pl.DataFrame({"label": distinct, "same": same}).group_by("same", maintain_order=True).agg("label")
    found = table.filter(pl.col("label").list.len() > 1)["label"].to_list()
    return [(one[0], one[1]) for one in found]


def lookalike_notes(*columns: pl.Series | None) -> tuple[str, ...]:
    """Warn of labels that differ by case or spaces alone, over all columns together."""
    given = [column.cast(pl.String) for column in columns if column is not None]
    if not given:
        return ()
    found = lookalikes(pl.concat([column.unique().alias("label") for column in given]))
    if not found:
        return ()
    one, two = found[0]
    more = f" and {len(found) - 1:,} pairs more" if len(found) > 1 else ""
    return (
        f"{one!r} and {two!r}{more} differ by case or spaces alone and are taken for different subjects: "
        "mates among them pass for strangers; write each name one way",
    )
