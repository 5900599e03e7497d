"""A report's page read as a reader's program would: its tables, its figures, its text."""

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Tables by the name of their place, figures with what they say to who cannot see them, and all words."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.figures, self.words, self.ids = {}, {}, [], []
        self._open, self._table, self._figure = [], None, None
        self.feed(text)
        assert self._open == [], f"left open: {self._open}"

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "div" and given.get("class") == "table":
            self._table = self.tables.setdefault(given["id"].removeprefix("table-"), [])
        if tag == "figure":
            self._figure = self.figures.setdefault(given["id"].removeprefix("figure-"), {})
        if tag == "tr":
            self._table.append([])
        if tag in ("td", "th"):
            self._table[-1].append("")
        if tag == "svg" and self._figure is not None and "role" in given:
            self._figure["labels"] = given["aria-labelledby"].split()
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for key, value in attributes if key == "id"]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in ("td", "th") and self._table:
            self._table[-1][-1] += data.strip()
        elif self._open and self._open[-1] in ("title", "desc") and "svg" in self._open:
            self._figure[self._open[-1]] = data
        elif self._open and self._open[-1] not in ("style", "script"):
            self.words.append(" ".join(data.split()))

    @property
    def text(self):
        """All that is read outside tables."""
        return " ".join(filter(None, self.words))
