"""The ratios as a bar chart with confidence intervals, as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.estimates import Estimate
    from bench.results import Row

WIDTH, LABELS, BAR, GAP, HEAD, FOOT = 820, 230, 14, 16, 56, 28
SCALE = WIDTH - LABELS - 130  # pixels of the ratio 1
SERIES = (("cpu_ratio", "CPU efficiency", "#3b6ea5"), ("throughput_ratio", "throughput", "#e0973a"))


def svg(rows: Sequence[Row], subtitle: str) -> str:
    """Return a chart of the ratios to untraced."""
    height = HEAD + len(rows) * (2 * BAR + GAP) + FOOT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
            ' font-size="13">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(
            10, 22, "What tracing leaves of an untraced service (1 = nothing lost)", "font-weight:bold;font-size:15px"
        ),
        _text(10, 42, subtitle, "fill:#555"),
        _line(LABELS + SCALE, HEAD - 6, height - FOOT, "#999"),
    ]
    for number, row in enumerate(rows):
        top = HEAD + number * (2 * BAR + GAP)
        parts.append(_text(10, top + BAR + 4, row.title))
        for offset, (name, _, colour) in enumerate(SERIES):
            parts += _bar(top + offset * BAR, getattr(row, name), colour)
    for number, (_, label, colour) in enumerate(SERIES):
        parts.append(f'<rect x="{LABELS + number * 150}" y="{height - 20}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(LABELS + 15 + number * 150, height - 11, label))
    return "\n".join([*parts, "</svg>\n"])


def _bar(top: float, ratio: Estimate, colour: str) -> list[str]:
    low, high, middle = LABELS + ratio.low * SCALE, LABELS + ratio.high * SCALE, top + BAR / 2
    return [
        f'<rect x="{LABELS}" y="{top}" width="{ratio.value * SCALE:.1f}" height="{BAR - 2}" fill="{colour}"/>',
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle - 1:.1f}" y2="{middle - 1:.1f}" stroke="#222"/>',
        _text(high + 6, top + BAR - 3, f"{ratio.value:.2f}", "font-size:11px"),
    ]


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{style}">{escape(text)}</text>'


def _line(x: float, top: float, bottom: float, colour: str) -> str:
    return f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" stroke="{colour}" stroke-dasharray="4 3"/>'
