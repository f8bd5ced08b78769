"""Files of generated operator configurations.

    python -m tests.support.sweep_files FOLDER [--count 3300] [--seed 0] [--only INDEX] [--narrow]

writes `NAME.tflite` and `NAME.npz` (inputs, and what the outputs must be) for check_folder.py. A configuration depends
on the seed and its index alone, so that a failing one can be built by itself.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.support.graph_builder import build_file
from tests.support.sweep_models import Case, Output

COUNT = 3300  # LCE runs 3000 of them; the others it refuses
CASES_A_FILE = 100


@dataclass(frozen=True)
class SweepFile:
    """One file of many independent configurations.

    Attributes:
        interpreter: which of LCE's kernels computes all of them; None where LCE has none.
        content: the `.tflite`.
        inputs: for each input of the file.
        outputs: for each output of the file.
        cases: how many configurations.
    """

    interpreter: str | None
    content: bytes
    inputs: tuple[np.ndarray, ...]
    outputs: tuple[Output, ...]
    cases: int


def sweep_files(indices, seed=0, batch=None, narrow=False) -> list[SweepFile]:
    """Returns the configurations of these indices; of LCE's kernels that run one, one is chosen at random.

    batch: of every image, instead of a random one. narrow: blocks of narrow binary convolutions.
    """
    chosen = {}
    for index in indices:
        case = Case(seed, index, batch, narrow)
        accepting = sorted(case.interpreters)
        interpreter = np.random.default_rng([seed, index, 2]).choice(accepting) if accepting else None
        chosen.setdefault(interpreter, []).append(case)
    files = []
    for interpreter, members in chosen.items():
        for start in range(0, len(members), CASES_A_FILE):
            cases = members[start : start + CASES_A_FILE]
            inputs = tuple(value.array for case in cases for value in case.graph.inputs)
            outputs = tuple(output for case in cases for output in case.outputs)
            content = build_file([case.graph for case in cases])
            files.append(SweepFile(interpreter, content, inputs, outputs, len(cases)))
    return files


def resized_files(indices, seed=0, batch=3) -> list[SweepFile]:
    """Returns files made for single images, with inputs and outputs of `batch` images."""
    singles, batches = (sweep_files(indices, seed, images) for images in (1, batch))
    return [replace(file, content=single.content) for single, file in zip(singles, batches, strict=True)]


def write(files, folder) -> None:
    """Writes files for check_folder.py."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        stem = f"sweep{number:03}"
        (folder / f"{stem}.tflite").write_bytes(file.content)
        arrays = {f"input{i}": array for i, array in enumerate(file.inputs)}
        arrays |= {f"output{i}": output.array for i, output in enumerate(file.outputs)}
        facts = {
            "cases": file.cases,
            "names": [output.name for output in file.outputs],
            "exact": [output.exact for output in file.outputs],
        }
        np.savez(folder / f"{stem}.npz", facts=json.dumps(facts), **arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="index of the one configuration to build")
    parser.add_argument("--narrow", action="store_true", help="blocks of narrow binary convolutions")
    arguments = parser.parse_args()
    indices = range(arguments.count) if arguments.only is None else [arguments.only]
    write(sweep_files(indices, arguments.seed, narrow=arguments.narrow), arguments.folder)


if __name__ == "__main__":
    main()
