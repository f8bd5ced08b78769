"""The manifest of a folder of images: every file, what it is, and which split it belongs to."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_bytes

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
_DEFAULT_SIZE = (64, 64)
_LARGEST_OWN_SIZE = 256  # a side; larger images are photographs, which nobody trains on in full size unasked
_NAMED = 3  # files that a message names before it counts the rest
_LEFT_OUT = "left out"


class ImageFile(NamedTuple):
    """An image file that is used.

    Attributes:
        path: path relative to the folder, with "/".
        name: name of its class.
        split: "train", "validation" or "test".
        size: size of the file in bytes.
        digest: hexadecimal BLAKE2b digest of its content, 128 bits.
        height, width, mode, format, bits: as in `hybrid_tf.data.pixels.Header`.
        grey, transparent: as there.
    """

    path: str
    name: str
    split: str
    size: int
    digest: str
    height: int
    width: int
    mode: str
    format: str
    bits: int
    grey: bool
    transparent: bool


class LeftOut(NamedTuple):
    """A file that is not used, by its path relative to the folder, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """What a folder of images holds.

    Attributes:
        root: path of the folder, absolute.
        files: the images that are used, in the order of their paths.
        left_out: the files that are not.
        notes: what a person should know about how the folder was understood, one sentence each.
    """

    root: Path
    files: tuple[ImageFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, split: str) -> list[ImageFile]:
        """Returns the images of a split."""
        return [file for file in self.files if file.split == split]

    def mixed(self, split: str) -> list[ImageFile]:
        """Returns the images of a split as the data set has them, by digest: every part is a mixture of the classes."""
        return sorted(self.of(split), key=lambda file: (file.digest, file.path))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, sorted."""
        return tuple(sorted({file.name for file in self.files}))

    @property
    def own_shape(self) -> tuple[int, int, int]:
        """Height, width and channels that the images have when nobody chooses them.

        The size is theirs when they are all equal and no side is above 256, else 64x64; channels are 3 unless all are
        grey.
        """
        sizes = Counter((file.height, file.width) for file in self.files)
        size = next(iter(sizes)) if len(sizes) == 1 else _DEFAULT_SIZE
        if max(size) > _LARGEST_OWN_SIZE:
            size = _DEFAULT_SIZE
        return (*size, 1 if all(file.grey for file in self.files) else 3)

    def equal(self) -> list[list[ImageFile]]:
        """Returns the groups of images with the same content."""
        alike: dict[str, list[ImageFile]] = defaultdict(list)
        for file in self.files:
            alike[file.digest].append(file)
        return [group for group in alike.values() if len(group) > 1]

    def trained_on(self, digests: Iterable[str]) -> int:
        """Returns how many of the images with these digests are training images here."""
        known = {file.digest for file in self.of(TRAIN)}
        return sum(digest in known for digest in digests)

    def changes(self, now: Manifest) -> str:
        """Returns what is different in the folder `now`, in one sentence; an empty text when nothing is.

        Paths are compared relative to the folders, which may have been moved.
        """
        before, after = ({file.path: file for file in manifest.files} for manifest in (self, now))
        kinds = {
            "added": sorted(after.keys() - before.keys()),
            "removed": sorted(before.keys() - after.keys()),
            "changed": sorted(
                path for path in before.keys() & after.keys() if before[path].digest != after[path].digest
            ),
            "moved to another split": sorted(
                path
                for path in before.keys() & after.keys()
                if before[path].digest == after[path].digest and before[path].split != after[path].split
            ),
        }
        return "; ".join(f"{count_of(paths)} {kind}: {some_of(paths)}" for kind, paths in kinds.items() if paths)

    def save(self, path: Path) -> None:
        """Writes the manifest as a table, without `notes`. Raises HybridTFError when that is not possible."""
        text = io.StringIO()
        # Both ends of lines, so that a name with either of them is quoted; before Python 3.13 no other one would be.
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([*ImageFile._fields, "reason"])
        writer.writerows([*file, ""] for file in self.files)
        for path_of, reason in self.left_out:
            writer.writerow([path_of, "", _LEFT_OUT, *[""] * (len(ImageFile._fields) - 3), reason])
        write_bytes(path, text.getvalue().encode(errors="surrogateescape"))  # file names need not be UTF-8

    @classmethod
    def load(cls, path: Path, root: Path) -> Manifest:
        """Returns the manifest that `save` wrote. Raises HybridTFError when it cannot be read."""
        try:
            text = path.read_bytes().decode(errors="surrogateescape")
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
            used = [row for row in rows if row["split"] != _LEFT_OUT]
            left_out = tuple(LeftOut(row["path"], row["reason"]) for row in rows if row["split"] == _LEFT_OUT)
            files = tuple(
                ImageFile(
                    row["path"], row["name"], row["split"], int(row["size"]), row["digest"], int(row["height"]),
                    int(row["width"]), row["mode"], row["format"], int(row["bits"]), row["grey"] == "True",
                    row["transparent"] == "True",
                )
                for row in used
            )  # fmt: skip
        except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
            raise HybridTFError(f"{path} is damaged ({error!r}): restore it, or train again") from error
        return cls(root, files, left_out)


def count_of(images: Sequence[object]) -> str:
    """Returns "1 image" or "12 images"."""
    return f"{len(images):,} image{'s' * (len(images) != 1)}"


def some_of(paths: Sequence[str]) -> str:
    """Returns the first paths, and how many more there are."""
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def reasons_of(left_out: Sequence[LeftOut]) -> list[str]:
    """Returns a text for each reason, with the number of files and some of their names."""
    return [f"{reason} ({len(paths):,}): {some_of(paths)}" for reason, paths in by_reason(left_out).items()]


def by_reason(left_out: Sequence[LeftOut]) -> dict[str, list[str]]:
    """Returns the paths of each reason, without its details, the most frequent first."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in left_out:
        found[item.reason.split(" (")[0]].append(item.path)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))
