# SPDX-License-Identifier: ISC
"""A screen of tests/lib/screen.py as a picture."""

from xml.sax.saxutils import escape

CELL, LINE, EDGE, SIZE = 8.4, 18, 10, 14
PAPER, INK = "#1d1f21", "#d7d7d7"
COLOURS = {"default": INK, "black": "#1d1f21", "red": "#e06c75",
           "green": "#98c379", "brown": "#e5c07b", "yellow": "#e5c07b",
           "blue": "#61afef", "magenta": "#c678dd", "cyan": "#56b6c2",
           "white": "#ffffff"}


def look(cell):
    """(ink, paper, bold) of it."""
    ink = COLOURS.get(cell.fg, INK)
    paper = PAPER if cell.bg == "default" else COLOURS.get(cell.bg, PAPER)
    if cell.reverse:
        ink, paper = paper, ink
    return ink, paper, cell.bold


def runs(shown, row, columns):
    """(column, text, look) of the cells of a row that look the same."""
    found = []
    for column in range(columns):
        cell = shown.cell(row, column)
        if found and found[-1][2] == look(cell):
            found[-1][1] += cell.data
        else:
            found.append([column, cell.data, look(cell)])
    return found


def picture(shown):
    rows, columns = shown.terminal.lines, shown.terminal.columns
    width, height = columns * CELL + 2 * EDGE, rows * LINE + 2 * EDGE
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" '
        'width="%g" height="%g">' % (width, height, width, height),
        '<rect width="100%%" height="100%%" rx="6" fill="%s"/>' % PAPER,
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
        'font-size="%d" xml:space="preserve">' % SIZE]
    for row in range(rows):
        y = EDGE + row * LINE
        for column, text, (ink, paper, bold) in runs(shown, row, columns):
            x, wide = EDGE + column * CELL, len(text) * CELL
            if paper != PAPER:
                lines.append('<rect x="%g" y="%g" width="%g" height="%d" '
                             'fill="%s"/>' % (x, y, wide, LINE, paper))
            if text.strip():
                lines.append(
                    '<text x="%g" y="%g" textLength="%g" fill="%s"%s>%s'
                    '</text>' % (x, y + LINE - 5, wide, ink,
                                 ' font-weight="bold"' if bold else "",
                                 escape(text)))
    return "\n".join(lines + ["</g>", "</svg>", ""])
