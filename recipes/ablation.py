"""What each training method is worth: ResNet-20 residual at half width, 5 epochs each, chosen on held-out images.

  python recipes/ablation.py
  python recipes/ablation.py --list
  python recipes/ablation.py plain shifts

The accuracy that counts is the one on the 6,000 training images that are held out; docs/accuracy.md has the table. It
goes on where it was stopped. Time on two cores: 3 to 5 minutes a run.
"""

from pathlib import Path

from hybrid_tf.cli.recipe import run_study
from hybrid_tf.config import Config
from hybrid_tf.study.comparison import Entry

FOLDER = Path("runs/ablation")
COMMON = {"network": "resnet20", "width": 0.5, "dataset": "fashion_mnist", "epochs": 5, "batch_size": 128}
TEACHER = "full precision"
METHODS = {
    "plain": {},
    "swish-sign gradient": {"gradient": "swish"},
    "approx-sign gradient": {"gradient": "approx"},
    "shifts": {"shifts": True},
    "two stages": {"two_stage": 0.5},
    "recalibration": {"recalibrate": 100},
    "Bop": {"optimizer": "bop"},
    "label smoothing": {"label_smoothing": 0.1},
    "mirrored only": {"augmentation": "flip"},
}
TAUGHT = {
    "distillation": {},
    "distillation, attention": {"attention": 2.0},
    "distillation, shifts": {"shifts": True},
    "distillation, shifts, approx-sign": {"shifts": True, "gradient": "approx"},
    "distillation, shifts, approx-sign, mirrored only": {"shifts": True, "gradient": "approx", "augmentation": "flip"},
}


def _entry(name: str, settings: dict[str, object], plan: str = "residual", teacher: str | None = None) -> Entry:
    return Entry(name, Config.from_dict(COMMON | settings | {"plan": plan}), teacher=teacher)


ENTRIES = [
    _entry(TEACHER, {"optimizer": "sgd", "weight_decay": 5e-4}, plan="full_precision"),
    *(_entry(name, settings) for name, settings in METHODS.items()),
    *(_entry(name, settings, teacher=TEACHER) for name, settings in TAUGHT.items()),
]

if __name__ == "__main__":
    run_study(__doc__, "ResNet-20 residual, half width, Fashion-MNIST, 5 epochs each", ENTRIES, FOLDER)
