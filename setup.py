"""Packaging of hybrid-tf: `pip install .` or, to work on it, `pip install -e .`."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements() -> list[str]:
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line and not line.startswith("#")]


def version() -> str:
    text = (HERE / "hybrid_tf" / "version.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


# The kernels for TFLite Micro, which `export-micro` copies: `hybrid_tf/micro/sources` links to the runtime's folders.
KERNELS = [
    *("micro/*.cc", "micro/*.h", "micro/helium/*.cc", "micro/host/*.cc", "micro/host/*.h"),
    "micro/host/tensorflow/lite/**/*.h",
    *("src/common/ceil_div.h", "src/common/flexbuffer.*", "src/common/window_axis.*"),
    *("src/kernels/bits.*", "src/kernels/kernels.h", "src/kernels/pixels.h"),
]

setup(
    name="hybrid-tf",
    version=version(),
    description="Part binary, part full-precision convolutional networks, from training to the device",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.13",
    install_requires=requirements(),
    extras_require={
        "heic": ["pillow-heif>=0.18,<2"],
        "micro": ["tflite-micro==0.dev20261023182759"],
        "postgresql": ["psycopg[binary]>=3.2,<4"],
    },
    packages=find_packages(include=["hybrid_tf", "hybrid_tf.*"]),
    package_data={
        "hybrid_tf": ["py.typed"],
        "hybrid_tf.micro": ["templates/**/*", *(f"sources/{kernel}" for kernel in KERNELS)],
        "hybrid_tf.micro.plain_c": ["kernels/*", "layouts/**/*", "templates/*"],
        "hybrid_tf.pretrained": ["*/*", "measured.json"],
        "hybrid_tf.study": ["templates/*.html"],
    },
    entry_points={"console_scripts": ["hybrid-tf = hybrid_tf.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
