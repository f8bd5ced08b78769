"""Figures for reports, as SVG text that takes its colours from the page: one figure serves light and dark mode."""

import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

# Matplotlib does not know CSS colours: text and lines are drawn in a colour that nothing else has, and in the SVG it is
# replaced by the page's own.
_INK = "#010203"
_INCHES = (4.0, 2.9)  # about as wide as a phone, so that text keeps its size there
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito, safe for colour blindness
# Markers of Matplotlib, and the letters that look like them. Their number has no factor in common with that of the
# colours, so that as many styles as their product differ.
_MARKERS = (
    ("o", "\u25cf"),
    ("s", "\u25a0"),
    ("D", "\u25c6"),
    ("^", "\u25b2"),
    ("v", "\u25bc"),
    ("<", "\u25c0"),
    (">", "\u25b6"),
)
_FAR = 5  # the largest position over the smallest, above which an axis is logarithmic
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
        style: number of its colour and marker, as `legend_entry` takes it.
        x: positions on the x axis.
        y: values at these positions.
    """

    style: int
    x: Sequence[float]
    y: Sequence[float]


def legend_entry(style: int) -> tuple[str, str]:
    """Returns the sign and the colour that a legend outside of the figure shows for a style.

    In a figure, a legend of long names would be cut off; text of the page is wrapped.
    """
    return _MARKERS[style % len(_MARKERS)][1], SERIES[style % len(SERIES)]


def scatter(points: Sequence[Series], x_label: str, y_label: str, front: Sequence[int] = ()) -> str:
    """Returns a figure of single points, over a logarithmic x axis where they lie far apart.

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
        for point in points:
            axes.scatter(point.x, point.y, s=45, zorder=3, **_look(point))
        positions = [x for point in points for x in point.x]
        ratio = max(positions) / min(positions)
        if ratio > _FAR:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < _FAR**3 else (1,), numticks=6))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.margins(0.15)
        return _svg(figure)


def lines(groups: Sequence[Sequence[Series]], x_label: str, y_label: str, top: float | None = None) -> str:
    """Returns a figure of lines, the second of each group dashed; what is above `top` is cut off."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(x_label, y_label)
        for series, style in (pair for group in groups for pair in zip(group, ("-", "--"), strict=False)):
            apart = max(1, len(series.x) // 8)  # a marker on every eighth of a line tells lines of one colour apart
            axes.plot(series.x, series.y, style, markersize=4, markevery=apart, linewidth=1.2, **_look(series))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if top is not None:
            axes.set_ylim(top=top)
        return _svg(figure)


def reliability(confidences: Sequence[float], accuracies: Sequence[float], sizes: Sequence[int], least: int) -> str:
    """Returns a reliability diagram: the share that is right, in percent, in bins of the probability.

    Args:
        confidences: mean probability of each bin, in percent; the bins divide 0 to 100 evenly.
        accuracies: share of each bin's images that is right, in percent.
        sizes: number of images in each bin; a bin without images is not drawn.
        least: number of images below which a bin is drawn pale.
    """
    width = 100 / len(sizes)
    with mpl.rc_context(_STYLE):
        figure, axes = _axes("probability (%)", "right (%)")
        axes.plot([0, 100], [0, 100], color=_INK, alpha=0.4, linestyle=":")
        for number, (confidence, accuracy, size) in enumerate(zip(confidences, accuracies, sizes, strict=True)):
            if size:
                axes.bar(
                    width * (number + 0.5), accuracy, 0.9 * width, color=SERIES[0], alpha=0.8 if size >= least else 0.3
                )
                axes.plot([confidence], [accuracy], marker="o", markersize=4, color=SERIES[1])
        axes.set(xlim=(0, 100), ylim=(0, 105))
        return _svg(figure)


def pareto_front(cost: Sequence[float], gain: Sequence[float]) -> list[int]:
    """Returns the numbers of the points on the Pareto front: no other is as good in both, and better in one."""
    pairs = list(zip(cost, gain, strict=True))
    return [
        number
        for number, (x, y) in enumerate(pairs)
        if not any((a <= x and b >= y) and (a < x or b > y) for a, b in pairs)
    ]


def _look(series: Series) -> dict[str, str]:
    return {"color": SERIES[series.style % len(SERIES)], "marker": _MARKERS[series.style % len(_MARKERS)][0]}


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(visible=True)
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r' (width|height)="[^"]*pt"', "", svg, count=2)  # the page sets the size


def with_names_of_its_own(svg: str, number: int) -> str:
    """Returns a figure whose names begin with a number: those of two figures of one page must differ."""
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>f{number}-", svg)
