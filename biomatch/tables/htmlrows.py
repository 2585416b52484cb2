"""The rows of an HTML page's tables: an agency's page, saved as it is shown."""

from __future__ import annotations

from html.parser import HTMLParser


class _Rows(HTMLParser):
    """Collects the cells of every row; a cell over several columns stands in each."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._span = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell."""
        if tag == "tr":
            self._close()
            self.rows.append([])
        elif tag in ("td", "th"):
            self._close()
            span = dict(attrs).get("colspan") or "1"
            self._cell, self._span = [], int(span) if span.isdecimal() else 1

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in ("td", "th", "tr", "table"):
            self._close()

    def handle_data(self, data: str) -> None:
        """Keep a cell's text."""
        if self._cell is not None:
            self._cell.append(data)

    def _close(self) -> None:
        if self._cell is None:
            return
        text = " ".join("".join(self._cell).split())
        if not self.rows:
            self.rows.append([])
        self.rows[-1] += [text] * min(self._span, 100)
        self._cell = None


def html_rows(text: str) -> list[list[str]]:
    """Give the rows of all tables of a page, in order, each a list of cells as text.

    Examples
    --------
    >>> html_rows("<table><tr><th colspan=2>All<tr><td>Date</td><td> Hour </td></tr></table>")
    [['All', 'All'], ['Date', 'Hour']]
    """
    parser = _Rows()
    parser.feed(text)
    parser.close()
    return [row for row in parser.rows if row]
