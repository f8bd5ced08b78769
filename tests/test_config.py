import pytest

from hybrid_tf.config import Config
from hybrid_tf.errors import HybridTFError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "--epochs 0 is out of range"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm': did you mean 'adam'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"epochs": "5"}, "--epochs must be of type int"),
        ({"learning_rate": float("nan")}, "--learning-rate nan is out of range"),
        ({"validation": 0.95}, "--validation 0.95 is out of range"),
        ({"two_stage": 1.0}, "--two-stage 1.0 is out of range"),
        ({"two_stage": 0.5, "epochs": 1}, "--two-stage 0.5 is out of range"),
        ({"gradient": "swsh"}, "unknown gradient 'swsh': did you mean 'swish'"),
        ({"distillation": 1.5}, "--distillation 1.5 is out of range"),
        ({"temperature": 0.0}, "--temperature 0.0 is out of range"),
        ({"attention": -1.0}, "--attention -1.0 is out of range"),
        ({"recalibrate": -1}, "--recalibrate -1 is out of range"),
        ({"patience": -1}, "--patience -1 is out of range"),
        ({"patience": 2, "validation": 0.0}, "--patience watches held-out images, and --validation 0 holds out none"),
        ({"batch_size": 0}, "--batch-size 0 is out of range"),
        ({"class_weights": "balance"}, "unknown class weights 'balance': did you mean 'balanced'"),
        ({"augmentation": "strong-flop"}, "unknown augmentation 'strong-flop': did you mean 'strong-flip'"),
        ({"start_from": "a", "resume_from": "b"}, "--start-from is for other data, --resume-from for the data of the"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(HybridTFError, match=message):
        Config(**settings)
