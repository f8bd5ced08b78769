"""docs/your-model.md: its network becomes a hybrid, trains and converts."""

import re
from pathlib import Path

import pytest

from hybrid_tf.data import fashion_mnist_debian

PAGE = (Path(__file__).parents[2] / "docs" / "your-model.md").read_text()

if not fashion_mnist_debian.FOLDER.exists():
    pytest.skip("needs `apt-get install dataset-fashion-mnist`", allow_module_level=True)


@pytest.mark.slow
def test_the_network_of_the_page_becomes_a_hybrid(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(import hybrid_tf.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for long, short in (("take(16000)", "take(256)"), ("epochs=5", "epochs=1, verbose=0")):
        assert long in code
        code = code.replace(long, short)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "True"
    assert "2 layers are binary. In full precision: " in shown.err
    assert (tmp_path / "model.tflite").exists()
