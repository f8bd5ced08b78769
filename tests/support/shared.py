"""What takes long to make is made once, for all tests and all processes that run them."""

import os
import shutil

from hybrid_tf.system.lock import waited_for


def made_once(tmp_path_factory, name, make):
    """Returns a folder that `make(folder)` has filled, in this process or in another one of the same test run.

    No test may change what is there. `name` says what it is: whoever makes something else needs another name.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # then it is this process's own, in the folder of the test run
        root = root.parent
    folder, complete = root / "made-once" / name, root / "made-once" / f"{name}.complete"
    with waited_for(root / "made-once" / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder
