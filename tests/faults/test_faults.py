"""What a machine does to a run: each fault with the message that it must give."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import h5py
import numpy as np
import pytest

from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import convert_run
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.history import read_history
from hybrid_tf.runs.lock import locked
from hybrid_tf.runs.names import BEST, CHECKPOINTS, CONFIG, LOCK, REPORT
from hybrid_tf.runs.run import load_run
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.training.session import train
from tests.support.killable import SETTINGS, TRAIN, finish, start
from tests.support.shared import made_once

pytestmark = pytest.mark.slow

CONFIG_OF_TRAIN = Config(**{key.replace("-", "_"): value for key, value in SETTINGS.items()})


def unfinished(whole, folder):
    """Copies a finished run as it was before its report, so that training it again takes little time."""
    shutil.copytree(whole, folder)
    (folder / REPORT).unlink()
    return folder


def wait_for(process, log, holds):
    deadline = time.monotonic() + 300
    while not holds():
        assert process.is_alive() and time.monotonic() < deadline, log.exists() and log.read_text()
        time.sleep(0.01)


@pytest.fixture
def mount(tmp_path):
    """Returns a function that mounts a small disk and returns its folder, and one that changes its options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def run(*options):
        done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"needs root that may mount a tmpfs: {done.stderr.strip()}")
        return folder

    yield run
    while subprocess.run(["umount", "--lazy", folder], capture_output=True).returncode == 0:
        pass


def test_ctrl_c_saves_the_step_and_resumes_to_the_same_numbers(unbroken, tmp_path):
    """Interrupted within an epoch and by SIGTERM in another; the numbers are those of the run nobody stopped."""
    whole, _ = unbroken
    folder, log = tmp_path / "run", tmp_path / "log"
    for number, (sent, ready) in enumerate([(signal.SIGINT, "Epoch 1/2"), (signal.SIGTERM, "val_loss")]):
        process = start(["train", "--resume", folder] if number else [*TRAIN, "--out", folder], log)
        wait_for(process, log, lambda ready=ready: log.exists() and ready in log.read_text())
        os.kill(process.pid, sent)
        process.join(300)
        text = log.read_text()
        assert process.exitcode == 130, text
        assert "stopping after this step; once more stops at once" in text
        place = r"after step [1-4] of epoch [12]|after epoch [12]"
        assert re.search(
            rf"stopped ({place}), which is saved: `hybrid-tf train --resume {folder}` continues there", text
        ), text
        assert len(read_history(folder)) >= number
    code, output, _ = finish(["train", "--resume", folder], log)
    assert code == 0, output
    assert (folder / "history.csv").read_text() == (whole / "history.csv").read_text()
    assert read_json(folder / REPORT)["test_loss"] == read_json(whole / REPORT)["test_loss"]


def test_two_processes_on_one_run_folder(unbroken, tmp_path):
    folder, log = tmp_path / "run", tmp_path / "log"
    process = start([*TRAIN, "--out", folder], log)
    wait_for(process, log, lambda: (folder / CONFIG).exists())
    message = f"{folder} is in use by process {process.pid} on {socket.gethostname()}: wait until it is done, stop it"
    with pytest.raises(HybridTFError, match=re.escape(message)):
        train(CONFIG_OF_TRAIN, folder, resume=True)
    process.kill()
    process.join()
    assert (folder / LOCK).exists()
    with locked(folder):  # what was killed holds nothing
        assert f"process {os.getpid()} " in (folder / LOCK).read_text()
    assert not (folder / LOCK).exists()


def test_a_folder_that_stayed_empty_is_removed_but_no_other(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "run"):
        _ = 1 / 0
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").touch()
    with locked(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A run folder that was killed in its second epoch; no test may change it."""

    def make(folder):
        process = start([*TRAIN, "--out", folder / "run"], folder / "log")
        wait_for(process, folder / "log", lambda: (folder / "run" / CHECKPOINTS / "ckpt-1.index").exists())
        wait_for(process, folder / "log", lambda: "Epoch 2/2" in (folder / "log").read_text())
        process.kill()
        process.join()
        assert len(read_history(folder / "run")) == 1

    return made_once(tmp_path_factory, "half-a-run", make) / "run"


@pytest.mark.parametrize(("free", "is_best"), [(0, True), (1000, True), (1000, False)])
def test_a_full_disk(free, is_best, half, unbroken, mount):
    """So many kB are free when a run is resumed: too few for settings, weights or, unless best, a checkpoint."""
    folder = mount("-o", "size=8m") / "run"
    shutil.copytree(half, folder)
    if not is_best:
        rows = (folder / "history.csv").read_text().splitlines()
        names, values = rows[0].split(","), rows[1].split(",")
        values[names.index("val_accuracy")] = "1.0"
        (folder / "history.csv").write_text(f"{rows[0]}\n{','.join(values)}\n")
    filler = folder.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(file.tell() - 1024 * free)
    with pytest.raises(HybridTFError, match=r"cannot write .*No space left on device"):
        train(CONFIG_OF_TRAIN, folder, resume=True)
    assert (folder / BEST).read_bytes() == (half / BEST).read_bytes()
    assert not list(folder.glob(".tmp-*"))
    filler.unlink()
    run = train(CONFIG_OF_TRAIN, folder, resume=True)
    if is_best:
        assert read_history(folder) == read_history(unbroken[0])
        assert run.report.test_loss == read_json(unbroken[0] / REPORT)["test_loss"]


def test_a_read_only_folder(unbroken, mount):
    folder = unfinished(unbroken[0], mount("-o", "size=8m") / "run")
    mount("-o", "remount,ro")
    with pytest.raises(HybridTFError, match=rf"cannot write {folder}: Read-only file system"):
        train(CONFIG_OF_TRAIN, folder, resume=True)
    with pytest.raises(HybridTFError, match=r"cannot write .*model.tflite: Read-only file system"):
        convert_run(folder, samples=2)


@pytest.mark.parametrize("suffix", ["data-00000-of-00001", "index"])
def test_a_checkpoint_with_flipped_bits(suffix, unbroken, tmp_path):
    folder = unfinished(unbroken[0], tmp_path / "run")
    (file,) = (folder / CHECKPOINTS).glob(f"*.{suffix}")
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0x10
    file.write_bytes(content)
    with pytest.raises(HybridTFError, match=rf"checkpoint .* is damaged: delete {folder / CHECKPOINTS} to train from"):
        train(CONFIG_OF_TRAIN, folder, resume=True)


def test_a_state_of_the_checkpoints_with_flipped_bits(unbroken, tmp_path):
    folder = unfinished(unbroken[0], tmp_path / "run")
    state = folder / CHECKPOINTS / "checkpoint"
    state.write_bytes(state.read_bytes().replace(b"ckpt", b"ckpu"))
    with pytest.raises(HybridTFError, match="is damaged: delete"):
        train(CONFIG_OF_TRAIN, folder, resume=True)


def test_weights_with_flipped_bits(unbroken, tmp_path):
    """Wherever the bit is: HDF5 itself would read most of them as other numbers."""
    shutil.copytree(unbroken[0], tmp_path / "run")
    run = load_run(tmp_path / "run")
    content, rng, refused = (tmp_path / "run" / BEST).read_bytes(), np.random.default_rng(0), 0
    whole = run.load_model().get_weights()
    for _ in range(8):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        (tmp_path / "run" / BEST).write_bytes(damaged)
        try:
            found = run.load_model().get_weights()
        except HybridTFError as error:
            assert "is damaged or belongs to another network" in str(error)
            refused += 1
        else:  # the bit was in the state of the optimiser, or in no array at all
            assert all(map(np.array_equal, found, whole))
    assert refused


def test_weights_without_a_checksum_are_refused(unbroken, tmp_path):
    folder = unfinished(unbroken[0], tmp_path / "run")
    with h5py.File(folder / BEST, "r+") as file:
        del file.attrs["hybrid_tf_sha256"]
    with pytest.raises(HybridTFError, match="is damaged or belongs to another network"):
        load_run(folder).load_model()


def test_a_config_without_the_teachers_digest_is_refused(unbroken, tmp_path):
    stored = read_json(unbroken[0] / CONFIG)
    del stored["teacher_digest"]
    write_json(tmp_path / CONFIG, stored)
    with pytest.raises(HybridTFError, match=r"config.json is damaged \(KeyError\('teacher_digest'\)\)"):
        load_run(tmp_path)


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None, [1]])
def test_a_run_folder_of_no_known_version(version, unbroken, tmp_path):
    write_json(tmp_path / CONFIG, read_json(unbroken[0] / CONFIG) | {"format": version})
    with pytest.raises(HybridTFError, match=r"config.json is damaged \(ValueError\('format"):
        load_run(tmp_path)


def test_a_loss_that_is_not_finite_names_the_layer(unbroken, tmp_path):
    folder = tmp_path / "run"
    config = CONFIG_OF_TRAIN.with_changes(optimizer="sgd", learning_rate=1e30, plan="full_precision")
    with pytest.raises(
        HybridTFError,
        match=r"diverged in epoch 1, step 2, where the output of layer '\w+' is the first that is not finite: lower",
    ):
        train(config, folder)
    assert not (folder / BEST).exists()


def test_the_layer_where_it_began(tmp_path):
    import tensorflow as tf

    from hybrid_tf.training.divergence import MARK, first_not_finite
    from hybrid_tf.training.optimizers import compile_model, loss_of

    config = CONFIG_OF_TRAIN.with_changes(weight_decay=0.1)
    inputs = tf.keras.Input((4, 4, 1))
    first = tf.keras.layers.Conv2D(2, 3, name="first")
    second = tf.keras.layers.Conv2D(2, 2, name="second", kernel_initializer="ones")
    model = tf.keras.Model(inputs, tf.keras.layers.Flatten()(second(first(inputs))))
    images, labels = tf.ones((2, 4, 4, 1)), tf.one_hot([0, 1], 2)
    compile_model(model, config, 10)

    first.kernel.assign(3e38 * tf.ones_like(first.kernel))
    assert first_not_finite(model, loss_of(config), images, labels) == "the output of layer 'first'"
    first.kernel.assign(1e37 * tf.ones_like(first.kernel))
    assert first_not_finite(model, loss_of(config), images, labels) == "the output of layer 'second'"
    second.kernel.assign(float("nan") * second.kernel)
    assert first_not_finite(model, loss_of(config), images, labels) == "the weights of layer 'second'"

    second.kernel.assign(tf.ones_like(second.kernel))
    before = model.get_weights()
    with pytest.raises(tf.errors.InvalidArgumentError, match=MARK):
        model.train_on_batch(images, labels)
    assert all(map(np.array_equal, model.get_weights(), before))
