import pytest

from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.plan import FULL_PRECISION, RESIDUAL, XNOR, Plan

LAYERS = {"stage1_conv2": "1", "stage2_conv1": "2", "head_dense1": "head"}


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("full_precision", FULL_PRECISION),
        ("xnor", XNOR),
        ("residual", RESIDUAL),
        ("sections=3,4", Plan(("3", "4"))),
        ("residual+sections=2,head", Plan(("2", "head"), residual=True)),
        ("xnor+keep=stage2_conv1", Plan(keep=("stage2_conv1",))),
        ("residual+keep=a,b", Plan(residual=True, keep=("a", "b"))),
        ("sections=1+keep=a", Plan(("1",), keep=("a",))),
        ("residual+sections=1,2+keep=a", Plan(("1", "2"), residual=True, keep=("a",))),
    ],
)
def test_text_round_trips(text, plan):
    assert Plan.parse(text) == plan
    assert str(plan) == text


def test_order_and_repeats_do_not_matter():
    assert Plan.parse("keep=b,a,b + sections=4, 3 +residual") == Plan(("3", "4"), residual=True, keep=("a", "b"))
    assert Plan.parse("xnor+sections=3") == Plan.parse("sections=3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("residul", "did you mean 'residual'"),
        ("section=3", "did you mean 'sections=STAGE,...'"),
        ("", "unknown plan ''"),
        ("xnor+residual", "choose one of xnor, residual"),
        ("sections=", "names nothing"),
        ("sections=1+sections=2", "twice"),
        ("keep=a", "does not say what is binary"),
        ("full_precision+sections=1", "no binary layers"),
        ("full_precision+keep=a", "no binary layers"),
    ],
)
def test_wrong_text_is_refused(text, message):
    with pytest.raises(HybridTFError, match=message.replace("?", r"\?")):
        Plan.parse(text)


def test_names_are_checked_against_the_network():
    Plan.parse("sections=1,head+keep=stage2_conv1").check(LAYERS)
    with pytest.raises(HybridTFError, match="unknown stage 'haed': did you mean 'head'"):
        Plan.parse("sections=haed").check(LAYERS)
    with pytest.raises(HybridTFError, match="unknown layer 'stage2_cnv1': did you mean 'stage2_conv1'"):
        Plan.parse("xnor+keep=stage2_cnv1").check(LAYERS)
