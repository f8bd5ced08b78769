# make demo and make test set everything up by themselves; both can be repeated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Debian packages that some tests need: real images that PyPI does not have, a browser to look at reports with,
# emulators and compilers for 64-bit ARM and for Cortex-M, and a compiler with fuzzer and sanitizers.
DEBIAN_PACKAGES := dataset-fashion-mnist chromium qemu-user g++-aarch64-linux-gnu clang libclang-rt-dev cmake \
  qemu-system-arm gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib

CXX_FILES := $(foreach folder,runtime tests benchmarks,'$(folder)/*.cc' '$(folder)/*.h' '$(folder)/*.c')
RUNTIME_SOURCES := $(shell find runtime/src -type f) runtime/compile_library.py runtime/exports.txt

.PHONY: setup system demo test wheels fuzz fuzz-files lint clean

setup: $(VENV)/installed $(VENV)/runtime-installed

$(VENV)/installed: requirements.txt requirements-dev.txt setup.py hybrid_tf/version.py
	$(PYTHON) -c 'import sys; sys.exit("hybrid-tf needs Python 3.10 to 3.12: make PYTHON=python3.11 $(MAKECMDGOALS)" if not (3, 10) <= sys.version_info < (3, 13) else 0)'
	@echo "installing into $(VENV): one to three minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25'  # older ones search for an hour on Python 3.10
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt --editable .
	touch $@

# Editable: Python files need no new installation, C++ files are compiled again when one changed.
$(VENV)/runtime-installed: $(VENV)/installed runtime/setup.py $(RUNTIME_SOURCES)
	@echo "compiling the runtime: half a minute"
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable 'runtime[images]'
	touch $@

# As root on Debian this installs what is missing; elsewhere it says which tests will be skipped and how to enable them.
system:
	@missing=""; for package in $(DEBIAN_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "tests that need$$missing are skipped; to enable them: sudo apt-get install$$missing"; fi

demo: setup
	$(BIN)/python recipes/demo.py

test: setup system
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

# dist/hybrid_tf_runtime-*.whl for x86-64 and aarch64 Linux, old ones too.
wheels: setup
	$(BIN)/python runtime/wheels.py dist

# Some twenty minutes: 20,000 damaged models through the Python interpreter, with the library as it is installed and with
# one that has AddressSanitizer and UndefinedBehaviorSanitizer; then libFuzzer's programs, five minutes each. What
# crashes or hangs, if anything, is kept in build/fuzz/failed. make test runs a small part of it.
fuzz: setup system
	PYTHONPATH=tests/converters $(BIN)/python tests/runtime/fuzz_seeds.py build/fuzz/seeds
	$(BIN)/python tests/runtime/fuzz_models.py build/fuzz/seeds --keep build/fuzz/failed
	$(BIN)/python tests/runtime/sanitized_build.py memory tests/runtime/fuzz_models.py build/fuzz/seeds --keep build/fuzz/failed
	$(BIN)/python tests/runtime/fuzzers.py build/fuzz/seeds build/fuzz

# 50,000 damaged files through inspect, lint and verify; those that crash them or hang are kept in build/fuzz/failed.
fuzz-files: setup
	PYTHONPATH=tests/converters $(BIN)/python tests/runtime/fuzz_seeds.py build/fuzz/seeds
	PYTHONPATH=tests/converters:tests/runtime $(BIN)/python tests/converters/fuzz_files.py build/fuzz/seeds --keep build/fuzz/failed

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files $(CXX_FILES) | xargs -r $(BIN)/clang-format --dry-run --Werror

clean:
	rm -rf $(VENV) build dist *.egg-info runtime/build runtime/*.egg-info runtime/hybrid_tf_runtime/*.so
