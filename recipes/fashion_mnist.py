"""Every network of docs/accuracy.md, trained on the 60,000 images of Fashion-MNIST for 15 epochs each.

  python recipes/fashion_mnist.py
  python recipes/fashion_mnist.py --list
  python recipes/fashion_mnist.py "resnet20 full_precision" "resnet20 residual"

It goes on where it was stopped. Time on two cores: 17 to 30 minutes a run.
"""

from pathlib import Path

from hybrid_tf.cli.recipe import run_study
from hybrid_tf.config import Config
from hybrid_tf.study.comparison import Entry

FOLDER = Path("runs/fashion_mnist")
COMMON = {"dataset": "fashion_mnist", "epochs": 15, "batch_size": 128}
NETWORKS = {
    "resnet20": {"network": "resnet20"},
    "vgg11": {"network": "vgg11", "head": "compact", "width": 0.375},
}
# Full precision has the optimiser that suits it best, as its hybrids have theirs: chosen on the held-out images.
FULL_PRECISION = {"resnet20": {"optimizer": "sgd", "weight_decay": 5e-4}, "vgg11": {"optimizer": "adam"}}
TEACHER = "full_precision"
TAUGHT = {"shifts": True, "gradient": "approx", "augmentation": "flip"}


def _entry(network: str, name: str, plan: str, seeds: int = 1, *, taught: bool = False, **settings: object) -> Entry:
    config = Config.from_dict(COMMON | NETWORKS[network] | settings | {"plan": plan})
    return Entry(f"{network} {name}", config, seeds, f"{network} {TEACHER}" if taught else None)


def _main_entries(network: str, seeds: int) -> list[Entry]:
    return [
        _entry(network, TEACHER, "full_precision", seeds, **FULL_PRECISION[network]),
        _entry(network, "xnor", "xnor", seeds),
        _entry(network, "residual", "residual", seeds),
        _entry(network, "residual taught", "residual", taught=True, **TAUGHT),
    ]


ENTRIES = [
    *_main_entries("resnet20", seeds=3),
    _entry("resnet20", "residual+sections=2,3 taught", "residual+sections=2,3", taught=True, **TAUGHT),
    *_main_entries("vgg11", seeds=1),
]

if __name__ == "__main__":
    run_study(__doc__, "Fashion-MNIST, 15 epochs each", ENTRIES, FOLDER)
