"""Loading TensorFlow without its start-up messages, which no environment variable turns off."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what is written to file descriptor 2, also by C++ code; an exception prints it after all."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


class QuietCommand(click.Command):
    """A command that loads TensorFlow quietly once its options are read, so that `--help` stays fast."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, with TensorFlow loaded."""
        with quiet_stderr():
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("ERROR")
        return super().invoke(ctx)
