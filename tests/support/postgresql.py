"""A PostgreSQL of its own for a test, from the binaries that Debian's package has."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

_OWNER = "postgres"  # the server refuses to run as root


def _programs():
    """Returns the folder of the programs; skips the test where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("PostgreSQL is not installed: sudo apt-get install postgresql")
    return folders[-1]


def _owner():
    """Returns the user that runs the server, None for this one."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_OWNER).pw_name
    except KeyError:
        pytest.skip(f"PostgreSQL does not run as root, and there is no user {_OWNER}")


@contextmanager
def server():
    """Runs a server, which listens on a socket alone; yields its URL."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'hybrid-tf[postgresql]'")
    programs, owner = _programs(), _owner()
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    if owner:
        shutil.chown(folder, owner)

    def run(program, *arguments):
        subprocess.run([programs / program, *arguments], check=True, capture_output=True, user=owner, cwd=folder)

    try:
        run("initdb", "-D", folder / "data", "-U", "hybrid", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://hybrid@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
