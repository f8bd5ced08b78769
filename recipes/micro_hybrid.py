"""ResNet-20 for a microcontroller: half the width, images of 28x28, full-precision shortcuts.

  python recipes/micro_hybrid.py
  python recipes/micro_hybrid.py --dataset fashion_mnist --epochs 8 --out runs/micro

Time and result of the second on two busy cores: 14 minutes, 86.5 % of the 10,000 test images.
docs/deploy-microcontroller.md says how it goes on from there.
"""

from hybrid_tf.cli.recipe import run_recipe

DEFAULTS = {
    "network": "resnet20",
    "plan": "residual",
    "width": 0.5,
    "input_size": 28,
    "epochs": 15,
    "batch_size": 128,
}
PAPER = {"dataset": "cifar10", "input_size": 32, "epochs": 200}

if __name__ == "__main__":
    run_recipe(__doc__, DEFAULTS, PAPER)
