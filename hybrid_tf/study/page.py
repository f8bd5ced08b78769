"""Self-contained HTML pages: no network, no other file; light and dark."""

from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hybrid_tf.graphs.memory import size
from hybrid_tf.study.figures import with_names_of_its_own
from hybrid_tf.system.files import write_text
from hybrid_tf.tables import percent
from hybrid_tf.version import __version__


def write_page(path: Path, template: str, **values: Any) -> None:
    """Writes the page that one of our templates makes of `values` to `path`.

    Every value is escaped; figures, which are markup, go through the template's function `figure`.

    Raises:
        HybridTFError: when the file cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("hybrid_tf.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    numbers = count()
    environment.globals |= {
        "version": __version__,
        "size": size,
        "percent": lambda share: percent(share).replace(" ", "\N{NO-BREAK SPACE}"),
        "count": lambda number: f"{number:,}",
        "figure": lambda svg: Markup(with_names_of_its_own(svg, next(numbers))),
    }
    text = environment.get_template(template).render(values)
    write_text(path, text.encode(errors="replace").decode())  # names of files need not be UTF-8
