"""How images are named, to hybrid-tf and to the runtime: they share one file."""

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from hybrid_tf_runtime.image_files import image_files

NOT_UTF8 = os.fsdecode(b"m\xfcller.jpg")


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Returns a function from arguments to (name, error); it is called in a folder with files."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "b.jpg",
        "a.PNG",
        "notes.txt",
        "bare",
        "[x].jpg",
        NOT_UTF8,
        ".hidden.jpg",
        "sub/c.jpg",
        "sub/.d/e.jpg",
    ):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    for name in ("sub/IMG_1", "sub/scan.dat", "@eaDir/d.jpg"):  # of the last, only the folder says that it is a preview
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / "photos" / name, "PNG")
    os.mkfifo(tmp_path / "photos" / "pipe.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").touch()
    return lambda *arguments: list(map(tuple, image_files(arguments)))


def test_a_folder_is_all_its_images(named, capsys):
    names = ["[x].jpg", "a.PNG", "b.jpg", NOT_UTF8, "sub/IMG_1", "sub/c.jpg", "sub/scan.dat"]
    assert named("photos") == [(f"photos/{name}", "") for name in names]
    assert capsys.readouterr() == ("", "skipped in folders, being no images: 3\n")


def test_a_link_that_leads_back_is_followed_once(named):
    Path("photos/sub/back").symlink_to("..")
    assert len(named("photos")) == 7


def test_a_link_to_nothing_is_for_the_reader_to_name(named):
    Path("photos/sub/lost").symlink_to("nowhere")
    assert ("photos/sub/lost", "") in named("photos")


def test_patterns(named):
    assert named("photos/?.*") == [("photos/a.PNG", ""), ("photos/b.jpg", "")]
    assert named("photos/**/[bc].jpg") == [("photos/b.jpg", ""), ("photos/sub/c.jpg", "")]
    assert ("photos/notes.txt", "") in named("photos/*")  # as when the shell resolves it
    assert named("photos/[x].jpg") == [("photos/[x].jpg", "")]  # there is a file of this name
    assert named("*.gif") == [("*.gif", "no file matches *.gif")]
    assert len(named("**")) == len(set(named("**"))) == 12


def test_what_holds_no_images(named, capsys):
    assert named("empty") == [("empty", "empty holds no images")]
    assert named("texts") == [("texts", "texts holds no images; other files: 1")]
    assert capsys.readouterr().err == "skipped in folders, being no images: 1\n"
    for name in ("missing.jpg", ""):
        assert named(name) == [(name, "")]  # whoever reads it says so


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read(named):
    Path("photos/sub").chmod(0)
    assert named("photos")[-1] == ("photos/sub", "cannot read photos/sub: Permission denied")


def test_a_list_on_standard_input(named, monkeypatch):
    content = b"photos/b.jpg\n\nphotos/m\xfcller.jpg\r\nphotos/sub\nphotos/*.jpg"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    below = [f"photos/sub/{name}" for name in ("IMG_1", "c.jpg", "scan.dat")]
    names = ["photos/b.jpg", f"photos/{NOT_UTF8}", *below, "photos/*.jpg"]  # names, no patterns
    assert named("-", "empty") == [*((name, "") for name in names), ("empty", "empty holds no images")]
    for nothing in (sys.stdin, None):  # it is read to its end; it was closed
        monkeypatch.setattr(sys, "stdin", nothing)
        assert named("-") == [("-", "standard input names no files: give one path a line")]
