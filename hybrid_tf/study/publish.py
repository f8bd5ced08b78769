"""The making of a trained network to ship: a small run folder with its files and a model card."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from hybrid_tf.deploy.conversion import Int8Options, convert_run
from hybrid_tf.deploy.engines import ENGINES
from hybrid_tf.deploy.evaluation import evaluate_file, evaluate_run
from hybrid_tf.deploy.freshness import warn_of_stale_files
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import is_binary, weight_layers
from hybrid_tf.pretrained import FOLDER
from hybrid_tf.runs.names import BEST, HISTORY, INT8_FILE, REPORT, SUMMARY
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.runs.weights import save_weights
from hybrid_tf.system.files import atomic_path, write_bytes, write_json, write_text
from hybrid_tf.training.settings import config_from_here, train_command

_COPIED = (HISTORY, REPORT, SUMMARY)


def publish(run: Path, name: str, int8_run: Path | None = None, into: Path | None = None) -> Path:
    """Makes the network's folder, converts, evaluates and writes the card.

    Kernels of binary layers are stored as their signs, which compress and give the same numbers. Without binary layers,
    all kernels are rounded to 8 significant bits (bfloat16); in a hybrid that would turn signs. Everything is then
    measured on what was stored.

    Args:
        run: path of a finished run.
        name: name of the trained network.
        int8_run: path of an int8-aware fine-tuning of `run`, whose int8 file is taken; without, what was stored is
            calibrated.
        into: folder that the network's folder goes to; `None` for that of the shipped networks.

    Returns:
        The path of the network's folder.

    Raises:
        HybridTFError: for a run that is not finished or a smoke run, or an `int8_run` that is no such fine-tuning.
    """
    source, target = _trained(run), (into or FOLDER) / name
    warn_of_stale_files(run)
    int8_source = _fine_tuned(int8_run, run, target) if int8_run else None
    commands = [train_command(one.config) for one in (source, int8_source) if one]
    for file in _COPIED:
        write_bytes(target / file, (run / file).read_bytes())
    replace(source, folder=target, config=config_from_here(source.config)).save()
    _store(source.load_model(), target / BEST)
    convert_run(target)
    convert_run(int8_run or target, target / INT8_FILE, int8=Int8Options())
    files = sorted(target.glob("*.tflite"))
    results = {
        "keras": evaluate_run(target).accuracy,
        **{file.name: {engine: evaluate_file(file, engine=engine).accuracy for engine in ENGINES} for file in files},
    }
    write_json(target / "card.json", results)
    sizes = {file.name: file.stat().st_size for file in files}
    write_text(target / "README.md", _card(name, source, results, sizes, commands))
    return target


def _trained(folder: Path) -> Run:
    """Returns a finished run. Raises HybridTFError for another, and for a smoke run."""
    run = load_run(folder)
    if run.config.smoke:
        raise HybridTFError(f"{folder} is a smoke run: train it in full")
    return run


def _fine_tuned(folder: Path, start: Path, shipped: Path) -> Run:
    """Returns a finished run that is an int8-aware fine-tuning of another, or of what was shipped of that one.

    Raises HybridTFError for one that is not.
    """
    run = _trained(folder)
    config = run.config
    if not config.int8_aware or Path(config.resume_from).resolve() not in (start.resolve(), shipped.resolve()):
        raise HybridTFError(
            f"{folder} is no int8-aware fine-tuning of {start}: make one with "
            f"`hybrid-tf train --resume-from {start} --int8-aware --out FOLDER`"
        )
    return run


def _store(model: Any, path: Path) -> None:
    """Writes the weights as Keras does, but smaller."""
    layers = weight_layers(model)
    binary = [layer for layer in layers if is_binary(layer)]
    for layer in binary or layers:
        kernel = layer.kernel.numpy()
        layer.kernel.assign(np.where(kernel < 0, -1, 1) if binary else kernel.astype(tf.bfloat16.as_numpy_dtype))
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as small:
        plain = Path(folder) / path.name
        save_weights(model, plain)
        with h5py.File(plain) as old, h5py.File(small, "w", libver="latest") as new:  # has small headers
            _copy(old, new)


def _copy(old: Any, new: Any) -> None:
    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy(item, new.create_group(name))
        else:
            options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if item.size > 256 else {}
            new.create_dataset(name, data=item[()], **options).attrs.update(item.attrs)


def _card(name: str, run: Run, results: dict[str, Any], sizes: dict[str, int], commands: list[str]) -> str:
    report, config = run.report, run.config
    made = [f"- command: `{commands[0]}`"]
    made += [f"- `model.int8.tflite` has weights of its own, fine-tuned by `{text}`" for text in commands[1:]]
    rows = [f"| Keras | | {100 * results['keras']:.2f} % |"]
    for file, size in sizes.items():
        found = " / ".join(f"{100 * results[file][engine]:.2f} %" for engine in ENGINES)
        rows.append(f"| `{file}` | {size:,} | {found} |")
    shape, weights = "x".join(map(str, run.image_shape)), report.weights
    return f"""# {name}

{config.network} under the plan `{config.plan}`, trained on {config.dataset}: {shape} images, classes
{", ".join(run.class_names)}.

| | bytes | accuracy on the {report.test_images:,} test images ({" / ".join(ENGINES.values())}) |
|---|---:|---:|
{chr(10).join(rows)}

- weights: {weights.full_precision:,} in full precision, {weights.binary:,} binary: compression
  {report.compression:.2f}x
- epochs: {report.epochs}, the best on the held-out images was {report.best_epoch}; seed {config.seed}
{chr(10).join(made)}
- check: `hybrid-tf evaluate hybrid_tf/pretrained/{name}/model.tflite --engine runtime`

The weights are stored as `recipes/publish.py --help` says, and measured as stored. Trained on small grey pictures of
clothes: a demonstration and a start for your own training, not a product.
"""
