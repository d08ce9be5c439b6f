"""Hostile text stays text: what a value needs in each format that would otherwise act on it."""

import re

# Spreadsheets (OWASP: CSV injection). A cell is a formula when it begins with one of these, full-width forms included
# where the input method is East Asian. Quoting the cell does not help: the quotes are gone when the cell is evaluated.
_FORMULA = "=+\\-@＝＋－＠"
# Characters that a program may drop before it looks: blanks, invisible ones, and the quotes of a cell split in two.
_DROPPED = '\\s"\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff'
# Where the list separator is `;`, or text is pasted and split at tabs and lines, a cell may also begin in mid-value.
_CELL = re.compile(f"^(?=[{_DROPPED}]*[\t\r\n\0{_FORMULA}])|[;\t\r\n](?=[{_DROPPED}]*[{_FORMULA}])")
_SPLIT = re.compile("[;\t\r\n]")


def cell(text: str) -> str:
    """The text as a spreadsheet shows it and never evaluates it: `'` before whatever could begin a formula.

    This changes the value; who needs it untouched reads JSON or NDJSON.
    """
    # Most cells. A page of 1,000 entries has 32,000: 39 ms with this test, 57 without (best of seven, one core).
    if text[:1].isalnum() and not _SPLIT.search(text):
        return text
    return _CELL.sub(r"\g<0>'", text)


# CommonMark 0.31 and GFM. Every character is escaped only where it can act, so that a brief still reads well raw.
_ACTIVE = re.compile(
    r"""
      [\\`*\[<|~{$]                         # escapes, code, emphasis, links, HTML, tables, strikethrough, maths
    | (?<![^\W_])_ | _(?![^\W_])            # emphasis, but not within a word
    | &(?=\#?\w+;)                          # character references
    | (?<!\S)\#                             # headings, and the closing marks of our own
    | ^[>+\-=:]                             # quotes, lists, underlines
    | :(?=//) | (?<=www)\. | (?<=[\w.+-])@(?=\w)  # GFM makes links of these
    """,
    re.VERBOSE,
)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_BREAKS = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
# Explicit directions reach to the end of the line unless closed: they could turn our "denied" around. Arabic and Hebrew
# letters bring their own direction and need none of these.
_DIRECTIONS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def inline(text: str) -> str:
    """The text on one line of Markdown, where any CommonMark or GFM parser reads it as it was.

    Line breaks become a blank. GitHub's own renderer may still link a bare address: to where its text says.
    """
    flat = _BREAKS.sub(" ", text.translate(_DIRECTIONS)).strip()
    return _NUMBERED.sub(r"\1\\\2", _ACTIVE.sub(r"\\\g<0>", flat))


def paragraphs(text: str) -> list[str]:
    """The text's lines, each to stand as a paragraph of its own."""
    return [line for line in map(inline, text.splitlines()) if line]
