"""Generated hostile files: what no program wrote, and what some program wrote and something else damaged."""

from __future__ import annotations

import io
import os
import random
import shutil
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

SUFFIXES = (".csv", ".npz", ".npy", ".parquet", ".json", ".toml", ".onnx", ".txt")


def junk() -> dict[str, bytes]:
    """Bytes that no reader wants, by what they are."""
    npy = io.BytesIO()
    np.save(npy, np.arange(6.0))
    whole = npy.getvalue()
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    archive = _zip({"templates": whole, "labels": whole})
    return {
        "empty": b"",
        "nul": b"\0",
        "nuls": b"\0" * 5000,
        "byte order mark": b"\xef\xbb\xbf",
        "utf-16": "score,mated\n1,2\n".encode("utf-16"),
        "invalid utf-8": b"score,mated\n0.5,\xff\xfe\n",
        "random": random.Random(1).randbytes(3000),
        "deep json": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        "deep list": b"[" * 50_000,
        "deep object": b'{"kind": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "deep toml": b"a = " + b"[" * 20_000 + b"]" * 20_000,
        "deep table": b"[" + b".".join([b"a"] * 5_000) + b"]\n",
        "huge integer, json": b'{"format": ' + b"9" * 10_000 + b"}",
        "huge integer, toml": b"travellers = " + b"9" * 10_000,
        "huge float": b"face_threshold = 1e400\n",
        "not a number": b'{"face_threshold": NaN}',
        "key twice": b'{"face_threshold": 0.1, "face_threshold": 0.9}',
        "list": b"[]",
        "number": b"{}",
        "line of a megabyte": b"x" * (1 << 20),
        "name of a megabyte": b'"' + b"x" * (1 << 20) + b'" = 1\n',
        "column of a megabyte": b"traveller," + b"y" * (1 << 20) + b"\nA,B\n",
        "terminal": b"\x1b[2J\x1b]0;x\x07,b\n1,2\n",
        "npy, pickled": pickled.getvalue(),
        "npy, cut": whole[:-5],
        "npy, header only": whole[:100],
        "npy, long": whole + b"tail",
        "npy, endless": whole.replace(b"(6,)", b"(999999999999,)")[: len(whole)],
        "npy, negative": whole.replace(b"(6,)", b"(-6,)"),
        "npy, odd header": whole.replace(b"'descr'", b"__ijk__"),
        "npy, nan": _npy(np.full((4, 3), np.nan)),
        "npz, cut": archive[: len(archive) // 2],
        "npz, no directory": archive[:-30],
        "npz, encrypted": _encrypted(archive),
        "npz, says a terabyte": _says(archive, 1 << 30),
        "npz, bomb": _zip({"templates": _npy(np.zeros(40 << 20, dtype=np.uint8))}),
        "npz, twice": _twice(whole),
        "npz, of something": _zip({"templates": b"abc", "labels": b""}),
        "npz, pickled": _zip({"templates": pickled.getvalue(), "labels": pickled.getvalue()}),
        "parquet, begun": b"PAR1" + b"\0" * 50,
        "parquet, ends": b"PAR1" + os.urandom(64) + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "onnx, cut": b"\x08\x07\x3a\xff\xff\xff\xff\x07",
        "gzip, cut": zlib.compress(b"a" * 10_000)[:20],
    }


def _npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def _twice(data: bytes) -> bytes:
    one, other = _zip({"templates": data}), _zip({"labels__x": data})
    return one[: len(one) // 2] + other + one[len(one) // 2 :]


def _encrypted(archive: bytes) -> bytes:
    """Set the bit that says "encrypted" in every header."""
    found = bytearray(archive)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := found.find(mark, start)) >= 0:
            found[start + at] |= 1
            start += 4
    return bytes(found)


def _says(archive: bytes, size: int) -> bytes:
    """Let the directory say that each member unpacks to `size` bytes."""
    found, start = bytearray(archive), 0
    while (start := found.find(b"PK\x01\x02", start)) >= 0:
        found[start + 24 : start + 28] = struct.pack("<I", size)
        start += 4
    return bytes(found)


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))] if data else data


def flipped(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 3, 20))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def swapped(data: bytes, rng: random.Random) -> bytes:
    """Exchange two blocks."""
    if len(data) < 16:
        return data[::-1]
    size = rng.randrange(1, len(data) // 4 + 1)
    a, b = sorted(rng.sample(range(len(data) - size), 2))
    if b - a < size:
        return data[b:] + data[:b]
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def doubled(data: bytes, rng: random.Random) -> bytes:
    """Write a part of it a second time."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at // 2 : at] + data[at:]


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": truncated,
    "flipped": flipped,
    "swapped": swapped,
    "doubled": doubled,
}


def damaged(seed: Path, at: Path, rng: random.Random) -> str:
    """Copy a file or folder to `at` with one damage; say which."""
    kind = rng.choice(sorted(MUTATIONS))
    if seed.is_file():
        at.write_bytes(MUTATIONS[kind](seed.read_bytes(), rng))
        return kind
    shutil.copytree(seed, at, symlinks=True)
    files = sorted(one for one in at.rglob("*") if one.is_file() and "truth" not in one.parts)
    chosen = rng.choice(files)
    kind = rng.choice((*sorted(MUTATIONS), "lost", "link", "other's"))
    if kind == "lost":
        chosen.unlink()
    elif kind == "link":
        chosen.unlink()
        chosen.symlink_to("/etc/passwd")
    elif kind == "other's":
        chosen.write_bytes(rng.choice(files).read_bytes() + b"")
    else:
        chosen.write_bytes(MUTATIONS[kind](chosen.read_bytes(), rng))
    return f"{chosen.relative_to(at)} {kind}"


def same(seed: Path, other: Path) -> bool:
    """Say whether a damage changed nothing (two equal blocks exchanged)."""
    if seed.is_file():
        return seed.read_bytes() == other.read_bytes()
    names = {one.relative_to(seed) for one in seed.rglob("*") if one.is_file()}
    if names != {one.relative_to(other) for one in other.rglob("*") if one.is_file()}:
        return False
    return all((seed / name).read_bytes() == (other / name).read_bytes() for name in names)


def places(folder: Path) -> Iterator[tuple[str, str]]:
    """Give paths that are no plain file: links, devices, pipes, names that no disk takes."""
    folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / "pipe.csv")
    (folder / "round").symlink_to(folder / "round")
    (folder / "nowhere").symlink_to(folder / "absent")
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        try:
            os.chdir(folder)  # the name of a socket is short
            made.bind("socket")
        finally:
            os.chdir(here)
    yield from (
        ("a missing file", str(folder / "absent.csv")),
        ("a pipe without a writer", str(folder / "pipe.csv")),
        ("a link to itself", str(folder / "round")),
        ("a link to nothing", str(folder / "nowhere")),
        ("a socket", str(folder / "socket")),
        ("a folder", str(folder)),
        ("a device", "/dev/null"),
        ("an endless device", "/dev/zero"),
        ("the current folder", "."),
        ("no name", ""),
        ("a name of 300 bytes", str(folder / ("n" * 300 + ".csv"))),
        ("a name of a megabyte", "m" * (1 << 20) + ".toml"),
        ("invalid utf-8", os.fsdecode(os.fsencode(str(folder)) + b"/\xff\xfe.csv")),
        ("a pattern", str(folder / "[a-z]*.csv")),
        ("an address", "http://127.0.0.1:9/x.csv"),
        ("a home folder", "~root/x.csv"),
        ("a terminal's code", str(folder / "\x1b[2Jx.csv")),
    )
