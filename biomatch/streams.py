"""Named random streams: a new stream never shifts an old one.

There is no global generator. Whoever needs randomness asks for a stream by name, so that adding a
feature (and its stream) leaves every other draw of a world as it was.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, name: str, *keys: int) -> np.random.Generator:
    """Make the generator of one named stream.

    Parameters
    ----------
    seed : int
        Root seed of the world, at least 0.
    name : str
        Name of the stream, for example ``"faces.scatter"``. Its SHA-256 enters the seed sequence.
    *keys : int
        Further integers, each at least 0, that tell sub-streams apart (for example a chunk's number),
        so that a part can be generated again alone.

    Returns
    -------
    numpy.random.Generator
        An SFC64 generator that nobody else holds.

    Examples
    --------
    >>> a, b = stream(1, "people.age"), stream(1, "people.age")
    >>> bool(a.random() == b.random())
    True
    >>> bool(stream(1, "people.sex").random() == stream(1, "people.age").random())
    False
    """
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(*words, *keys))
    return np.random.Generator(np.random.SFC64(sequence))
