"""An overview of a folder of images: what is used, what is not and why, as tables, JSON and a contact sheet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

from hybrid_tf.data.images import load_image
from hybrid_tf.data.manifest import SPLITS, Manifest, by_reason, some_of
from hybrid_tf.data.pixels import WHITE
from hybrid_tf.errors import printable
from hybrid_tf.system.files import atomic_path
from hybrid_tf.tables import table

_COMMON = 5  # sizes that a table lists, the most frequent
_COLUMNS = 10  # images of a class on a contact sheet
MOST_CLASSES = 40  # rows of a contact sheet
_CELL = 96  # pixels, height and width of an image on it
_LABEL = 200  # pixels, width of the names


def overview(manifest: Manifest) -> dict[str, Any]:
    """Returns all that is known of a folder of images, as JSON values."""
    files = manifest.files
    counts = Counter((file.name, file.split) for file in files)
    return {
        "folder": str(manifest.root),
        "images": len(files),
        "bytes": sum(file.size for file in files),
        "classes": {name: {split: counts[name, split] for split in SPLITS} for name in manifest.class_names},
        "image_shape": list(manifest.own_shape),
        "sizes": _counts(f"{file.width}x{file.height}" for file in files),
        "modes": _counts(file.mode for file in files),
        "formats": _counts(file.format for file in files),
        "equal": [[file.path for file in group] for group in manifest.equal()],
        "left_out": [item._asdict() for item in manifest.left_out],
        "notes": list(manifest.notes),
    }


def overview_tables(manifest: Manifest, found: dict[str, Any]) -> list[Table | str]:
    """Returns tables and lines that say to a person what `overview` found."""
    rows = [[name, *counts.values(), sum(counts.values())] for name, counts in found["classes"].items()]
    rows.append(["all", *([sum(row[column] for row in rows) for column in range(1, 5)])])
    size = "x".join(map(str, found["image_shape"]))
    kinds = [
        ["size that --input-size and --channels change", size],
        ["sizes, width x height", _listed(found["sizes"])],
        ["modes", _listed(found["modes"])],
        ["formats", _listed(found["formats"])],
    ]
    left_out = [[reason, len(paths), some_of(paths)] for reason, paths in by_reason(manifest.left_out).items()]
    parts: list[Table | str] = [
        table(f"{manifest.root}: images", ["class", *SPLITS, "all"], rows),
        table("what they are", ["", ""], kinds),
    ]
    if left_out:
        parts.append(table("left out", ["why", "files", "which"], left_out))
    return [*parts, *(f"note: {printable(note)}" for note in manifest.notes if not note.startswith("left out"))]


def draw_contact_sheet(manifest: Manifest, path: Path, background: str = WHITE) -> None:
    """Draws the first images of each class, as a network sees them, to a PNG file.

    Raises:
        HybridTFError: when an image cannot be read or the file cannot be written.
    """
    height, width, channels = manifest.own_shape
    names = manifest.class_names[:MOST_CLASSES]
    sheet = Image.new("RGB", (_LABEL + _COLUMNS * (_CELL + 2), len(names) * (_CELL + 2)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 14)
    for row, name in enumerate(names):
        top = row * (_CELL + 2)
        files = [file for file in manifest.files if file.name == name]
        draw.text((6, top + _CELL // 2 - 16), printable(name)[:22], "black", font)
        draw.text((6, top + _CELL // 2 + 4), f"{len(files):,}", "gray", font)
        for column, file in enumerate(sorted(files, key=lambda file: file.digest)[:_COLUMNS]):
            pixels = load_image(manifest.root / file.path, (height, width, channels), background)
            image = Image.fromarray(np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels)
            image.thumbnail((_CELL, _CELL)) if max(height, width) > _CELL else None
            scale = _CELL / max(image.size)
            image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.NEAREST)
            sheet.paste(image, (_LABEL + column * (_CELL + 2), top))
    with atomic_path(path) as temporary:
        sheet.save(temporary, "PNG")


def _counts(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _listed(counts: dict[str, int]) -> str:
    text = ", ".join(f"{name} ({count:,})" for name, count in list(counts.items())[:_COMMON])
    others = list(counts.values())[_COMMON:]
    return text + (f" and {len(others):,} others ({sum(others):,})" if others else "")
