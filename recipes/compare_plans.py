"""One network under several plans: same data, same budget; one table, one figure.

  python recipes/compare_plans.py
  python recipes/compare_plans.py --network vgg19 --plan full_precision --plan residual --epochs 8

Time and result on two cores: 6 minutes, 97.5 to 99.7 %; the table is in docs/plans.md.
"""

from hybrid_tf.cli.recipe import run_comparison

PLANS = ("full_precision", "xnor", "residual", "residual+sections=2,3")
DEFAULTS = {"network": "resnet20", "epochs": 15}
PAPER = {"dataset": "cifar100", "epochs": 200, "batch_size": 128}

if __name__ == "__main__":
    run_comparison(__doc__, PLANS, DEFAULTS, PAPER)
