"""ResNet-32 with its last two stages binary, and full-precision shortcuts; the first stage has few weights.

  python recipes/resnet32_hybrid.py
  python recipes/resnet32_hybrid.py --plan residual

Time and result on two cores: 2 minutes, 98.9 % of the test digits.
"""

from hybrid_tf.cli.recipe import run_recipe

DEFAULTS = {"network": "resnet32", "plan": "residual+sections=2,3", "epochs": 15}
PAPER = {"dataset": "cifar100", "epochs": 200, "batch_size": 128}

if __name__ == "__main__":
    run_recipe(__doc__, DEFAULTS, PAPER)
