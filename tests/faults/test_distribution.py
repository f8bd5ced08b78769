"""Workers on this computer train as one processor does, and one that is lost costs no more than the epoch under way.

Two workers here; `HYBRID_TF_WORKERS=4 pytest tests/faults/test_distribution.py` for four.
"""

import json
import os
import re
import socket
import time

import numpy as np
import pytest

from hybrid_tf.config import Config
from hybrid_tf.data import Shard, load_dataset, train_batches
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.history import read_history
from hybrid_tf.training.distribution import Workers, _place, workers_of
from hybrid_tf.training.session import train
from tests.support.killable import CONTEXT, start

WORKERS = int(os.environ.get("HYBRID_TF_WORKERS", "2"))
# Of the mean loss of an epoch. The first step agrees to 1e-6; sums in another order then change the last digits, and
# every step multiplies the difference: 0.4 % in the eighth.
TOLERANCE = 0.02
PATIENCE = 1200  # seconds, on a busy machine
SETTINGS = {"network": "resnet20", "width": 0.5, "input_size": 28, "smoke": True, "plan": "full_precision"}
SETTINGS |= {"optimizer": "sgd", "learning_rate": 0.005}
TRAIN = ["train", "--network=resnet20", "--width=0.5", "--input-size=28", "--smoke", "--plan=full_precision"]
TRAIN += ["--optimizer=sgd", "--learning-rate=0.005", "--resume"]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("localhost", 0))
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


def start_workers(folder, logs):
    hosts = [f"localhost:{port}" for port in free_ports(WORKERS)]
    processes = []
    for index in range(WORKERS):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        arguments = [*TRAIN, "--strategy=multi-worker", "--out", folder]
        environment = (("TF_CONFIG", json.dumps(task)),)
        processes.append(start(arguments, logs / f"{index}.log", environment=environment))
    return processes


def ended(processes, logs):
    """Waits for all processes; returns their exit codes and what they wrote."""
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in processes], [path.read_text() for path in sorted(logs.glob("*.log"))]


@pytest.mark.slow
def test_workers_train_as_one_and_survive_a_loss(tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    process = start([*TRAIN, "--out", alone], tmp_path / "alone.log")

    processes = start_workers(together, tmp_path)
    checkpoint, deadline = together / "checkpoints" / "ckpt-1.index", time.monotonic() + PATIENCE
    while not checkpoint.exists():
        assert all(item.is_alive() for item in processes) and time.monotonic() < deadline, ended(processes, tmp_path)
        time.sleep(0.02)
    processes[-1].kill()
    codes, texts = ended(processes, tmp_path)
    assert codes == [1] * (WORKERS - 1) + [-9], texts
    assert re.search(
        r"error: a worker was lost \(.*\): `hybrid-tf train --resume .* --strategy multi-worker`", texts[0]
    )

    kept = read_history(together)[:1]
    codes, texts = ended(start_workers(together, tmp_path), tmp_path)
    assert codes == [0] * WORKERS, texts
    assert ended([process], tmp_path)[0] == [0], (tmp_path / "alone.log").read_text()
    found, expected = read_history(together), read_history(alone)
    assert found[:1] == kept
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=TOLERANCE)
        assert one["learning_rate"] == other["learning_rate"]
    assert {path.name for path in together.iterdir()} == {path.name for path in alone.iterdir()}
    # From here on it is a run like any other.
    assert train(Config(**SETTINGS), together, resume=True).report.epochs == 2


@pytest.mark.slow
def test_replicas_compute_what_one_processor_does(tmp_path):
    """In float64, where rounding does not hide a mistake."""
    process = CONTEXT.Process(target=_train_mirrored, args=(tmp_path,))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0
    (found,), (expected,) = (read_history(tmp_path / name) for name in ("mirrored", "alone"))
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-9)
    assert found["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-7)


def _train_mirrored(folder):
    """Trains on one processor, and on two that TensorFlow takes for processors of their own."""
    import tensorflow as tf

    from hybrid_tf.training import session as training

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
    summarise = training.summarise

    def compute_in(kind):
        tf.keras.backend.set_floatx(kind)
        tf.keras.mixed_precision.set_global_policy(kind)

    def summarise_file(spec):  # which is float32
        compute_in("float32")
        found = summarise(spec)
        compute_in("float64")
        return found

    compute_in("float64")

    training.summarise = summarise_file
    config = Config(**SETTINGS | {"network": "vgg11", "head": "compact", "width": 0.125, "epochs": 1})
    training.train(config, folder / "alone")
    training.workers_of = lambda _: Workers(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    training.train(config, folder / "mirrored", strategy="mirrored")


@pytest.mark.parametrize("augmentation", ["crop-flip", "resized-crop-flip"])
@pytest.mark.parametrize("streaming", [False, True])
def test_shares_are_parts_of_the_whole_batch(augmentation, streaming, tmp_path, monkeypatch):
    dataset = load_dataset("digits", limit=40, validation=0.0)
    if streaming:
        from PIL import Image

        for number, image in enumerate(dataset.train.take(40)[0]):
            folder = tmp_path / str(number % 4)
            folder.mkdir(exist_ok=True)
            Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
        monkeypatch.setattr("hybrid_tf.data.load.MEMORY_LIMIT", 0)
        dataset = load_dataset(str(tmp_path), validation=0.0)
        assert type(dataset.train).__name__ == "Streaming"
    settings = {"batch_size": 8, "seed": 1, "first_epoch": 1, "epochs": 3, "augmentation": augmentation}
    whole, steps = train_batches(dataset, **settings)
    parts = [train_batches(dataset, **settings, shard=Shard(index, 4))[0] for index in range(4)]
    count = 0
    for batch, *shares in zip(whole, *parts, strict=True):
        for position, expected in enumerate(batch):
            np.testing.assert_allclose(np.concatenate([share[position] for share in shares]), expected, atol=1e-5)
        count += 1
    assert count == 2 * steps


def test_the_place_among_workers():
    def text(kind, index, **jobs):
        return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})

    assert _place(text("worker", 1, worker=["a", "b"])) == (1, 2)
    assert _place(text("chief", 0, chief=["c"], worker=["a", "b"])) == (0, 3)
    assert _place(text("worker", 0, chief=["c"], worker=["a", "b"])) == (1, 3)
    for wrong in ("", "{", "[]", "{}", text("worker", 2, worker=["a", "b"]), text("ps", 0, worker=["a"])):
        with pytest.raises(HybridTFError, match="needs TF_CONFIG in the environment, on the first worker for example"):
            _place(wrong)


def test_wrong_strategies_are_refused(tmp_path, hybrid_tf):
    with pytest.raises(HybridTFError, match="unknown strategy 'mirored': did you mean 'mirrored'"):
        workers_of("mirored")
    code, _, errors = hybrid_tf("train", "--strategy", "multi-worker")
    assert (code, errors) == (1, "error: --strategy multi-worker needs --out, a folder that all workers share\n")
    assert Workers().replicas == 1
