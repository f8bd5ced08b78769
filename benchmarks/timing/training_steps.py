"""The time of a training step under the plans, and of the input pipeline, which is to keep up.

python -m benchmarks.timing.training_steps [--networks resnet20 vgg19] [--rounds 10] [--json FILE] [--update-docs]
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from benchmarks.timing.machine import Clock, machine, machine_lines

from hybrid_tf.config import Config  # isort: skip  chooses legacy Keras, so before anything that uses Keras
import tensorflow as tf

from hybrid_tf.data import load_dataset, train_batches
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.registry import build_model
from hybrid_tf.runs.evaluation import one_hot
from hybrid_tf.system.files import write_json
from hybrid_tf.system.quiet import silenced
from hybrid_tf.tables import show, table
from hybrid_tf.training.mixed_precision import layers_in_mixed_precision
from hybrid_tf.training.optimizers import compile_model

NETWORKS = ["resnet20", "vgg19"]
PLANS = ["full_precision", "xnor", "residual"]
BATCH_SIZE = 128
NOISY = 0.1  # processors busy with something else
_PAGE = Path(__file__).parents[2] / "docs" / "training-speed.md"
_SIZE, _CHANNELS, _CLASSES = 28, 1, 10  # Fashion-MNIST's and the enlarged digits'
_STEPS = 3  # in a turn
_MACHINE = "machine"  # the block that says where it was measured
_COMMAND = "python -m benchmarks.timing.training_steps --update-docs"


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", metavar="NAME", default=NETWORKS)
    parser.add_argument("--plans", nargs="+", metavar="PLAN", default=PLANS)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=10, help="how often each row has its turn (10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where everything that was measured goes too")
    parser.add_argument(
        "--update-docs",
        action="store_true",
        help="write the tables of docs/training-speed.md; refuses on a busy machine",
    )
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is a whole number from 1")
    settings = options.networks, options.plans, options.batch_size, options.width
    if options.update_docs and settings != (NETWORKS, PLANS, BATCH_SIZE, 1):
        parser.error("--update-docs is for what is measured without --networks, --plans, --batch-size and --width")
    try:
        with silenced():  # TensorFlow's start-up messages
            tf.config.list_physical_devices()
        _run(options)
    except HybridTFError as error:
        sys.exit(f"error: {error}")


def _run(options: argparse.Namespace) -> None:
    if options.update_docs:
        check_blocks(_PAGE, _COMMAND, [_MACHINE, *options.networks])
    found = []
    for name in options.networks:
        print(f"{name}: {len(options.plans)} plans, {options.rounds} rounds", file=sys.stderr, flush=True)
        found.append(measure(name, options.plans, options.batch_size, options.width, options.rounds))
        title, columns, rows = _table(found[-1])
        noisy = f"warning: other programs kept {found[-1]['busy_elsewhere']:.1f} processors busy: measure again alone"
        show(False, None, table(title, columns, rows), *([noisy] if found[-1]["busy_elsewhere"] > NOISY else []))
    about = machine()
    if options.json:
        write_json(options.json, {"machine": about, "rounds": options.rounds, "networks": found})
    if options.update_docs:
        if max(one["busy_elsewhere"] for one in found) > NOISY:
            raise HybridTFError("the page was not written: other programs were running, stop them and measure again")
        _write_page(about, options.rounds, found)


def measure(name: str, plans: list[str], batch_size: int, width: float, rounds: int) -> dict[str, Any]:
    """Returns the milliseconds of each part of a step under each plan, and of the input pipeline, for a batch."""
    parts: dict[tuple[str, str], Callable[[], Any]] = {}
    for plan in plans:
        parts |= {(plan, part): call for part, call in _calls(name, plan, batch_size, width).items()}
    for call in parts.values():  # traces it
        call()
    times = {key: [] for key in parts}
    clock, turns = Clock(time.process_time()), list(parts)
    for number in range(rounds):
        first = number * len(turns) // rounds  # each round starts with another one
        for key in turns[first:] + turns[:first]:
            start = time.perf_counter()
            for _ in range(_STEPS):
                parts[key]()
            times[key].append(1000 * (time.perf_counter() - start) / _STEPS)
    busy_elsewhere = clock.others(time.process_time())
    rows = [
        {"plan": plan} | {part: float(np.median(times[plan, part])) for of, part in parts if of == plan}
        for plan in plans
    ]
    return {
        "network": name,
        "batch_size": batch_size,
        "width": width,
        "rows": rows,
        "input": _input_milliseconds(batch_size),
        "busy_elsewhere": busy_elsewhere,
    }


def _calls(name: str, plan: str, batch_size: int, width: float) -> dict[str, Callable[[], Any]]:
    """Returns functions without arguments that run each part once, on the same batch of noise."""
    shape = (_SIZE, _SIZE, _CHANNELS)
    model, mixed = [_model(name, plan, shape, width, mixed) for mixed in (False, True)]
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(batch_size, *shape)).astype(np.float32))
    labels = tf.one_hot(rng.integers(0, _CLASSES, batch_size), _CLASSES)

    @tf.function
    def forward() -> tf.Tensor:
        return model(images, training=True)

    @tf.function
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = model.compiled_loss(labels, model(images, training=True))
        return tape.gradient(loss, model.trainable_variables)

    def step(model: tf.keras.Model) -> Callable[[], dict[str, tf.Tensor]]:
        return tf.function(lambda: model.train_step((images, labels)))

    def done(call: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: tf.nest.map_structure(lambda tensor: tensor.numpy(), call())  # waits for the result

    parts = {"forward": forward, "gradients": gradients, "step": step(model), "mixed": step(mixed)}
    return {part: done(call) for part, call in parts.items()}


def _model(name: str, plan: str, shape: tuple[int, int, int], width: float, mixed: bool) -> tf.keras.Model:
    with layers_in_mixed_precision(mixed):
        model = build_model(name, plan, input_shape=shape, classes=_CLASSES, width=width)
    compile_model(model, Config(), 1000)
    return model


def _input_milliseconds(batch_size: int) -> float:
    """Returns the milliseconds that the input pipeline takes for a batch of the enlarged digits."""
    dataset = load_dataset("digits", input_size=(_SIZE, _SIZE))
    batches, steps = train_batches(
        dataset, batch_size=batch_size, seed=0, first_epoch=0, epochs=6, augmentation=dataset.augmentation
    )
    iterator = iter(one_hot(batches, _CLASSES))
    for _ in range(steps):  # an epoch to get going
        next(iterator)
    start = time.perf_counter()
    count = sum(1 for _ in iterator)
    return 1000 * (time.perf_counter() - start) / count


def _table(found: dict[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    base = found["rows"][0]["step"]
    rows = [
        [
            row["plan"],
            *(f"{row[part]:.1f}" for part in ("forward", "gradients", "step")),
            f"{row['step'] / base:.2f}",
            f"{row['mixed']:.1f}",
            f"{found['input']:.1f}",
        ]
        for row in found["rows"]
    ]
    title = f"{found['network']}, batch {found['batch_size']}: milliseconds"
    first = found["rows"][0]["plan"]
    return title, ["plan", "forward", "with gradients", "step", f"of {first}, times", "mixed", "input"], rows


def _write_page(about: dict[str, Any], rounds: int, found: list[dict[str, Any]]) -> None:
    blocks = {_MACHINE: machine_lines(about, rounds)}
    for one in found:
        _, columns, rows = _table(one)
        blocks[one["network"]] = markdown_table(columns, rows)
    write_blocks(_PAGE, _COMMAND, blocks)


if __name__ == "__main__":
    main()
