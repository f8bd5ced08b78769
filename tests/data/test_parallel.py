import numpy as np
import pytest

from hybrid_tf import HybridTFError
from hybrid_tf.data import load_dataset
from hybrid_tf.system import parallel


@pytest.mark.slow
def test_processes_read_what_threads_read(image_folder, monkeypatch):
    root = image_folder({"cat": 300, "dog": 300}, size=(8, 8))
    by_threads = load_dataset(str(root))
    monkeypatch.setattr(parallel, "_MANY", 1)
    by_processes = load_dataset(str(root))
    assert by_processes.manifest == by_threads.manifest
    for split in ("train", "validation", "test"):
        some, others = (getattr(found, split).take(600) for found in (by_threads, by_processes))
        assert all(np.array_equal(*pair) for pair in zip(some, others, strict=True))

    damaged = root / by_threads.manifest.of("train")[-1].path
    content = damaged.read_bytes()
    damaged.write_bytes(content[:60] + content[80:])
    with pytest.raises(HybridTFError, match=f"{damaged} is a damaged image"):
        load_dataset(str(root))
