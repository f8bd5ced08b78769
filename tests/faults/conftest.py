import pytest

from tests.support.killable import TRAIN, finish


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory):
    """A finished run folder that no test may change, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("unbroken")
    code, output, seconds = finish([*TRAIN, "--out", folder / "run"], folder / "log")
    assert code == 0, output
    return folder / "run", seconds
