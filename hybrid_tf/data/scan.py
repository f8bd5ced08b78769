"""The scan of a folder of images: every file is read once, what is no image is told apart, splits are made."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Literal
from unicodedata import normalize

from hybrid_tf.data.image_files import IMAGE_SUFFIXES, START, claims_image
from hybrid_tf.data.layout import IN_NO_CLASS, LAYOUT, Layout, find_layout
from hybrid_tf.data.manifest import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    ImageFile,
    LeftOut,
    Manifest,
    count_of,
    reasons_of,
    some_of,
)
from hybrid_tf.data.pixels import ImageError, read_header
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.parallel import in_parts

TEST_SHARE = 0.2  # fraction of a data set without a test split that becomes its test images
_NO_IMAGE = "is not an image"
_FEW = 5  # held-out images of a class, fewer of which are worth a note
UNEVEN = "uneven classes"  # how the note begins that says what --class-weights does
_UNEVEN = 3  # times as many images in the largest class as in the smallest are worth a note


def scan_folder(
    root: Path, *, validation: float, seed: int, skip_unreadable: bool = False, to_train: bool = True
) -> Manifest:
    """Returns the manifest of the folder `root`.

    Where the folder has no test images, or no validation images, the content of an image alone decides whether it is
    one: its digest is a number from 0 to 1, and those below a share belong to the split. So no image moves when others
    are added, removed or renamed, and equal images are never in two splits.

    Args:
        root: folder that `find_layout` understands.
        validation: fraction of the training images that is held out where there is no folder of validation images; 0
            leaves such a folder unused.
        seed: seed of the choice of held-out images. The test images never depend on it.
        skip_unreadable: whether image files that cannot be read are left out.
        to_train: whether the folder must be fit to train on; else what a training would stop at is a note, unless there
            are no images at all.

    Raises:
        HybridTFError: naming all files that cannot be read, or the class or folder that is not as it must be.
    """
    layout = find_layout(root)
    examined = _examined(layout)
    unreadable = [item for item in examined if isinstance(item, LeftOut) and _should_be_read(item)]
    if unreadable and not skip_unreadable:
        raise _unreadable(root, unreadable, len(examined))
    used = [item for item in examined if isinstance(item, ImageFile)]
    left_out = [*layout.left_out, *(item for item in examined if isinstance(item, LeftOut))]
    files, unused = _divided(used, validation, seed)
    left_out += unused
    faults = [*_class_faults(layout, used)] or [*_split_faults(root, files)]
    if faults and (to_train or not used):
        raise HybridTFError(faults[0])
    manifest = Manifest(root, tuple(files), tuple(sorted(left_out)))
    own_test = all(file.split != TEST for file in used)
    stops = [f"a training stops: {fault}" for fault in faults]
    return replace(manifest, notes=(*stops, *_notes(manifest, len(unreadable), validation, own_test)))


def _should_be_read(item: LeftOut) -> bool:
    """Whether a file's name says that it is an image, or nothing at all while its first bytes say it."""
    suffix = Path(item.path).suffix.lower()
    return suffix in IMAGE_SUFFIXES or (suffix == "" and item.reason != _NO_IMAGE)


def _examined(layout: Layout) -> list[ImageFile | LeftOut]:
    """Returns what every file in a class folder is, in the order of the paths."""
    examine = partial(_examine_some, layout.root)
    parts = in_parts(examine, layout.files, f"reading {layout.root.name}")
    return [item for part in parts for item in part]


def _examine_some(root: Path, files: Sequence[tuple[str, str, str]]) -> list[ImageFile | LeftOut]:
    return [_examine(root, *file) for file in files]


def _examine(root: Path, relative: str, split: str, name: str) -> ImageFile | LeftOut:
    path = root / relative
    try:
        if not path.is_file():
            return LeftOut(relative, "is no regular file")
        with path.open("rb") as file:
            start = file.read(START)
            if not claims_image(path, start):
                return LeftOut(relative, _NO_IMAGE)
            content = start + file.read()
        header = read_header(content)
    except ImageError as error:
        return LeftOut(relative, str(error))
    except OSError as error:
        return LeftOut(relative, f"cannot be read: {error.strerror}")
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return ImageFile(
        relative, name, split, len(content), digest, header.height, header.width, header.mode, header.format,
        header.bits, header.grey, header.transparent,
    )  # fmt: skip


def _unreadable(root: Path, unreadable: list[LeftOut], count: int) -> HybridTFError:
    fix = "or leave out what cannot be read with --skip-unreadable"
    if len(unreadable) == 1:
        path, reason = unreadable[0]
        return HybridTFError(f"{root / path} {reason}: repair or remove it, {fix}")
    return HybridTFError(
        f"{len(unreadable):,} of {count:,} files in {root} cannot be used, {'; '.join(reasons_of(unreadable))}: repair "
        f"or remove them (`hybrid-tf data {quote(str(root))} --json` lists them all), {fix}"
    )


def _class_faults(layout: Layout, used: list[ImageFile]) -> Iterator[str]:
    """Yields what is wrong with the classes, the gravest first, with the fix."""
    root = layout.root
    train = Counter(file.name for file in used if file.split == TRAIN)
    names = layout.classes(TRAIN)
    if len(names) < 2 and any(item.reason == IN_NO_CLASS for item in layout.left_out):
        yield (
            f"the images in {root} are in no class folder: expected {LAYOUT}; if this is one of the classes, name the "
            f"folder that holds them all, {root.parent}"
        )
    elif not train:
        yield f"there are no images in {root}: expected {LAYOUT}"
    elif len(names) < 2:
        inside = layout.folders[TRAIN] / names[0]
        several = sum(path.is_dir() for path in inside.iterdir()) > 1
        hint = f"; if the classes are those in {inside}, name that folder" if several else ""
        yield f"{root} has one class, '{names[0]}': at least two are needed as {LAYOUT}{hint}"
    else:
        for name in names:
            if train[name] < 2:
                yield f"class '{name}' in {root} has {train[name]} images: at least 2 are needed; add or remove"
    for split in (VALIDATION, TEST):
        for name in sorted({file.name for file in used if file.split == split} - set(names)):
            yield f"class '{name}' is in {layout.folders[split]} but not in {layout.folders[TRAIN]}: add or remove it"


def _divided(used: list[ImageFile], validation: float, seed: int) -> tuple[list[ImageFile], list[LeftOut]]:
    """Returns the images with their splits, and the validation images that nobody wants."""
    given = {file.split for file in used}

    def split_of(file: ImageFile) -> str:
        if file.split == TRAIN and TEST not in given and _position(file.digest) < TEST_SHARE:
            return TEST
        if file.split == TRAIN and VALIDATION not in given and _position(f"{seed}:{file.digest}") < validation:
            return VALIDATION
        return file.split

    unused = [
        LeftOut(file.path, "validation image, and none are to be held out")
        for file in used
        if file.split == VALIDATION and validation == 0
    ]
    kept = [file for file in used if file.split != VALIDATION or validation > 0]
    return [file._replace(split=split_of(file)) for file in kept], unused


def _position(text: str) -> float:
    """Returns a number from 0 to 1 that is uniform over all texts."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def _split_faults(root: Path, files: list[ImageFile]) -> Iterator[str]:
    """Yields what is wrong with the splits, with the fix."""
    train = Counter(file.name for file in files if file.split == TRAIN)
    total = f"{count_of(files)} in {root}"
    if all(file.split != TEST for file in files):
        yield (
            f"none of the {total} became a test image, as a fifth do by chance: add images, or put them into "
            "train/<class>/ and test/<class>/"
        )
    for name in sorted({file.name for file in files} - train.keys()):
        yield f"class '{name}' in {root} has no image left to train on: add images to it"


def _notes(manifest: Manifest, stopping: int, validation: float, own_test: bool) -> list[str]:
    notes = [f"left out: {text}" for text in reasons_of(manifest.left_out)]
    if stopping:
        notes.append(
            f"left-out image files that cannot be read: {stopping:,}; training stops without --skip-unreadable"
        )
    if validation > 0 and not manifest.of(VALIDATION):
        notes.append(
            f"no image is held out, by chance, at --validation {validation:g} of so few: the last epoch counts; a "
            "folder valid/ beside train/ decides what is held out"
        )
    files, names = manifest.files, manifest.class_names
    if own_test:
        notes.append(
            f"{count_of(manifest.of(TEST))} of {len(files):,} are to test on, chosen by their content; a folder test/ "
            "beside train/ decides otherwise"
        )
    for split in SPLITS[1:]:
        missing = set(names) - {file.name for file in manifest.of(split)}
        if missing and manifest.of(split):
            notes.append(f"no {split} image of {some_of(sorted(missing))}")
    notes += _held_out_notes(manifest)
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in names:
        spellings[normalize("NFKC", name).casefold().strip()].append(name)
    notes += [f"classes of nearly one name: {', '.join(alike)}" for alike in spellings.values() if len(alike) > 1]
    counts = Counter(file.name for file in manifest.of(TRAIN)).most_common()
    if counts and counts[0][1] >= _UNEVEN * counts[-1][1]:
        (most, largest), (least, smallest) = counts[0], counts[-1]
        notes.append(
            f"{UNEVEN}: {largest:,} training images of {most}, {smallest:,} of {least}: accuracy of each class "
            "says more than that of all; --class-weights balanced counts each class alike"
        )
    deep = [file for file in files if file.mode.startswith("I")]  # all dark ones count as 8 bits
    if deep:
        depths, paths = ", ".join(map(str, sorted({file.bits for file in deep}))), [file.path for file in deep]
        notes.append(f"{count_of(deep)} scaled from {depths} bits, as their largest values suggest: {some_of(paths)}")
    floats = [file.path for file in files if file.bits == 32]
    if floats:
        notes.append(f"{count_of(floats)} of float pixels, scaled as their largest values suggest: {some_of(floats)}")
    transparent = [file.path for file in files if file.transparent]
    if transparent:
        notes.append(f"{count_of(transparent)} with transparency, composed on --background: {some_of(transparent)}")
    return [*notes, *_equal(manifest)]


def _held_out_notes(manifest: Manifest) -> list[str]:
    """Returns a sentence when held-out images are too few of a class to choose the best epoch by."""
    counts = Counter(file.name for file in manifest.of(VALIDATION))
    few = [f"{counts[name]} of {name}" for name in manifest.class_names if counts[name] < _FEW]
    if not few or not counts:
        return []
    return [
        f"few images are held out to choose the best epoch by ({some_of(few)}), so that it is partly luck: "
        "--validation 0.2 holds out more, a folder valid/ beside train/ those that you choose"
    ]


def _equal(manifest: Manifest) -> list[str]:
    kinds: tuple[tuple[Literal["split", "name"], str], ...] = (("split", "splits"), ("name", "classes"))
    notes = []
    for field, plural in kinds:
        several = [group for group in manifest.equal() if len({getattr(file, field) for file in group}) > 1]
        if several:
            pairs = [" = ".join(file.path for file in group[:2]) for group in several]
            notes.append(f"{count_of(pairs)} in two {plural}, the same content: {some_of(pairs)}")
    return notes
