"""Figures for reports, as SVG text that takes its colours from the page: one figure serves light and dark mode."""

import io
import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Matplotlib does not know CSS colours: text and lines are drawn in a colour that nothing else has, and in the SVG it is
# replaced by the page's own.
_INK = "#010203"
_INCHES = (4.0, 2.9)  # about as wide as a phone, so that text keeps its size there
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito, safe for colour blindness
_MARKERS = "osD^vP"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hybrid-tf",  # the same figure gives the same text
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


class Series(NamedTuple):
    """What is drawn in one colour.

    Attributes:
        label: label in the legend.
        x: positions on the x axis.
        y: values at these positions.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]


def scatter(points: Sequence[Series], x_label: str, y_label: str, front: Sequence[int] = ()) -> str:
    """Returns a figure of single points over a logarithmic x axis.

    Args:
        points: series with one position each.
        x_label: label of the x axis, with the unit.
        y_label: label of the y axis, with the unit.
        front: numbers of the points that a line joins, as `pareto_front` gives them.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(x_label, y_label)
        ends = sorted((points[number].x[0], points[number].y[0]) for number in front)
        axes.plot(*zip(*ends, strict=True), color=_INK, alpha=0.4, linestyle=":") if ends else None
        for number, point in enumerate(points):
            style = {"color": SERIES[number % len(SERIES)], "marker": _MARKERS[number % len(_MARKERS)]}
            axes.scatter(point.x, point.y, s=45, label=point.label, zorder=3, **style)
        axes.set_xscale("log")
        axes.margins(0.15)
        return _svg(figure)


def lines(groups: Sequence[Sequence[Series]], x_label: str, y_label: str) -> str:
    """Returns a figure of lines: a colour for each group, whose second line is dashed."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(x_label, y_label)
        for number, group in enumerate(groups):
            for series, style in zip(group, ("-", "--"), strict=False):
                axes.plot(series.x, series.y, style, color=SERIES[number % len(SERIES)], label=series.label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        return _svg(figure)


def pareto_front(cost: Sequence[float], gain: Sequence[float]) -> list[int]:
    """Returns the numbers of the points on the Pareto front: no other is as good in both, and better in one."""
    pairs = list(zip(cost, gain, strict=True))
    return [
        number
        for number, (x, y) in enumerate(pairs)
        if not any((a <= x and b >= y) and (a < x or b > y) for a, b in pairs)
    ]


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True)
    return figure, axes


def _svg(figure: Figure) -> str:
    if figure.axes[0].get_legend_handles_labels()[1]:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r' (width|height)="[^"]*pt"', "", svg, count=2)  # the page sets the size
    # Names must differ between the figures of one page.
    prefix = f"f{zlib.crc32(svg.encode()):08x}-"
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
