"""Files from anywhere: reading them runs no code of theirs, opens no other file, and takes no absurd memory."""

import io
import json
import os
import re
import resource
import signal
import struct
import sys
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import load_keras_model
from hybrid_tf.compiler.isolation import isolated
from hybrid_tf.config import Config
from hybrid_tf.data import Normalisation, load_dataset, load_image
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import BEST, CONFIG
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.runs.weights import save_weights
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.tables import table
from hybrid_tf.training.session import train

SETTINGS = {"network": "vgg11", "head": "compact", "width": 0.125, "teacher": "/nowhere/teacher"}
HUGE = 2**40
events = []  # names and first arguments; a hook stays for the life of the process
watching = False


def _watch(event, arguments):
    if watching and event in ("open", "pickle.find_class", "marshal.loads", "exec", "subprocess.Popen", "os.system"):
        events.append((event, str(arguments[0])))


sys.addaudithook(_watch)


@pytest.fixture
def watched():
    """Records what is opened, unpickled and executed."""
    global watching
    events.clear()
    watching = True
    yield events
    watching = False


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run folder with weights."""
    shape, names = (28, 28, 1), tuple("0123456789")
    run = Run(tmp_path_factory.mktemp("run"), Config(**SETTINGS), names, shape, Normalisation((0.0,), (1.0,)))
    run.save()
    save_weights(run.spec.build(), run.folder / BEST)
    return run


@pytest.fixture
def copy(saved, tmp_path):
    """Returns a function that copies the run folder, with some values of its config.json changed."""

    def make(**changes):
        stored = read_json(saved.folder / CONFIG)
        stored["settings"] |= changes.pop("settings", {})
        write_json(tmp_path / CONFIG, stored | changes)
        (tmp_path / BEST).write_bytes((saved.folder / BEST).read_bytes())
        return tmp_path

    return make


def test_loading_a_run_unpickles_nothing_and_opens_nothing_else(copy, watched):
    folder = copy()
    load_run(folder).load_model()
    kinds = {event for event, _ in watched}
    assert not kinds & {"pickle.find_class", "marshal.loads", "subprocess.Popen", "os.system"}
    assert not any("teacher" in opened for _, opened in watched)
    with pytest.raises(HybridTFError, match="was started with --teacher /nowhere/teacher, not None"):
        train(Config(**SETTINGS | {"teacher": None}), folder, resume=True)
    assert not any("teacher" in opened for _, opened in watched)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": [2**31, 2**31, 3]}, "image_shape"),
        ({"image_shape": [32, 32, 2**31]}, "image_shape"),
        ({"image_shape": [32, 32]}, "image_shape"),
        ({"image_shape": [32.5, 32, 1]}, "image_shape"),
        ({"class_names": [1, 2]}, "class_names"),
        ({"class_names": 7}, "is damaged"),
        ({"normalisation": {"mean": [0.0], "std": [0.0]}}, "normalisation"),
        ({"normalisation": {"mean": [float("inf")], "std": [1.0]}}, "normalisation"),
        ({"normalisation": {"mean": [0.0, 0.0], "std": [1.0, 1.0]}}, "normalisation"),
        ({"settings": {"input_size": 2**31}}, "--input-size 2147483648 is out of range"),
        ({"settings": {"width": 1e9}}, "the width multiplier must be"),
        ({"settings": {"network": "../../vgg11"}}, "unknown network"),
    ],
)
def test_absurd_settings_are_refused(copy, changes, message):
    with pytest.raises(HybridTFError, match=message):
        load_run(copy(**changes)).load_model()


def test_yaml_is_not_read(tmp_path, watched):
    (tmp_path / CONFIG).write_text(f"!!python/object/apply:os.system ['touch {tmp_path}/harm']\n")
    with pytest.raises(HybridTFError, match="is not valid JSON"):
        load_run(tmp_path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("name", ["mnist/../../harm", "../harm", "mnist:../harm", "mnist/..", "huggingface:harm/harm"])
def test_a_data_set_s_name_is_no_path_of_files(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HybridTFError, match=r"there is no folder|unknown data set"):
        load_dataset(name, data_dir=tmp_path)


def test_digits_too_large_for_memory():
    with pytest.raises(HybridTFError, match="digits of 4096x4096 pixels do not fit in memory: choose a smaller"):
        load_dataset("digits", input_size=(4096, 4096))


def _replaced(folder, make):
    """Puts another data set in place of the first one of a file of weights."""
    with h5py.File(folder / BEST, "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        shape = file[found[0]].shape
        del file[found[0]]
        make(file, found[0], shape)


def _external(file, name, shape):
    file.create_dataset(name, shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def _virtual(file, name, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("/nowhere/other.h5", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file, name, shape: file.create_dataset(name, (HUGE,), "f4", chunks=(1024,)), "take more than"),
        (lambda file, name, shape: file.create_dataset(name, (2**40, 2**40), "f4", chunks=(8, 8)), "take more than"),
        (_external, "is in another file"),
        (_virtual, "is in another file"),
        (lambda file, name, shape: file.__setitem__(name, h5py.ExternalLink("/nowhere/other.h5", "/x")), "is a link"),
        (lambda file, name, shape: file.__setitem__(name, h5py.SoftLink("/")), "is a link"),
        (lambda file, name, shape: file.create_dataset(name, (3,), h5py.string_dtype()), "holds no numbers"),
    ],
)
def test_weights_that_are_no_weights_are_refused(copy, make, message):
    folder = copy()
    _replaced(folder, make)
    with pytest.raises(HybridTFError, match=rf"is damaged or belongs to another network \(.*{message}"):
        load_run(folder).load_model()


def _keras_file(path, change):
    """Saves a small model in the format of `path`, with its configuration changed."""
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Input((4,)), layers.Dense(2, activation="relu", name="dense")])
    if path.suffix == ".h5":
        model.save(path)
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            change(config["config"]["layers"])
            file.attrs["model_config"] = json.dumps(config)
        return
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config["config"]["layers"])
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _dense(**values):
    return lambda layers: layers[1]["config"].update(values)


def _function(name):
    return _dense(activation={"module": "builtins", "class_name": "function", "config": name, "registered_name": "x"})


def _operation(kind, **config):
    def change(layers):
        layers.append({"class_name": kind, "config": {"name": "op", **config}, "module": "keras", "inbound_nodes": []})

    return change


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_function("eval"), "needs Python's own eval: only"),
        (
            _operation("TFOpLambda", function="io.write_file"),
            "calls TensorFlow's io.write_file on loading: use a Keras",
        ),
        (_operation("TFOpLambda", function="io.read_file"), "calls TensorFlow's io.read_file on loading"),
        (_operation("ClassMethod", cls_symbol="Tensor", method_name="x"), "calls TensorFlow's ClassMethod on loading"),
        (_operation("Lambda", function="x"), "holds a Lambda layer"),
        (_dense(units=2**31), "declares more weights than it can hold"),
        (_dense(units=2**45), "declares more weights than it can hold"),
    ],
)
def test_keras_files_that_would_do_harm_are_refused(tmp_path, suffix, change, message, watched):
    _keras_file(tmp_path / f"harm{suffix}", change)
    watched.clear()
    with pytest.raises(HybridTFError, match=rf"harm\{suffix} {message}"):
        load_keras_model(tmp_path / f"harm{suffix}")
    assert not {event for event, _ in watched} & {"pickle.find_class", "marshal.loads", "os.system"}


def test_functions_that_do_no_harm_are_loaded(tmp_path):
    inputs = tf.keras.Input((4,))
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(tf.nn.relu(inputs + 1.0)))
    model.save(tmp_path / "m.keras")
    images = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(load_keras_model(tmp_path / "m.keras")(images), model(images))


def test_a_keras_file_that_unpacks_to_too_much(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (200 << 20))
    with pytest.raises(HybridTFError, match=r"\(it unpacks to 209,715,200 bytes\)"):
        load_keras_model(tmp_path / "bomb.keras")


def test_a_configuration_nested_too_deeply(tmp_path):
    def nest(layers):
        inner = layers[1]["config"]["deep"] = {}
        for _ in range(400):
            inner["x"] = [{}]
            inner = inner["x"][0]

    _keras_file(tmp_path / "deep.keras", nest)
    with pytest.raises(HybridTFError, match=r"deep\.keras "):
        load_keras_model(tmp_path / "deep.keras")


def test_no_postscript_is_run(tmp_path, watched):
    (tmp_path / "photo.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(harm) (w) file\nshowpage\n"
    )
    with pytest.raises(HybridTFError, match=r"photo\.png is not an image that can be read"):
        load_image(tmp_path / "photo.png", (8, 8, 3))
    assert "subprocess.Popen" not in {event for event, _ in watched}


def test_an_image_that_unpacks_to_too_much(tmp_path):
    """A PNG of 77 bytes that says it has 50,000 x 50,000 pixels."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(HybridTFError, match=r"bomb\.png has more than [\d,]+ pixels: repair or remove it"):
        load_image(tmp_path / "bomb.png", (8, 8, 3))


def test_names_do_not_command_the_terminal():
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=80).print(table("\x1b]0;title\x07", ["name"], [["\x1b[2Jcat"], ["dog\r"]]), markup=False)
    assert "cat" in text.getvalue()
    assert not re.search("[\x00-\x09\x0b-\x1f]", text.getvalue())


def test_what_takes_its_process_down_is_an_error():
    arrays = [np.arange(6).reshape(2, 3), np.ones((0, 4), np.float32)]
    for found, expected in zip(isolated(lambda: arrays, "file"), arrays, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert isolated(list, "file") == []
    with pytest.raises(HybridTFError, match=r"file takes its interpreter down \(SIGSEGV\): it is damaged, copy or"):
        isolated(lambda: os.kill(os.getpid(), signal.SIGSEGV), "file")
    with pytest.raises(HybridTFError, match=r"^as it was$"):
        isolated(_raise_ours, "file")
    with pytest.raises(HybridTFError, match="file cannot be run: division by zero"):
        isolated(lambda: 1 / 0, "file")
    with pytest.raises(HybridTFError, match=r"file cannot be run: .*[Uu]nable to allocate"):
        isolated(lambda: [np.ones(1 << 31)], "file")
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def test_an_isolated_process_collects_no_garbage_of_this_one():
    """What it finalizes may wait for a thread that only this process has."""
    here = os.getpid()

    class Locked:
        def __init__(self):
            self.itself = self

        def __del__(self):
            if os.getpid() != here:
                os._exit(1)

    Locked()
    assert isolated(lambda: [np.int64(len([[] for _ in range(100_000)]))], "file") == [100_000]


def _raise_ours():
    raise HybridTFError("as it was")
