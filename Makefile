# `make` lists what there is. make demo and make test set everything up by themselves; both can be repeated.
# PYTHON=... names the Python of the environment; without, .make/environment.sh finds one that suits, or fetches it.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin

# Debian packages that some tests need: real images that PyPI does not have, a browser to look at reports with,
# emulators and compilers for 64-bit ARM, Cortex-M and RISC-V, and a compiler with fuzzer and sanitizers.
DEBIAN_PACKAGES := dataset-fashion-mnist chromium qemu-user g++-aarch64-linux-gnu clang libclang-rt-dev cmake \
  qemu-system-arm gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib \
  gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf

CXX_FILES := $(foreach folder,runtime tests benchmarks hybrid_tf/micro/plain_c/kernels,'$(folder)/*.cc' '$(folder)/*.h' '$(folder)/*.c')
RUNTIME_SOURCES := $(shell find runtime/src runtime/include -type f) runtime/compile_library.py runtime/exports.txt

# Tests that train or convert for seconds, or need an emulator, a compiler, a registry of packages or a browser.
DEAR := slow or emulated or compiled or network or browser

.PHONY: help setup system demo check test sweep wheels fuzz fuzz-files lint format clean
.DEFAULT_GOAL := help

# A target with a text behind `##` is listed.
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "PYTHON=... chooses the Python; without, one of 3.10 to 3.12 is found or fetched. See CONTRIBUTING.md."

setup: $(VENV)/installed $(VENV)/runtime-installed ## makes .venv; demo and test do so themselves

$(VENV)/installed: requirements.txt requirements-dev.txt setup.py hybrid_tf/version.py
	@PYTHON="$(PYTHON)" sh .make/environment.sh $(VENV)
	@echo "installing into $(VENV): one to three minutes"
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25'  # older ones search for an hour on Python 3.10
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt --editable .
	touch $@

# Editable: Python files need no new installation, C++ files are compiled again when one changed.
$(VENV)/runtime-installed: $(VENV)/installed runtime/setup.py $(RUNTIME_SOURCES)
	@echo "compiling the runtime: half a minute"
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable 'runtime[images]'
	touch $@

# As root on Debian this installs what is missing; elsewhere it says which tests will be skipped and how to enable them.
system: ## the Debian packages that some tests need: as root installs them, else says which are missing
	@missing=""; for package in $(DEBIAN_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "tests that need$$missing are skipped; to enable them: sudo apt-get install$$missing"; fi

demo: setup ## a hybrid VGG-19, trained on digits, as a verified .tflite: a few minutes
	$(BIN)/python recipes/demo.py

# Before every commit: what a mistake shows in within three minutes on two cores.
check: lint ## before every commit: make lint, and the tests that take no seconds; three minutes
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not ($(DEAR))"

test: setup system ## all tests, a part of each sweep
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# All cases of the sweeps that make test tries a part of: every network under every plan, 2,000 random
# networks, 600 configurations of operators under sanitizers and on emulated ARM, all kills.
sweep: setup system ## all cases of the sweeps: some two hours
	HYBRID_TF_SWEEP=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal -m sweep

# dist/hybrid_tf_runtime-*.whl for Linux (x86-64, 64-bit and 32-bit ARM, RISC-V), old ones too, Windows and macOS.
wheels: setup ## wheels of the runtime for seven machines, in dist/
	$(BIN)/python runtime/wheels.py dist

# Some twenty minutes: 20,000 damaged models through the Python interpreter, with the library as it is installed and with
# one that has AddressSanitizer and UndefinedBehaviorSanitizer; then libFuzzer's programs, five minutes each. What
# crashes or hangs, if anything, is kept in build/fuzz/failed. make test runs a small part of it.
fuzz: setup system ## damaged models through the runtime, with sanitizers and libFuzzer: some twenty minutes
	$(BIN)/python -m tests.support.fuzz_seeds build/fuzz/seeds
	$(BIN)/python -m tests.support.fuzz_models build/fuzz/seeds --keep build/fuzz/failed
	$(BIN)/python -m tests.support.sanitized_build memory -m tests.support.fuzz_models build/fuzz/seeds --keep build/fuzz/failed
	$(BIN)/python -m tests.support.fuzzers build/fuzz/seeds build/fuzz

# 50,000 damaged files through inspect, lint, verify and convert; those that crash them or hang are kept in build/fuzz/failed.
fuzz-files: setup ## 50,000 damaged files through inspect, lint, verify and convert
	$(BIN)/python -m tests.support.fuzz_seeds build/fuzz/seeds
	$(BIN)/python -m tests.support.fuzz_files build/fuzz/seeds --keep build/fuzz/failed

lint: setup ## mistakes, layout, types, and imports that go up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	git ls-files $(CXX_FILES) | xargs -r $(BIN)/clang-format --dry-run --Werror

format: setup ## lays Python and C++ out as this project does
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	git ls-files $(CXX_FILES) | xargs -r $(BIN)/clang-format -i

clean: ## removes .venv and everything that was built
	rm -rf $(VENV) .uv build dist *.egg-info runtime/build runtime/*.egg-info runtime/hybrid_tf_runtime/*.so
