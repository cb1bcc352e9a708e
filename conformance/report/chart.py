"""Line charts as SVG inside a page: no script, colours of the page's style, text for everyone.

A curve is told from another by its colour and by the shape of its marks, a companion by its dashes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import Markup

from conformance.report.curves import Panel
from conformance.report.sweeps import TICKS, Scale, placed
from reference.formats import Floats

WIDTH, HEIGHT = 330, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 24
MARKED = 8
"""Every so many points, a curve has a mark."""
MINUS = "−"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MARKS = (
    '<circle cx="{x}" cy="{y}" r="2.6"/>',
    '<rect x="{x}" y="{y}" width="4.8" height="4.8" transform="translate(-2.4 -2.4)"/>',
    '<path d="M{x} {y}m0 -3.2l3 5.4h-6z"/>',
)
Kind = Literal["signed", "condition", "ulps"]


@dataclass(frozen=True)
class Heights:
    """A vertical axis: its ends and its ticks; what lies beyond is drawn on the edge.

    signed: logarithmic in both directions and linear around 0; otherwise logarithmic.
    """

    low: float
    high: float
    signed: bool
    ticks: Mapping[str, float]

    def placed(self, heights: Floats) -> Floats:
        """Where heights lie, 0 to 1; NaN for NaN."""
        with np.errstate(all="ignore"):
            shown, low, high = (
                np.arcsinh(np.asarray(h)) if self.signed else np.log(np.asarray(h))
                for h in (heights, self.low, self.high)
            )
        return np.asarray(np.clip((shown - low) / (high - low), 0.0, 1.0))


def heights(kind: Kind, panels: Sequence[Panel]) -> Heights:
    """One axis for panels that are compared."""
    every = np.concatenate([c for p in panels for c in (*p.heights, *p.second)])
    every = every[np.isfinite(every)]
    every = every if len(every) else np.array([1.0])
    if kind == "signed":
        low, high = min(0.0, float(every.min())), max(0.0, float(every.max()))
        low, high = (low, high) if low < high else (-1.0, 1.0)
        return Heights(low, high, True, _signed_ticks(low, high))
    floor, least, most = (0.01, 10.0, 1e8) if kind == "condition" else (0.1, 100.0, 1e4)
    high = min(max(least, 10.0 ** math.ceil(math.log10(max(float(every.max()), floor)))), most)
    ticks = _powers(floor, high, every.min() < floor, every.max() > high)
    return Heights(floor, high, False, ticks)


def _signed_ticks(low: float, high: float) -> dict[str, float]:
    """Zero and the powers of ten that fit, from the largest down, none too near to another."""
    span = math.asinh(high) - math.asinh(low)
    wanted = [0.0, *(s * 10.0**k for k in range(9, -1, -1) for s in (1, -1)), 0.5, -0.5]
    wanted += [0.25, -0.25, 0.1, -0.1]
    found: list[float] = []
    for tick in wanted:
        inside = low <= tick <= high
        if inside and all(abs(math.asinh(tick) - math.asinh(t)) > 0.12 * span for t in found):
            found.append(tick)
    return {_text(tick): tick for tick in sorted(found)}


def _powers(low: float, high: float, below: bool, above: bool) -> dict[str, float]:
    """Powers of ten; the ends say so where there are curves beyond them."""
    first, last = round(math.log10(low)), round(math.log10(high))
    step = max(1, math.ceil((last - first) / 6))
    ticks = {10.0**k: _text(10.0**k) for k in range(last, first, -step)} | {low: _text(low)}
    beyond = {high: "≥ " if above else "", low: "≤ " if below else ""}
    return {beyond.get(tick, "") + text: tick for tick, text in ticks.items()}


def _text(number: float) -> str:
    """A tick's number: powers of ten beyond 1000 with an exponent."""
    if abs(number) >= 1e4 or 0 < abs(number) < 1e-2:
        power = str(round(math.log10(abs(number)))).translate(SUPERSCRIPT)
        return f"{MINUS if number < 0 else ''}10{power}"
    return f"{number:g}".replace("-", MINUS)


def chart(panel: Panel, scale: Scale, axis: Heights, alt: str, rule: float | None = None) -> Markup:
    """A panel as an `svg` element; `rule`: a height that is drawn as a line of its own."""
    parts = [_frame(scale, axis)]
    if rule is not None:
        y = _y(float(axis.placed(np.array(rule))))
        parts.append(f'<path class="rule strong" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
    for n, curve in enumerate(panel.second):
        parts.append(f'<path class="curve c{n} dashed" d="{_path(panel.places[n], curve, axis)}"/>')
    for n, curve in enumerate(panel.heights):
        parts.append(f'<path class="curve c{n}" d="{_path(panel.places[n], curve, axis)}"/>')
        parts.append(f'<g class="marks c{n}">{_marks(n, panel.places[n], curve, axis)}</g>')
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    inside = Markup("".join(parts))  # noqa: S704 - numbers and this file's own text
    return head.format(WIDTH, HEIGHT, alt) + inside + Markup("</svg>")


def swatch(n: int) -> Markup:
    """The line and the mark of a curve, for a legend."""
    mark = MARKS[n % len(MARKS)].format(x=13, y=6)
    return Markup(  # noqa: S704 - numbers
        f'<svg class="swatch" viewBox="0 0 26 12" aria-hidden="true"><path class="curve c{n}" '
        f'd="M1 6H25"/><g class="marks c{n}">{mark}</g></svg>'
    )


def _x(place: float) -> float:
    return round(LEFT + place * (WIDTH - LEFT - RIGHT), 1)


def _y(place: float) -> float:
    return round(HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM), 1)


def _frame(scale: Scale, axis: Heights) -> str:
    parts = []
    for text, tick in axis.ticks.items():
        y = _y(float(axis.placed(np.array(tick))))
        parts.append(f'<path class="rule" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3.5}" text-anchor="end">{text}</text>')
    for text, tick in TICKS[scale].items():
        x = _x(float(placed(scale, np.array(tick))))
        parts.append(f'<path class="rule" d="M{x} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>')
    return "".join(parts)


def _points(places: Floats, curve: Floats, axis: Heights) -> list[tuple[float, float] | None]:
    """Points of the drawing; None where a curve has none."""
    pairs = zip(places.tolist(), axis.placed(curve).tolist(), strict=True)
    return [
        (_x(place), _y(height)) if math.isfinite(place) and math.isfinite(height) else None
        for place, height in pairs
    ]


def _path(places: Floats, curve: Floats, axis: Heights) -> str:
    commands, command = [], "M"
    for point in _points(places, curve, axis):
        if point is None:
            command = "M"
            continue
        commands.append(f"{command}{point[0]:g} {point[1]:g}")
        command = "L"
    return "".join(commands)


def _marks(n: int, places: Floats, curve: Floats, axis: Heights) -> str:
    # Curves that coincide are told apart where their marks alternate.
    chosen = _points(places, curve, axis)[(2 * n) % MARKED :: MARKED]
    mark = MARKS[n % len(MARKS)]
    return "".join(mark.format(x=p[0], y=p[1]) for p in chosen if p is not None)
