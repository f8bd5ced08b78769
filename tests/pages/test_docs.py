"""Pages name what there is: links lead somewhere, paths and make targets exist, and no page is forgotten."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MAKEFILE = (ROOT / "Makefile").read_text()
PAGES = sorted(
    page
    for folder in (".", ".github", "docs", "runtime", "benchmarks", "hybrid_tf/pretrained")
    for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
    if not {"build", "templates"} & set(page.parts[len(ROOT.parts) :])
)
FOR_MAINTAINERS = [DOCS / "architecture.md", ROOT / "CONTRIBUTING.md"]
TOP = {path.name for path in ROOT.iterdir() if path.is_dir()} - {".git", ".venv", "build", "dist", "runs"}
_CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def prose(page):
    return _CODE_BLOCK.sub("", page.read_text())


def targets():
    """The targets of the Makefile that are no files."""
    return re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()


def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def paths_in(text):
    """What a text names in backticks as a path of the repository."""
    return [code for code in _CODE.findall(text) if "/" in code and " " not in code and code.split("/")[0] in TOP]


def test_there_are_pages():
    assert {"README.md", "docs/architecture.md", "runtime/README.md", "benchmarks/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES
    }


def test_every_page_is_in_the_index():
    linked = {target.partition("#")[0] for target in _LINK.findall((DOCS / "README.md").read_text())}
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    for link in _LINK.findall(prose(page)):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert path.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page):
    text = page.read_text()
    named = re.findall(r"`(?:sudo )?make ([a-z][\w-]*)", text) + re.findall(
        r"^\$? *(?:sudo )?make ([a-z][\w-]*)", text, re.M
    )
    assert set(named) <= set(targets())


@pytest.mark.parametrize("page", FOR_MAINTAINERS, ids=lambda page: page.name)
def test_paths_exist(page):
    named = paths_in(prose(page))
    assert len(named) > 5
    missing = [path for path in named if not list(ROOT.glob(path.rstrip("/")))]
    assert not missing


def test_names_behind_a_path_are_in_that_file():
    """`path` (`name`, `other`): a reader will look for the names there."""
    found = re.findall(r"`([^`\s]+\.\w+)`\s+\(((?:`\w+`[,\s]*(?:and )?)+)", prose(DOCS / "architecture.md"))
    assert len(found) > 10
    for path, names in found:
        text = (ROOT / path).read_text()
        for name in _CODE.findall(names):
            assert re.search(rf"\b{name}\b", text), f"{path}: {name}"


def test_make_lists_every_target():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^make (\S+)  ", listed, re.MULTILINE) == targets()
