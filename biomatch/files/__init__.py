"""The one door through which files of others are read: opened once, under the very name that was given.

A path is a path: no character of it is a pattern, an address or a home folder. What is opened is a regular
file (or, at doors that say so, a pipe, which is kept whole for the command that reads it); devices, sockets
and folders are refused without waiting. Readers get the opened file or its bytes, so that what was hashed
is what is read. Whatever a damaged file does to a parser becomes one `BiomatchError`.

Limits, stated in ``docs/security.md``: `MOST_TEXT`, `MOST_UNPACKED`, `MOST_ROWS`, `DEEPEST`.
"""

from biomatch.files.arrays import (
    NPY as NPY,
)
from biomatch.files.arrays import (
    is_npz as is_npz,
)
from biomatch.files.arrays import (
    map_npy as map_npy,
)
from biomatch.files.arrays import (
    map_opened as map_opened,
)
from biomatch.files.arrays import (
    parse_npy as parse_npy,
)
from biomatch.files.arrays import (
    read_npy as read_npy,
)
from biomatch.files.arrays import (
    read_npz as read_npz,
)
from biomatch.files.opened import (
    DEEPEST as DEEPEST,
)
from biomatch.files.opened import (
    MOST_DIGITS as MOST_DIGITS,
)
from biomatch.files.opened import (
    MOST_ROWS as MOST_ROWS,
)
from biomatch.files.opened import (
    MOST_TEXT as MOST_TEXT,
)
from biomatch.files.opened import (
    MOST_UNPACKED as MOST_UNPACKED,
)
from biomatch.files.opened import (
    PIPE_SECONDS as PIPE_SECONDS,
)
from biomatch.files.opened import (
    Kind as Kind,
)
from biomatch.files.opened import (
    exists as exists,
)
from biomatch.files.opened import (
    guarded as guarded,
)
from biomatch.files.opened import (
    most_in_memory as most_in_memory,
)
from biomatch.files.opened import (
    open_file as open_file,
)
from biomatch.files.opened import (
    parse_json as parse_json,
)
from biomatch.files.opened import (
    parse_toml as parse_toml,
)
from biomatch.files.opened import (
    pipes_once as pipes_once,
)
from biomatch.files.opened import (
    read_bytes as read_bytes,
)
from biomatch.files.opened import (
    read_json as read_json,
)
from biomatch.files.opened import (
    read_text as read_text,
)
from biomatch.files.opened import (
    sha256 as sha256,
)
from biomatch.files.tables import (
    FORMULA as FORMULA,
)
from biomatch.files.tables import (
    PARQUET as PARQUET,
)
from biomatch.files.tables import (
    bounded as bounded,
)
from biomatch.files.tables import (
    csv_text as csv_text,
)
from biomatch.files.tables import (
    no_formulas as no_formulas,
)
from biomatch.files.tables import (
    parse_parquet as parse_parquet,
)
from biomatch.files.tables import (
    read_csv as read_csv,
)
from biomatch.files.tables import (
    read_parquet as read_parquet,
)
from biomatch.files.tables import (
    scan_csv as scan_csv,
)
from biomatch.files.tables import (
    scan_parquet as scan_parquet,
)
