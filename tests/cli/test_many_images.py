"""Thousands of images cost no more memory than a few."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.compiler import Metadata, convert
from tests.support.small_networks import network

IMAGES = 3000
MOST_BYTES = 500e6
SIDE = 160  # as float32 3,000 such images take 922 MB
CODE = """
import resource, sys
from hybrid_tf.cli import main
try:
    main()
except SystemExit as stopped:
    fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(fields["VmHWM"].split()[0], children, file=sys.stderr)
    raise
"""


@pytest.mark.slow
def test_three_thousand_images(tmp_path, record_property):
    file, folder = tmp_path / "model.tflite", tmp_path / "photos"
    convert(network(lambda x: x, channels=4, size=SIDE), file, Metadata(tuple("abcde"), (128.0,) * 3, (64.0,) * 3))
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).resize((200, 150)).save(folder / "0.jpg")
    for number in range(1, IMAGES):
        os.link(folder / "0.jpg", folder / f"{number}.jpg")

    def peaks(*images):
        command = [sys.executable, "-c", CODE, "predict", file, *images]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), 1024 * np.array(done.stderr.split(), int)

    _, alone = peaks(folder / "0.jpg")
    lines, many = peaks(folder)
    assert len(lines) == IMAGES
    assert len({line.partition(": ")[2] for line in lines}) == 1
    more = many - alone
    record_property("bytes more than for one image, here and in the interpreter's process", more.tolist())
    print("bytes more:", more.tolist())
    assert max(more) < MOST_BYTES
