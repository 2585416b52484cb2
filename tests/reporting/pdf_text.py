"""The words of a PDF that Chromium wrote, page by page: enough of the format for that and no more."""

import re
import zlib

SHOWN = re.compile(rb"/(\w+) [-\d.]+ Tf|((?:\[[^\]]*\]\s*TJ)|(?:<[0-9A-Fa-f]*> Tj)|ET)")
OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.S)


def pages(data):
    """Give the text of each page, in the order in which it was painted."""
    found = {int(number): body for number, body in OBJECT.findall(data)}
    order = re.findall(rb"(\d+) 0 R", _children(found))
    return [_text(found, found[int(one)]) for one in order]


def _children(found):
    leaves = {at for at, body in found.items() if re.search(rb"/Type /Page\b", body)}

    def walk(at):
        if at in leaves:
            return b"%d 0 R " % at
        kids = re.search(rb"/Kids \[(.*?)\]", found[at], re.S).group(1)
        return b"".join(walk(int(one)) for one in re.findall(rb"(\d+) 0 R", kids))

    roots = [at for at, body in found.items() if b"/Type /Pages" in body and b"/Parent" not in body]
    return walk(roots[0])


def _stream(body):
    data = body.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]
    return zlib.decompress(data) if b"/FlateDecode" in body else data


def _text(found, page):
    fonts = {
        name: _letters(found, found[int(at)])
        for block in re.findall(rb"/Font\s*<<(.*?)>>", page, re.S)
        for name, at in re.findall(rb"/(\w+) (\d+) 0 R", block)
    }
    content = _stream(found[int(re.search(rb"/Contents (\d+) 0 R", page).group(1))])
    said, letters = [], {}
    for font, line in SHOWN.findall(content):
        if font:
            letters = fonts.get(font, {})
        elif line == b"ET":
            said.append(" ")
        else:
            codes = b"".join(re.findall(rb"<([0-9A-Fa-f]*)>", line)).decode().upper()
            said += [letters.get(codes[at : at + 4], "?") for at in range(0, len(codes), 4)]
    return re.sub(r"\s+", " ", "".join(said))


def _letters(found, font):
    at = re.search(rb"/ToUnicode (\d+) 0 R", font)
    if at is None:
        return {}
    told, letters = _stream(found[int(at.group(1))]).decode("latin-1"), {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", told, re.S):
        for code, letter in re.findall(r"<(\w+)> <(\w+)>", block):
            letters[code.upper()] = bytes.fromhex(letter).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", told, re.S):
        for first, last, letter in re.findall(r"<(\w+)> <(\w+)> <(\w+)>", block):
            for step in range(int(last, 16) - int(first, 16) + 1):
                letters[f"{int(first, 16) + step:04X}"] = chr(int(letter, 16) + step)
    return letters
