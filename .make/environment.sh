#!/bin/sh
# Makes the virtual environment FOLDER with a Python that hybrid-tf runs on: `sh .make/environment.sh FOLDER`.
#
# $PYTHON decides if it is set. Otherwise what is in FOLDER stays if it is of such a version; then python3 is taken, or
# python3.12, python3.11 or python3.10; and if there is none of them, uv fetches one: the uv that is installed, or one
# that pip puts into the folder .uv. This is the first thing that runs on a new machine, so it needs nothing but sh.
set -eu

folder=$1
supported="3.10 to 3.12"
fetched=3.11
own_uv=.uv

# Prints "3.11" for a command that is Python 3.11; nothing where it is not there or does not run, as shims may not.
version_of() {
  command -v "$1" >/dev/null 2>&1 || return 0
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

suits() {
  case $(version_of "$1") in
    3.10 | 3.11 | 3.12) return 0 ;;
    *) return 1 ;;
  esac
}

fail() {
  echo "error: $1" >&2
  exit 1
}

remove_old() {
  if [ -e "$folder" ]; then rm -rf "$folder"; fi
}

make_with() {
  echo "making $folder with $1 (Python $(version_of "$1"))"
  remove_old
  "$1" -m venv "$folder"
}

# Prints a command that is uv; installs it where there is none.
find_uv() {
  if command -v uv >/dev/null 2>&1; then
    echo uv
    return
  fi
  if [ ! -x "$own_uv/bin/uv" ]; then
    python3 -m venv "$own_uv" >&2 && "$own_uv/bin/python" -m pip install --quiet uv >&2 || return 1
  fi
  echo "$own_uv/bin/uv"
}

if [ -n "${PYTHON:-}" ]; then
  given=$(version_of "$PYTHON")
  if ! suits "$PYTHON"; then
    what=${given:+Python $given}
    what=${what:-no Python that runs}
    fail "PYTHON=$PYTHON is $what, and hybrid-tf needs $supported: name another, or leave PYTHON out"
  fi
  if [ "$(version_of "$folder/bin/python")" != "$given" ]; then make_with "$PYTHON"; fi
  exit 0
fi

if suits "$folder/bin/python"; then exit 0; fi

for python in python3 python3.12 python3.11 python3.10; do
  if suits "$python"; then
    make_with "$python"
    exit 0
  fi
done

there=$(version_of python3)
if [ -z "$there" ] && ! command -v uv >/dev/null 2>&1; then
  fail "there is no python3: install Python $supported, or uv, which fetches one"
fi
echo "hybrid-tf needs Python $supported, and python3 is ${there:-not there}: uv fetches Python $fetched"
if ! uv=$(find_uv); then
  fail "uv could not be installed: install Python $supported, or name one with PYTHON=..."
fi
remove_old
"$uv" venv --seed --python "$fetched" "$folder" ||
  fail "uv could not fetch Python $fetched: install Python $supported, or name one with PYTHON=..."
