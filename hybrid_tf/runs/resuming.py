"""The command that continues a run, as every message that asks for it writes it."""

import shlex
from pathlib import Path


def resume_command(folder: str | Path) -> str:
    """Returns the command that continues the run in `folder`; it works as typed, in the same working directory."""
    return f"hybrid-tf train --resume {shlex.quote(str(folder))}"
