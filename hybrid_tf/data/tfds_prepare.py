"""TensorFlow Datasets' download and preparation of a set, or one line on why it cannot."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from hybrid_tf.data import fashion_mnist_debian
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.lock import waited_for

_IMAGENET_FILES = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
_CONNECT_SECONDS = 10


def prepare(builder: Any) -> None:
    """Has TFDS write its files for the data set of `builder`, unless they are there already.

    Raises:
        HybridTFError: when the files are damaged, a manual download is missing, or the network cannot be reached.
    """
    folder = builder.data_path
    if folder.exists():
        if not (folder / "dataset_info.json").exists():
            raise HybridTFError(f"the prepared data set in {folder} is incomplete: delete that folder and run again")
    elif builder.name == "fashion_mnist" and fashion_mnist_debian.installed():
        with fashion_mnist_debian.upstream_files() as files:
            _download_and_prepare(builder, "reinstall dataset-fashion-mnist", manual_dir=files)
    else:
        _check_manual_files(builder) if builder.MANUAL_DOWNLOAD_INSTRUCTIONS else _check_network(builder)
        _download_and_prepare(builder, f"delete {_downloads(builder)}")


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps TFDS's messages to itself; progress bars, which go to stderr, stay."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _download_and_prepare(builder: Any, fix: str, **config: Any) -> None:
    import tensorflow_datasets as tfds
    from requests import RequestException
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    try:
        # TFDS removes what other processes have begun.
        with waited_for(Path(builder.data_path).parent / ".lock"):
            if builder.data_path.exists():
                builder.info.read_from_directory(builder.data_path)  # it was not there when the builder was made
            else:
                download = tfds.download.DownloadConfig(try_download_gcs=False, **config)
                builder.download_and_prepare(download_config=download)
    except NonMatchingChecksumError as error:
        raise HybridTFError(
            f"cannot prepare '{builder.name}': a source file is not the published one: {fix} and run again"
        ) from error
    except Exception as error:  # from requests, TensorFlow, archives, the data set's own code...
        reason = textwrap.shorten(str(error) or type(error).__name__, 200)
        if isinstance(error, RequestException | tfds.download.DownloadError):
            fix = _retry(builder)
        elif isinstance(error, OSError):
            fix = "see that there is room and that you may write there, and run again"
        else:
            fix = f"`tfds build {builder.name}` shows the details"
        raise HybridTFError(f"cannot prepare '{builder.name}' in {builder.data_dir} ({reason}): {fix}") from error


def _check_manual_files(builder: Any) -> None:
    folder = _downloads(builder) / "manual"
    if builder.name == "imagenet2012":
        missing = [name for name in _IMAGENET_FILES if not (folder / name).exists()]
        if missing:
            raise HybridTFError(
                f"imagenet2012 needs a manual download: register at https://image-net.org/download-images, "
                f"put {' and '.join(missing)} into {folder}, and run again"
            )
    elif not folder.is_dir() or not any(folder.iterdir()):
        instructions = textwrap.shorten(builder.MANUAL_DOWNLOAD_INSTRUCTIONS, 400)
        raise HybridTFError(f"{builder.name} needs a manual download into {folder}: {instructions}")


def _check_network(builder: Any) -> None:
    # Without a network TFDS itself retries every file for minutes.
    urls = [url for url in builder.url_infos or () if url.startswith("http")]
    downloaded = _downloads(builder) / builder.name
    if not urls or (downloaded.is_dir() and any(downloaded.iterdir())):
        return
    import requests

    try:
        requests.head(urls[0], timeout=_CONNECT_SECONDS)
    except requests.RequestException as error:
        host = urls[0].split("/")[2]
        raise HybridTFError(
            f"data set '{builder.name}' is not prepared in {builder.data_dir} and {host} cannot be reached: "
            f"{_retry(builder)}"
        ) from error


def _retry(builder: Any) -> str:
    hint = f"connect to the internet and run again, or run `tfds build {builder.name}`"
    return f"{hint}, or {fashion_mnist_debian.HINT}" if builder.name == "fashion_mnist" else hint


def _downloads(builder: Any) -> Any:
    return builder.data_dir_root / "downloads"
