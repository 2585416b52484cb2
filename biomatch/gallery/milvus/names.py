"""Names in Milvus's filters, and addresses without their passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#]*)@")
_HIDDEN = "***"


def quoted(name: str) -> str:
    """Write a name as a string of Milvus's filter language.

    Milvus's grammar knows the short escapes of C but not JSON's hexadecimal ones: other letters stand as
    they are, which its strings may hold in UTF-8.

    Examples
    --------
    >>> print(quoted("Zürich's"))
    "Zürich's"
    """
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in name) + '"'


def without_user(uri: str) -> tuple[str, str]:
    """Part an address from the user and password in it.

    Returns
    -------
    address, token : str
        The address without them, and ``user:password`` ("": none).

    Examples
    --------
    >>> without_user("https://me:secret@milvus.example:19530/db")
    ('https://milvus.example:19530/db', 'me:secret')
    >>> without_user("milvus.db")
    ('milvus.db', '')
    """
    found = _USER.match(uri)
    if found is None:
        return uri, ""
    return found["scheme"] + uri[found.end() :], unquote(found["user"])


def shown(uri: str) -> str:
    """Give an address as a message may have it: without user, password and query.

    Examples
    --------
    >>> shown("https://me:secret@milvus.example:19530/db?token=abc")
    'https://***@milvus.example:19530/db?***'
    """
    address, user = without_user(uri)
    if user:
        address = address.replace("://", f"://{_HIDDEN}@", 1)
    head, asked, _ = address.partition("?")
    return f"{head}?{_HIDDEN}" if asked and "://" in head else address


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of a message that somebody else wrote."""
    parts = {part for secret in secrets for part in (secret, secret.partition(":")[2]) if part}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, _HIDDEN)
    return _USER.sub(rf"\g<scheme>{_HIDDEN}@", text)
