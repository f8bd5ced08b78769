"""Image files by what a person names: files, folders, patterns, or a list on standard input.

`hybrid_tf.data.image_files` is a link to this file.
"""

import glob
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

IMAGE_SUFFIXES = frozenset(
    [
        *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
        *(".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"),
    ]
)
PREVIEWS = ("@eaDir", "__MACOSX")  # folders of previews and of file attributes, which look like images
START = 64  # bytes that say whether a file is an image


class ImageFile(NamedTuple):
    """A file to read, or what was named and cannot be; then `error` says why."""

    name: str
    error: str = ""


def image_files(arguments: Iterable[str | Path]) -> Iterator[ImageFile]:
    """Yields what `arguments` name, in their order; says on standard error how many files were skipped.

    Args:
        arguments: paths of files, and of folders, in which every file counts that `claims_image` is true of, but for
            hidden ones; patterns such as `photos/*.jpg`, `**` for folders below; `-` for paths on standard input, one a
            line.
    """
    skipped = 0
    for argument in map(str, arguments):
        if argument == "-":
            skipped += yield from _listed()
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            skipped += yield from _matching(argument)
        else:
            skipped += yield from _named(argument)
    if skipped:
        print(f"skipped in folders, being no images: {skipped:,}", file=sys.stderr)


def claims_image(name: str | Path, start: bytes) -> bool:
    """Whether a file is an image by its first `START` bytes, whatever its name, or at least by its suffix.

    Of a file in a folder this decides, in training and prediction alike, whether it has to be read; one whose name
    alone claims it cannot be, which is then said.
    """
    from .pixels import is_image  # here, as it needs Pillow, whose absence another module explains

    return Path(name).suffix.lower() in IMAGE_SUFFIXES or is_image(start)


def has_to_be_read(path: Path) -> bool:
    """Whether a file in a folder has to be read; one that cannot be opened has, so that the reader says why."""
    if not path.is_file():  # a pipe would never end
        return not path.exists()  # a link to nothing
    try:
        with path.open("rb") as file:
            return claims_image(path, file.read(START))
    except OSError:
        return True


def _listed() -> Generator[ImageFile, None, int]:
    skipped, any_name = 0, False
    for line in sys.stdin.buffer if sys.stdin else ():  # it is absent where it was closed
        if name := os.fsdecode(line.rstrip(b"\r\n")):
            any_name = True
            skipped += yield from _named(name)
    if not any_name:
        yield ImageFile("-", "standard input names no files: give one path a line")
    return skipped


def _matching(pattern: str) -> Generator[ImageFile, None, int]:
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  Path.glob takes no absolute patterns
    if "**" in pattern:  # it matches what is in the folders, too
        found = [name for name in found if not Path(name).is_dir()]
    if not found:
        yield ImageFile(pattern, f"no file matches {pattern}")
    skipped = 0
    for name in found:
        skipped += yield from _named(name)
    return skipped


def _named(name: str) -> Generator[ImageFile, None, int]:
    """Yields a file, or the images in a folder; returns how many files in it are none."""
    if not name or not Path(name).is_dir():
        yield ImageFile(name)
        return 0
    failures: list[OSError] = []
    found, skipped, seen = 0, 0, set()
    for root, folders, files in os.walk(name, onerror=failures.append, followlinks=True):
        real = os.path.realpath(root)
        entered = sorted(folder for folder in folders if not folder.startswith(".") and folder not in PREVIEWS)
        folders[:] = [] if real in seen else entered
        shown = [] if real in seen else sorted(file for file in files if not file.startswith("."))
        seen.add(real)  # a link may lead back to where it is
        for file in shown:
            if has_to_be_read(Path(root, file)):
                found += 1
                yield ImageFile(str(Path(root, file)))
            else:
                skipped += 1
    yield from (ImageFile(str(error.filename), f"cannot read {error.filename}: {error.strerror}") for error in failures)
    if not found and not failures:
        yield ImageFile(name, f"{name} holds no images" + (f"; other files: {skipped:,}" if skipped else ""))
    return skipped
