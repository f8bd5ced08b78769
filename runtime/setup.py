"""Packaging of hybrid-tf-runtime: `pip install .` compiles the library; wheels.py makes wheels for other machines."""

import os
import re
import sys
import sysconfig
from pathlib import Path

from compile_library import compile_library, library_path, version
from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
# Where LiteRT has wheels the package brings it, else there is the library's own engine. Decided when a wheel is made: a
# marker could not tell 32-bit systems that run on 64-bit kernels.
PLATFORM = os.environ.get("HYBRID_TF_RUNTIME_PLATFORM") or sysconfig.get_platform().replace("-", "_")
LITERT = "ai-edge-litert>=1.4,<3"
WITH_LITERT = re.fullmatch(r"(manylinux|linux).*_(x86_64|aarch64)", PLATFORM) and sys.maxsize > 2**32


class BuildLibrary(build_ext):
    """Compiles a plain C library, which no version of Python matters to, where setuptools expects an extension."""

    def get_ext_filename(self, fullname):
        return str(Path(*fullname.split(".")).with_suffix(library_path().suffix))

    def build_extension(self, ext):
        compile_library(Path(self.get_ext_fullpath(ext.name)).resolve())


class Wheel(bdist_wheel):
    """A wheel for any Python 3; the platform is the one that wheels.py compiles for, if it does."""

    def get_tag(self):
        return "py3", "none", os.environ.get("HYBRID_TF_RUNTIME_PLATFORM") or super().get_tag()[2]


setup(
    name="hybrid-tf-runtime",
    version=version(),
    description="Runs hybrid binary networks (Larq Compute Engine's .tflite files), in LiteRT or without it",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    install_requires=["numpy>=1.23.2", *([LITERT] if WITH_LITERT else [])],
    extras_require={"litert": [LITERT], "images": ["pillow>=10.1"], "heic": ["pillow>=10.1", "pillow-heif>=0.18"]},
    packages=["hybrid_tf_runtime"],
    ext_modules=[
        Extension(
            "hybrid_tf_runtime.libhybrid_tf_runtime", [str(p.relative_to(HERE)) for p in HERE.glob("src/**/*.cc")]
        )
    ],
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": Wheel},
    entry_points={
        "console_scripts": [
            "hybrid-tf-benchmark = hybrid_tf_runtime.benchmark:main",
            "hybrid-tf-classify = hybrid_tf_runtime.classify:main",
        ]
    },
    zip_safe=False,
    classifiers=[
        "Operating System :: MacOS",
        "Operating System :: Microsoft :: Windows",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: C++",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
