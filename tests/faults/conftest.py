import pytest

from tests.support.killable import TRAIN, finish
from tests.support.shared import made_once


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory):
    """A finished run folder that no test may change, and the seconds that it took."""

    def make(folder):
        code, output, seconds = finish([*TRAIN, "--out", folder / "run"], folder / "log")
        assert code == 0, output
        (folder / "seconds").write_text(str(seconds))

    folder = made_once(tmp_path_factory, "unbroken-run", make)
    return folder / "run", float((folder / "seconds").read_text())
