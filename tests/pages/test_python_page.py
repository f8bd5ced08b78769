"""docs/python.md: its names are public, and its script goes from a folder of photos to a classified photo."""

import pydoc
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hybrid_tf

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
NAMES = re.findall(r"^\| `(\w+)[.(`]", PAGE, re.MULTILINE)


def test_completion_and_help_give_the_names_of_the_page():
    assert len(NAMES) == 15 and set(NAMES) <= set(dir(hybrid_tf))
    shown = pydoc.plain(pydoc.render_doc(hybrid_tf))
    for name in NAMES:
        assert re.search(rf"^    (class )?{name}(\(| =|$)", shown, re.MULTILINE), name


@pytest.mark.slow
def test_photos_become_a_classified_photo(tmp_path):
    random = np.random.default_rng(0)
    for name, level in (("bright", 180), ("dark", 20)):
        for number in range(13):
            path = tmp_path / "photos" / name / f"{number}.jpg" if number else tmp_path / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((level + random.integers(0, 50, (48, 64, 3))).astype(np.uint8)).save(path)
    (script,) = re.findall(r'^```python\n("""python classify.+?)^```', PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "classify.py").write_text(script)
    command = [sys.executable, "classify.py", "photos", "dark.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    first, best, *_ = done.stdout.splitlines()
    assert re.fullmatch(r"100\.0% of \d test photos are right; [\d,]+ bytes", first)
    assert best.startswith("dark: ")
    command[-1] = "no.jpg"
    failed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert failed.returncode == 1 and failed.stderr.splitlines()[-1].startswith("error: ")
