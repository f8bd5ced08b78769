"""What the scores of a network are: logits, or probabilities."""

from pathlib import Path

import numpy as np
from scipy.special import softmax

from hybrid_tf.compiler.metadata import LOGITS, PROBABILITIES, SCORES, Metadata
from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import TFLiteFile, parse_tflite, read_bytes

_MAKERS = (names.SOFTMAX, names.LOGISTIC)
_SAME_NUMBERS = (names.DEQUANTIZE, names.QUANTIZE, names.RESHAPE, names.SQUEEZE)


def seen_scores(file: TFLiteFile) -> str:
    """Returns what the scores of a file are by its last operator: a softmax or sigmoid makes probabilities."""
    makers = {tensor: operator for operator in file.operators for tensor in operator.outputs}
    last = makers.get(file.outputs[0])
    while last and last.name in _SAME_NUMBERS:
        last = makers.get(last.inputs[0])
    return PROBABILITIES if last is not None and last.name in _MAKERS else LOGITS


def known_scores(file: TFLiteFile, told: str) -> str:
    """Returns what the scores of a file are: as it was `told`, else as they are seen; `told` may be empty.

    Raises:
        HybridTFError: when it was told something else than logits or probabilities, or logits of a file that ends in a
            softmax or sigmoid.
    """
    if told and told not in SCORES:
        raise unknown("kind of scores", told, SCORES)
    seen = seen_scores(file)
    if told == LOGITS and seen == PROBABILITIES:
        raise HybridTFError("the network ends in a softmax or sigmoid, so its scores are no logits: say probabilities")
    return told or seen


def scores_of(path: Path, metadata: Metadata) -> str:
    """Returns what the scores of a converted file are; older versions did not store it, and then it is seen.

    Raises:
        HybridTFError: when the file cannot be read.
    """
    return metadata.scores or seen_scores(parse_tflite(read_bytes(path), path))


def as_probabilities(scores: np.ndarray, kind: str) -> np.ndarray:
    """Returns scores [N, classes] of a kind as probabilities, float64 of the same shape."""
    scores = scores.astype(np.float64)
    return scores if kind == PROBABILITIES else softmax(scores, axis=-1)
