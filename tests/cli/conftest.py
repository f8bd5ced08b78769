import pytest

from hybrid_tf.config import Config
from hybrid_tf.training.session import train
from tests.support.shared import made_once

PLAN = "residual+sections=2,3,4"  # binary layers with shortcuts, and full-precision ones with ReLUs


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """The folder of a finished run, which no test may change."""
    config = Config(network="vgg11", plan=PLAN, head="compact", width=0.125, smoke=True)
    return made_once(tmp_path_factory, "small-run", lambda folder: train(config, folder / "run")) / "run"
