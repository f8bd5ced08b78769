"""The layout of a folder of images: which folders are splits, which are classes, and which files lie in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hybrid_tf.data.image_files import PREVIEWS, has_to_be_read
from hybrid_tf.data.manifest import TEST, TRAIN, VALIDATION, LeftOut
from hybrid_tf.errors import HybridTFError

LAYOUT = "<class>/<image>, or train/<class>/<image> and test/<class>/<image>"
IN_NO_CLASS = "in no class folder"
_NAMES = {
    TRAIN: ("train", "training"),
    VALIDATION: ("validation", "valid", "val", "dev"),
    TEST: ("test", "testing"),
}


@dataclass
class Layout:
    """Where the images of a folder are.

    Attributes:
        root: path of the folder, absolute.
        folders: the folder of each split; one of `TRAIN` alone when the program has to divide the images.
        files: path of every file in a class folder, relative to `root`, with its split and class.
        left_out: files that are in no class folder, hidden files, and whole folders that are not used.
    """

    root: Path
    folders: dict[str, Path]
    files: list[tuple[str, str, str]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def classes(self, split: str) -> list[str]:
        """Returns the names of the class folders of a split, sorted; they may be empty."""
        return [folder.name for folder in _subfolders(self.folders[split])] if split in self.folders else []


def find_layout(root: Path) -> Layout:
    """Returns the layout of the folder `root`.

    Splits are known by their names in any case: train or training; validation, valid, val or dev; test or testing.
    Everything else in `root` is a class, unless there is a folder with training images: then only splits count.

    Raises:
        HybridTFError: when a folder cannot be read, or it is not clear what is what.
    """
    splits = _splits(root)
    if TRAIN in splits and _subfolders(splits[TRAIN]):
        layout = Layout(root, splits)
        used = set(splits.values())
        layout.left_out += [
            LeftOut(f"{folder.name}/", "a folder beside the splits")
            for folder in _subfolders(root)
            if folder not in used
        ]
        _name_loose_files(layout, root)
    else:
        _check_lone_splits(root, splits)
        layout = Layout(root, {TRAIN: root})
    for split, folder in layout.folders.items():
        _add_files(layout, split, folder)
    return layout


def _splits(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in _subfolders(root):
        for split, names in _NAMES.items():
            if folder.name.lower() in names:
                if split in found:
                    raise HybridTFError(
                        f"{root} has two folders of {split} images, '{found[split].name}' and '{folder.name}': "
                        "rename or remove one"
                    )
                found[split] = folder
    return found


def _check_lone_splits(root: Path, splits: dict[str, Path]) -> None:
    """Raises HybridTFError when folders with names of splits are likely to be splits, but cannot be used as such."""
    if TRAIN in splits and len(splits) > 1:
        raise HybridTFError(
            f"the images in {splits[TRAIN]} are in no class folder: put them into {splits[TRAIN].name}/<class>/"
        )
    classes = {folder.name for folder in _subfolders(root)} - {folder.name for folder in splits.values()}
    for split, folder in splits.items():
        inside = {path.name for path in _subfolders(folder)}
        if inside and (inside & classes or not classes):
            raise HybridTFError(
                f"{root} has {split} images in '{folder.name}', but no folder 'train' with classes: put the images to "
                "train on into train/<class>/"
            )


def _name_loose_files(layout: Layout, folder: Path) -> None:
    """Leaves out the hidden files and the images beside class folders; raises HybridTFError for a broken link."""
    for path in _entries(folder):
        if path.is_symlink() and not path.exists():  # it may have been a class
            raise HybridTFError(f"{path} is a link to what is not there: restore that, or remove the link")
        if path.is_file():
            reason = "hidden" if path.name.startswith(".") else IN_NO_CLASS
            if reason == "hidden" or has_to_be_read(path):
                layout.left_out.append(LeftOut(_relative(path, layout.root), reason))


def _add_files(layout: Layout, split: str, folder: Path) -> None:
    _name_loose_files(layout, folder)
    for class_folder in _subfolders(folder):
        for path in _walk(class_folder):
            relative = _relative(path, layout.root)
            if path.name.startswith("."):
                layout.left_out.append(LeftOut(relative, "hidden"))
            else:
                layout.files.append((relative, split, class_folder.name))


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _walk(folder: Path) -> Iterator[Path]:
    """Yields the files in a folder and all folders below it, sorted; hidden folders are not entered."""
    seen = {os.path.realpath(above) for above in folder.parents}

    def fail(error: OSError) -> None:
        raise HybridTFError(f"cannot read {error.filename}: {error.strerror}") from error

    for where, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PREVIEWS)
        yield from (Path(where, name) for name in sorted(files))


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir() and not path.name.startswith((".", *PREVIEWS))]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise HybridTFError(f"cannot read {folder}: {error.strerror}") from error
