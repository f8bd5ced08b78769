"""The notebook does what it says, cell by cell, on a small folder of photos."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "your_photos.ipynb"


@pytest.mark.slow
def test_it_goes_from_a_folder_to_a_classified_photo(tmp_path):
    random = np.random.default_rng(0)
    for name, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(0, 56, (40, 36, 3)) + colour
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.jpg")
    notebook = shutil.copy(NOTEBOOK, tmp_path)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbmake", "--overwrite", notebook]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]
    cells = [cell for cell in json.loads(Path(notebook).read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 10
    # A command that fails does not stop a notebook.
    texts = ["".join("".join(output.get("text", "")) for output in cell["outputs"]) for cell in cells]
    assert not any("error:" in text for text in texts), texts
    run = tmp_path / "runs" / "photos"
    assert (run / "model.tflite").exists() and (run / "model.int8.tflite").exists()
    assert (run / "mistakes.html").exists() and (tmp_path / "photos.png").exists()
    assert any(f"{name} " in texts[-1] for name in ("red", "blue"))
