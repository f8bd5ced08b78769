"""Makes a trained network of a finished run: a small run folder with files, and a model card that says what they give.

  python pretrained/publish.py runs/fashion_mnist/resnet20-residual-0 resnet20-residual

Kernels of binary layers are stored as their signs and those of full-precision layers rounded to 11 significant bits
(float16), so that they compress; everything is then measured on what was stored.
"""

import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from hybrid_tf.config import Config, option
from hybrid_tf.errors import HybridTFError
from hybrid_tf.options import QuietCommand, run_command

FOLDER = Path(__file__).parent
_COPIED = ("config.json", "history.csv", "report.json", "summary.txt", "curves.png")
_ENGINES = {"lce": "LCE", "runtime": "hybrid-tf-runtime"}


@click.command(cls=QuietCommand, help="\b\n" + __doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("name")
def publish(run: Path, name: str) -> None:
    """Makes the network's folder, converts, evaluates and writes the card."""
    from hybrid_tf.deploy import Int8Options, convert_run, evaluate_file, evaluate_run
    from hybrid_tf.files import write_bytes, write_json, write_text
    from hybrid_tf.run import BEST, load_run

    source = load_run(run)
    if source.report["epochs"] < source.config.epochs:
        raise HybridTFError(f"{run} is a smoke run: train it in full")
    target = FOLDER / name
    for file in _COPIED:
        write_bytes(target / file, (run / file).read_bytes())
    _store(source.load_model(), target / BEST)
    for int8 in (None, Int8Options()):
        convert_run(target, int8=int8)
    files = sorted(target.glob("*.tflite"))
    results = {
        "keras": evaluate_run(target)["accuracy"],
        **{
            file.name: {engine: evaluate_file(file, engine=engine)["accuracy"] for engine in _ENGINES} for file in files
        },
    }
    write_json(target / "card.json", results)
    write_text(target / "README.md", _card(name, source, results, {file.name: file.stat().st_size for file in files}))
    click.echo(f"wrote {target}")


def _store(model: Any, path: Path) -> None:
    """Writes the weights as Keras does, but smaller."""
    import h5py
    import numpy as np

    from hybrid_tf.analysis.profile import weight_layers
    from hybrid_tf.files import atomic_path
    from hybrid_tf.layers import is_binary
    from hybrid_tf.weights import save_weights

    for layer in weight_layers(model):
        kernel = layer.kernel.numpy()
        signs = np.where(kernel < 0, np.float32(-1), np.float32(1))
        layer.kernel.assign(signs if is_binary(layer) else kernel.astype(np.float16).astype(np.float32))
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as small:
        plain = Path(folder) / path.name
        save_weights(model, plain)
        with h5py.File(plain) as old, h5py.File(small, "w") as new:
            _copy(old, new)


def _copy(old: Any, new: Any) -> None:
    import h5py

    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy(item, new.create_group(name))
        else:
            options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if item.size > 256 else {}
            new.create_dataset(name, data=item[()], **options).attrs.update(item.attrs)


def _card(name: str, run: Any, results: dict[str, Any], sizes: dict[str, int]) -> str:
    report, config = run.report, run.config
    defaults = Config().to_dict()
    changed = {key: value for key, value in config.to_dict().items() if value != defaults[key] or key == "network"}
    command = " ".join(
        option(key) if value is True else f"{option(key)} {shlex.quote(str(value))}" for key, value in changed.items()
    )
    rows = [f"| Keras | | {100 * results['keras']:.2f} % |"]
    for file, size in sizes.items():
        found = " / ".join(f"{100 * results[file][engine]:.2f} %" for engine in _ENGINES)
        rows.append(f"| `{file}` | {size:,} | {found} |")
    shape, weights = "x".join(map(str, run.image_shape)), report["weights"]
    return f"""# {name}

{config.network} under the plan `{config.plan}`, trained on {config.dataset}: {shape} images, classes
{", ".join(run.class_names)}.

| | bytes | accuracy on the {report["test_images"]:,} test images ({" / ".join(_ENGINES.values())}) |
|---|---:|---:|
{chr(10).join(rows)}

- weights: {weights["full_precision"]:,} in full precision, {weights["binary"]:,} binary: compression
  {report["compression"]:.2f}x
- epochs: {report["epochs"]}, the best on the held-out images was {report["best_epoch"]}; seed {config.seed}
- command: `hybrid-tf train {command}`
- check: `hybrid-tf evaluate pretrained/{name}/model.tflite --engine runtime`

The weights are stored as `pretrained/publish.py` says, and measured as stored. Trained on small grey pictures of
clothes: a demonstration and a start for your own training, not a product.
"""


if __name__ == "__main__":
    run_command(publish)
