"""A process for each engine: thread pools of several in one process would disturb each other."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing.engines import Engine, Runner, load
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.quiet import silenced

_WARM_UP_SECONDS, _WARM_UP_RUNS = 0.01, 1
_BURST_SECONDS, _BURST_RUNS = 0.05, 3
_PROFILED_RUNS = 200


class EngineProcess:
    """Runs networks with one engine. Its calls are those of `_Server`, which see."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(engine, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is seen

    def call(self, name: str, *arguments: Any) -> Any:
        """Returns what the process answers. Raises HybridTFError when it fails or ends."""
        try:
            self._connection.send((name, arguments))
            failed, answer = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise HybridTFError(f"{self.engine.name}: ended with {self._process.exitcode} in '{name}'") from error
        if failed:
            raise HybridTFError(f"{self.engine.name}: {answer}")
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join()


class _Server:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runners: dict[int, Runner] = {}
        self._image: dict[int, np.ndarray] = {}
        self._held: dict[tuple[Path, int], tuple[Runner, np.ndarray]] = {}

    def load(self, path: Path, thread_counts: list[int], image: np.ndarray) -> None:
        """Loads a file in place of the one before, for each number of threads; `image` is for `burst`."""
        self._runners.clear()
        self._runners = {threads: load(self._engine, path, threads) for threads in thread_counts}
        self._image = {threads: runner.prepare(image) for threads, runner in self._runners.items()}

    def scores(self, threads: int, images: np.ndarray) -> np.ndarray:
        """Returns float32 scores [N, classes] of images [N, height, width, channels]."""
        runner = self._runners[threads]
        return np.stack([runner.finish(runner.run(runner.prepare(image[None]))) for image in images])

    def burst(self, threads: int) -> list[float]:
        """Runs the network for a short while, warm-up before. Returns the milliseconds of each run."""
        run, image = self._runners[threads].run, self._image[threads]
        _times(run, image, _WARM_UP_SECONDS, _WARM_UP_RUNS)
        return _times(run, image, _BURST_SECONDS, _BURST_RUNS)

    def hold(self, path: Path, thread_counts: list[int], image: np.ndarray) -> None:
        """Loads a file beside others, for each number of threads; `image` is for `burst_of`."""
        for threads in thread_counts:
            runner = load(self._engine, path, threads)
            self._held[path, threads] = runner, runner.prepare(image)

    def burst_of(self, path: Path, threads: int) -> list[float]:
        """Does what `burst` does, with a file that is held."""
        runner, image = self._held[path, threads]
        _times(runner.run, image, _WARM_UP_SECONDS, _WARM_UP_RUNS)
        return _times(runner.run, image, _BURST_SECONDS, _BURST_RUNS)

    def cpu_seconds(self) -> float:
        """Returns the processor time that this process has used, all threads together."""
        return time.process_time()

    def steps(self, path: Path, threads: int) -> list[dict[str, Any]]:
        """Returns what each step of a network takes, with an engine of ours; see `hybrid_tf_runtime.benchmark`."""
        from hybrid_tf_runtime.benchmark import benchmark

        return benchmark(path, threads, _PROFILED_RUNS, **self._engine.options, per_op=True)["steps"]


def _times(run: Any, image: np.ndarray, seconds: float, least: int) -> list[float]:
    times, start = [], time.perf_counter()
    while len(times) < least or time.perf_counter() - start < seconds:
        before = time.perf_counter_ns()
        run(image)
        times.append((time.perf_counter_ns() - before) / 1e6)
    return times


def _serve(engine: Engine, connection: Connection) -> None:
    server = _Server(engine)
    with silenced():
        while True:
            try:
                name, arguments = connection.recv()
            except EOFError:
                return
            try:
                answer = False, getattr(server, name)(*arguments)
            except Exception as error:  # told to the parent, which ends
                answer = True, " ".join(str(error).split()) or type(error).__name__
            connection.send(answer)
