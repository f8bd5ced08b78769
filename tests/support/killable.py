"""Runs `hybrid-tf` in a process that is forked from one which has TensorFlow loaded, but has not used it yet."""

import multiprocessing
import os
import signal
import sys
import time

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "hybrid_tf.cli",
        "hybrid_tf.training.session",
        "hybrid_tf.deploy.conversion",
        "hybrid_tf.study.report",
        "sklearn.datasets",
    ]
)

# The tiniest network, for seconds.
SETTINGS = {"network": "vgg11", "head": "compact", "width": 0.125, "input-size": 28, "smoke": True}
TRAIN = ["train", *(f"--{key}" if value is True else f"--{key}={value}" for key, value in SETTINGS.items())]


def start(arguments, log, kill_at=0, folder="", environment=()):
    """Starts `hybrid-tf` with output to `log`, and pairs of names and values in its environment; returns the process.

    With `kill_at` it kills itself before the nth time that Python opens, renames, removes or lists something in
    `folder`, so that kills fall upon what matters.
    """
    process = CONTEXT.Process(
        target=_run, args=(list(map(str, arguments)), str(log), kill_at, str(folder), environment)
    )
    process.start()
    return process


def finish(arguments, log):
    """Runs `hybrid-tf` to its end; returns exit code, output and seconds."""
    start_time = time.monotonic()
    process = start(arguments, log)
    process.join(300)
    if process.is_alive():
        process.kill()
    return process.exitcode, log.read_text(), time.monotonic() - start_time


def _run(arguments, log, kill_at, folder, environment):
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    count = 0

    def watch(event, values):
        nonlocal count
        if event.split(".")[0] in ("open", "os") and values and str(values[0]).startswith(folder):
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    if kill_at:
        sys.addaudithook(watch)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the server, whose child this is, ignores it
    sys.argv = ["hybrid-tf", *arguments]
    from hybrid_tf.cli import main

    main()
