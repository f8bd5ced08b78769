"""Our version, which setup.py reads as text, and the versions of what decides a run's numbers."""

from importlib.metadata import PackageNotFoundError, version

__version__ = "0.1.0"

_PACKAGES = ("tensorflow", "tf-keras", "larq", "larq-compute-engine", "numpy")


def versions() -> dict[str, str]:
    """Returns the versions of hybrid-tf and of the packages that decide its numbers, as far as they are installed."""
    found = {"hybrid-tf": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
