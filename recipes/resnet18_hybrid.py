"""ResNet-18 for ImageNet with a full-precision shortcut around every binary convolution.

  python recipes/resnet18_hybrid.py
  python recipes/resnet18_hybrid.py --paper

Run bare, it trains on digits of 64x64 pixels, at half width. `--paper` needs ImageNet, which is downloaded by hand.

Time and result on two cores: 1 minute, 97.8 % of the test digits.
"""

from hybrid_tf.cli.recipe import run_recipe

DEFAULTS = {"network": "resnet18", "plan": "residual", "input_size": 64, "width": 0.5, "epochs": 10}
PAPER = {"dataset": "imagenet2012", "input_size": 224, "width": 1.0, "epochs": 200, "batch_size": 256}

if __name__ == "__main__":
    run_recipe(__doc__, DEFAULTS, PAPER)
