#!/usr/bin/env python3
"""Turns captured terminal screens into an SVG: tmux capture-pane -e -p | scripts/screenshot.py 80 24 >screen.svg

Several screens with a form feed between them become a picture that moves: screenshot.py 80 24 SECONDS, for each of them.

Knows what opentop draws: bold, dim, underline, reverse, the 16 colours, 256 colours and RGB.
"""

import re
import sys
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

# The width is that of DejaVu Sans Mono at 14 pixels, so that text without textLength fits too.
CELL_W, CELL_H, MARGIN = 8.428, 18, 12
PAPER, INK = "#16181d", "#d5d8de"
BASIC = ["#2b2f37", "#e5685f", "#7fb069", "#d9a441", "#6a9fd8", "#b48ead", "#5fb3b3", "#c9ccd3",
         "#6b7280", "#ff8a80", "#a3d977", "#ffd166", "#8fc1ff", "#d7b3e0", "#8fe0e0", "#ffffff"]
PLAIN = {"fg": None, "bg": None, "bold": False, "dim": False, "under": False, "reverse": False}
ON = {1: "bold", 2: "dim", 4: "under", 7: "reverse"}
OFF = {22: ("bold", "dim"), 24: ("under",), 27: ("reverse",)}


def indexed(n):
    if n < 16:
        return BASIC[n]
    if n >= 232:
        return "#" + f"{8 + 10 * (n - 232):02x}" * 3
    level = [0, 95, 135, 175, 215, 255]
    n -= 16
    return "#" + "".join(f"{level[i]:02x}" for i in (n // 36, n // 6 % 6, n % 6))


def apply(style, codes):
    codes = iter(codes or [0])
    for code in codes:
        if code == 0:
            style = dict(PLAIN)
        elif code in ON:
            style[ON[code]] = True
        elif code in OFF:
            style.update(dict.fromkeys(OFF[code], False))
        elif code in (38, 48):
            kind = next(codes)
            colour = indexed(next(codes)) if kind == 5 else "#%02x%02x%02x" % (next(codes), next(codes), next(codes))
            style["fg" if code == 38 else "bg"] = colour
        elif code in (39, 49):
            style["fg" if code == 39 else "bg"] = None
        elif code % 10 < 8:
            bright = 8 if code >= 90 else 0
            style["fg" if code // 10 % 6 == 3 else "bg"] = BASIC[code % 10 + bright]
    return style


def runs(line):
    """Pieces of the line that share a style: column, width, text, style."""
    style, column = dict(PLAIN), 0
    for escape_codes, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
        if not text:
            style = apply(dict(style), [int(code or 0) for code in escape_codes.split(";")])
            continue
        width = sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
        yield column, width, text, style
        column += width


def drawn(line):
    """The line as SVG, its upper left corner at the origin."""
    parts = []
    for column, cells, text, style in runs(line):
        ink, paper = style["fg"] or INK, style["bg"] or PAPER
        if style["reverse"]:
            ink, paper = paper, ink
        x, width = column * CELL_W, cells * CELL_W
        if paper != PAPER:
            parts.append(f'<rect x="{x:.1f}" width="{width:.1f}" height="{CELL_H}" fill="{paper}"/>')
        if text.strip():
            extra = ' font-weight="bold"' if style["bold"] else ""
            extra += ' opacity="0.6"' if style["dim"] else ""
            extra += ' text-decoration="underline"' if style["under"] else ""
            parts.append(f'<text x="{x:.1f}" y="13.5" fill="{ink}" textLength="{width:.1f}" '
                         f'xml:space="preserve"{extra}>{escape(text)}</text>')
    return "".join(parts)


def moving(frames, width, seconds):
    """The frames side by side, moved along behind a window; each line that is in several is there once."""
    lines = {}
    for frame in frames:
        for line in frame:
            lines.setdefault(drawn(line), len(lines))
    yield "<defs>" + "".join(f'<g id="l{at}">{svg}</g>' for svg, at in lines.items()) + "</defs>"
    steps = "".join(f"{100 * at / len(frames):.3f}%{{transform:translateX(-{at * width:.0f}px)}}"
                    for at in range(len(frames)))
    yield f"<style>@keyframes m{{{steps}}}#m{{animation:m {seconds:g}s step-end infinite}}</style><g id=\"m\">"
    for at, frame in enumerate(frames):
        used = ((row, lines[drawn(line)]) for row, line in enumerate(frame) if line.strip())
        yield f'<g transform="translate({at * width:.0f} 0)">' + "".join(
            f'<use href="#l{line}" y="{row * CELL_H}"/>' for row, line in used) + "</g>"
    yield "</g>"


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    width, height = columns * CELL_W + 2 * MARGIN, rows * CELL_H + 2 * MARGIN
    screens = [screen.split("\n")[:rows] for screen in sys.stdin.read().split("\f")]
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
          f'font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="14">')
    print(f'<rect width="100%" height="100%" rx="6" fill="{PAPER}"/>')
    print(f'<svg x="{MARGIN}" y="{MARGIN}" width="{columns * CELL_W:.0f}" height="{rows * CELL_H}">')
    if len(screens) == 1:
        for row, line in enumerate(screens[0]):
            print(f'<g transform="translate(0 {row * CELL_H})">{drawn(line)}</g>')
    else:
        print(*moving(screens, columns * CELL_W, len(screens) * float(sys.argv[3])), sep="\n")
    print("</svg></svg>")


main()
