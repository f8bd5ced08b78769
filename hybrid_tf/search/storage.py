"""Where a search keeps its trials: an Optuna study, in SQLite in the folder of the search or in a database."""

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.study import Study
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from hybrid_tf.config import option
from hybrid_tf.errors import HybridTFError

FILE = "study.db"
SETTINGS = "settings"
_SECONDS = 60  # that a worker waits for others to have written


@dataclass(frozen=True)
class Storage:
    """A place for studies.

    Attributes:
        url: URL of the database, as Optuna takes it.
        storage: the database, through Optuna.
    """

    url: str
    storage: optuna.storages.RDBStorage

    def study(self, name: str, directions: list[str]) -> Study:
        """Returns the study of a name, which is made if need be. Raises HybridTFError when it has other objectives."""
        study = optuna.create_study(storage=self.storage, study_name=name, directions=directions, load_if_exists=True)
        if [direction.name.lower() for direction in study.directions] != directions:
            raise HybridTFError(f"study {name} in {self.url} is another one: choose another --out")
        return study


def open_storage(url: str | None, folder: Path) -> Storage:
    """Returns the storage at a URL, or in a file in `folder` without one.

    Raises:
        HybridTFError: when it cannot be reached, or what it needs is not installed.
    """
    warnings.simplefilter("ignore", ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{folder / FILE}"
    shown = url.split("@")[-1] if "@" in url else url  # a password is nobody's business
    try:
        timeout = {"timeout": _SECONDS} if url.startswith("sqlite") else {"connect_timeout": 10}
        return Storage(shown, _opened(_with_driver(url), {"connect_args": timeout}))
    except (ImportError, OptunaError, SQLAlchemyError, ValueError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).strip()
        reason = cause.splitlines()[0] if cause else repr(error)
        if isinstance(error, ImportError):
            reason += "; `pip install 'hybrid-tf[postgresql]'` for PostgreSQL"
        raise HybridTFError(f"the storage {shown} cannot be reached ({reason}): check --storage") from error


def _opened(url: str, options: dict[str, Any]) -> optuna.storages.RDBStorage:
    """Opens a database, again where another worker has made its tables meanwhile, which gives all kinds of errors."""
    for pause in (0.5, 1, 2):
        try:
            return optuna.storages.RDBStorage(url, options)
        except (IntegrityError, ProgrammingError, OperationalError) as error:
            if "exists" not in str(error) and "UNIQUE" not in str(error) and "unique" not in str(error):
                raise
            time.sleep(pause)
    return optuna.storages.RDBStorage(url, options)


def check_settings(study: Study, settings: dict[str, Any]) -> None:
    """Stores the settings of a search with its study, or raises HybridTFError for one that it was not started with."""
    stored = study.user_attrs.get(SETTINGS)
    if stored is None:
        study.set_user_attr(SETTINGS, settings)
        return
    for name, value in settings.items():
        if name in stored and stored[name] != value:
            raise HybridTFError(
                f"the search was started with {option(name)} {_text(stored[name])}, not {_text(value)}: leave it as it "
                "was to go on, or choose another --out"
            )


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _with_driver(url: str) -> str:
    """Names the driver that the extra `postgresql` installs."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgresql", "postgres") else url
