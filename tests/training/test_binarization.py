"""Any Keras model as a hybrid: what becomes binary, in which order, with which weights; it trains and converts."""

import numpy as np
import pytest
import tensorflow as tf

import hybrid_tf
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import is_binary
from tests.support.extent import EVERYTHING
from tests.support.small_networks import randomise

layers = tf.keras.layers


def conv(filters, kernel=3, **options):
    return layers.Conv2D(filters, kernel, **{"padding": "same", "activation": "relu", **options})


def plain(classes=4, **last):
    """The plain network of docs/your-model.md, narrower."""
    stack = [
        layers.Input((16, 16, 1)),
        layers.Rescaling(1 / 255),
        conv(8, name="first"),
        layers.MaxPooling2D(),
        conv(16, name="wider"),
        conv(16, name="equal"),
        layers.MaxPooling2D(),
        conv(32, name="deep"),
        layers.Flatten(),
        layers.Dense(32, activation="relu", name="hidden"),
        layers.Dense(classes, name="last", **last),
    ]
    return tf.keras.Sequential(stack)


def binary_names(model):
    return [layer.name for layer in model.layers if is_binary(layer)]


def before(model, name):
    """Returns the layer that a layer reads, of which there is one."""
    return model.get_layer(name).input._keras_history.layer


def assert_it_converts(model, tmp_path):
    randomise(model)
    (shape,) = (tuple(tensor.shape[1:]) for tensor in model.inputs)
    images = np.random.default_rng(0).uniform(0, 255, (8, *shape)).astype(np.float32)
    conversion = hybrid_tf.convert(model, tmp_path / "model.tflite")
    assert conversion.binary_layers == len(binary_names(model))
    assert hybrid_tf.verify(model, tmp_path / "model.tflite", images).passed
    return conversion


def test_layers_are_in_the_order_that_trains():
    model = hybrid_tf.binarize(plain(), "xnor")
    order = [type(layer).__name__ for layer in model.layers]
    norm, binary = "BatchNormalization", "QuantConv2D"
    assert order == [
        *("InputLayer", "Rescaling", "Conv2D", "MaxPooling2D"),
        *(norm, binary, norm, binary, norm, "MaxPooling2D", binary, norm),
        *("Flatten", "Reshape", binary, norm, "Reshape", "Activation", "Dense"),
    ]
    assert binary_names(model) == ["wider", "equal", "deep", "hidden"]
    assert model.get_layer("first").activation.__name__ == "linear", "a sign follows"
    assert {layer.pad_values for layer in model.layers if is_binary(layer) and layer.padding == "same"} == {1.0}
    assert np.all(model.get_layer("equal_bn").beta == -1), "a maximum follows"
    assert not np.any(model.get_layer("wider_bn").beta)


def test_weights_are_a_start_and_the_original_stays():
    original = plain()
    weights = [value.copy() for value in original.get_weights()]
    model = hybrid_tf.binarize(original, "residual")
    for name in ("first", "last"):
        for copy, value in zip(
            model.get_layer(name).get_weights(), original.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(copy, value)
    kernel = original.get_layer("equal").get_weights()[0]
    np.testing.assert_array_equal(model.get_layer("equal").get_weights()[0], kernel.clip(-1, 1))
    for value, old in zip(original.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, old)


def test_shortcuts_go_where_shapes_allow():
    model = hybrid_tf.binarize(plain(), "residual")
    sums = [layer.name for layer in model.layers if isinstance(layer, layers.Add)]
    assert sums == ["wider_add", "equal_add", "deep_add"], "hidden reads 512 numbers and gives 32"


def test_it_converts_and_verifies(tmp_path):
    for plan in ("xnor", "residual"):
        assert_it_converts(hybrid_tf.binarize(plain(), plan), tmp_path)


PLANS = {
    "sections=1": [],
    "sections=2": ["wider", "equal"],
    "sections=2,head": ["wider", "equal", "hidden"],
    "xnor+keep=wider": ["equal", "deep", "hidden"],
    "residual+sections=*e*+keep=3": ["wider", "equal", "hidden"],
    "sections=deep": ["deep"],
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_names_stages_layers_or_patterns(plan):
    if not PLANS[plan]:
        with pytest.raises(HybridTFError, match="unknown stage, layer or pattern '1'"):
            hybrid_tf.binarize(plain(), plan)
    else:
        assert binary_names(hybrid_tf.binarize(plain(), plan)) == PLANS[plan]


def residual_block():
    """A block as ResNet50 has it: padding of its own, batch norm, an activation behind the sum."""
    image = layers.Input((16, 16, 3))
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_bn")(conv(16, name="stem")(image)))
    y = layers.ZeroPadding2D(1)(x)
    y = conv(16, strides=2, padding="valid", activation=None, name="one")(y)
    y = layers.ReLU()(layers.BatchNormalization(name="one_norm")(y))
    y = layers.BatchNormalization()(conv(32, 1, activation=None, name="two")(y))
    x = layers.BatchNormalization()(conv(32, 1, strides=2, activation=None, name="shortcut")(x))
    x = layers.ReLU(name="out")(layers.Add()([x, y]))
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.BatchNormalization()(conv(16, 1, activation="relu6", name="three")(x))
    outputs = layers.Dense(4, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(x))
    return tf.keras.Model(image, outputs, name="block")


def test_a_block_with_paddings_and_batch_norms(tmp_path, capsys):
    model = hybrid_tf.binarize(residual_block(), "residual")
    said = capsys.readouterr().err
    assert "4 layers are binary" in said and "depthwise (is a DepthwiseConv2D)" in said
    assert sorted(binary_names(model)) == ["one", "shortcut", "three", "two"]
    assert not [layer for layer in model.layers if isinstance(layer, layers.ZeroPadding2D)]
    assert isinstance(before(model, "one"), layers.BatchNormalization), "no ReLU in front of a sign"
    assert isinstance(before(model, "depthwise"), layers.ReLU), "but in front of a full-precision layer"
    assert_it_converts(model, tmp_path)


def test_nested_models_are_opened(tmp_path):
    inner = tf.keras.Sequential([layers.Input((16, 16, 8)), conv(8, name="conv"), conv(8, name="other")], name="inner")
    image = layers.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(inner(conv(8, name="conv")(image)))
    model = hybrid_tf.binarize(tf.keras.Model(image, layers.Dense(3)(x)), "residual")
    assert len(binary_names(model)) == 2
    assert_it_converts(model, tmp_path)


@pytest.mark.slow
@pytest.mark.sweep
@pytest.mark.skipif(not EVERYTHING, reason="minutes: make sweep")
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_a_network_of_keras_applications(name, tmp_path):
    options = {"alpha": 0.35} if name == "MobileNetV2" else {}
    original = getattr(tf.keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=4, **options)
    model = hybrid_tf.binarize(original, "residual")
    assert len(binary_names(model)) == {"MobileNetV2": 34, "ResNet50": 52}[name]
    assert_it_converts(model, tmp_path)


def test_it_learns_from_the_original():
    """Without labels to learn from (all are one class), the student still becomes more like the teacher."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (256, 16, 16, 1)).astype(np.float32)
    teacher = plain(2, activation="softmax")
    randomise(teacher)
    expected = teacher.predict(images, verbose=0)

    def distance(model):
        return np.abs(model.predict(images, verbose=0) - expected).mean()

    student = hybrid_tf.binarize(teacher, "residual")
    student.compile(tf.keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    student.fit(images, np.zeros(256), 32, epochs=1, verbose=0)
    start = distance(student)
    history = student.fit(images, expected.argmax(1), 32, epochs=8, verbose=0).history
    assert distance(student) < start
    assert set(history) == {"loss", "accuracy"}
    assert type(student).__name__ == "Functional", "nothing but the network is saved"


class Subclassed(tf.keras.Model):
    def call(self, inputs):
        return inputs


def shared():
    image, twice = layers.Input((8, 8, 4)), conv(4, name="twice")
    return tf.keras.Model(image, layers.Dense(2)(layers.Flatten()(twice(twice(conv(4, name="stem")(image))))))


REFUSED = {
    "subclassed": (Subclassed(name="mine"), "residual", "'mine' is subclassed, .* tf.keras.Model\\(inputs, outputs\\)"),
    "not built": (tf.keras.Sequential([conv(4)], name="mine"), "residual", "no input shape yet: give it one"),
    "no model": (3, "residual", "int is no tf.keras.Model of legacy Keras"),
    "nothing between": (
        tf.keras.Sequential([layers.Input((8, 8, 1)), conv(4), layers.Flatten(), layers.Dense(2)]),
        "residual",
        "no layer of this model can be binary: .* is the first layer; .* is the last layer",
    ),
    "shared alone": (shared(), "residual", "twice: is called more than once"),
    "unknown name": (plain(), "sections=depe", "unknown stage, layer or pattern 'depe': did you mean 'deep'"),
    "all kept": (plain(), "sections=2+keep=2", "makes no layer of this model binary"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses(case):
    model, plan, message = REFUSED[case]
    with pytest.raises(HybridTFError, match=message):
        hybrid_tf.binarize(model, plan)
