"""VGG-19 with binary convolutions and dense layers and full-precision shortcuts (arXiv 1902.00460).

  python recipes/vgg19_hybrid.py
  python recipes/vgg19_hybrid.py --paper

Time and result on two cores: 4 minutes, 98.6 % of the test digits.
"""

from hybrid_tf.cli.recipe import run_recipe

DEFAULTS = {"network": "vgg19", "plan": "residual", "epochs": 6, "learning_rate": 0.002}
PAPER = {"dataset": "cifar100", "epochs": 200, "batch_size": 128, "augmentation": "crop-flip"}

if __name__ == "__main__":
    run_recipe(__doc__, DEFAULTS, PAPER)
