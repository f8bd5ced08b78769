"""Which Python the environment is made with; what is installed on the machine is played by scripts."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".make" / "environment.sh"
SHELL = shutil.which("sh")
# It says its version, makes an environment when it is asked to, and notes what it was asked; as pip it installs uv.
PYTHON = """#!{shell}
if [ "$1" = -c ]; then echo {version}; exit 0; fi
echo "{name} $*" >> {log}
if [ "$2" = venv ]; then {mkdir} -p "$3/bin"; {cp} "$0" "$3/bin/python"; fi
if [ "$2" = pip ]; then {cp} {uv} "${{0%/*}}/uv"; fi
"""
UV = """#!{shell}
echo "uv $*" >> {log}
exit {code}
"""


class Machine:
    """A machine with some commands, and what they were asked to do."""

    def __init__(self, folder):
        self.folder, self.bin, self.log = folder, folder / "bin", folder / "log"
        self.bin.mkdir()
        self.bin.joinpath("rm").symlink_to(shutil.which("rm"))
        self._uv = folder / "downloaded-uv"
        self._add(self._uv, UV, code=0)

    def _add(self, path, text, **values):
        path.write_text(text.format(shell=SHELL, log=self.log, name=path.name, **values))
        path.chmod(0o755)

    def add_python(self, name, version):
        tools = {tool: shutil.which(tool) for tool in ("mkdir", "cp")}
        self._add(self.bin / name, PYTHON, version=version, uv=self._uv, **tools)

    def add_uv(self, code=0):
        self._add(self.bin / "uv", UV, code=code)

    def set_up(self, python=""):
        """Returns the exit code, the lines on standard error, and what was asked of the commands."""
        environment = {"PATH": str(self.bin), "PYTHON": python}
        done = subprocess.run(
            [SHELL, SCRIPT, ".venv"], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        asked = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return done.returncode, done.stderr.splitlines(), asked


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12"])
def test_python3_is_taken_where_it_suits(machine, version):
    machine.add_python("python3", version)
    machine.add_python("python3.12", "3.12")
    assert machine.set_up() == (0, [], ["python3 -m venv .venv"])


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        (["3.11"], "python3.11"),
        (["3.10", "3.11", "3.12"], "python3.12"),
        (["3.9", "3.10"], "python3.10"),
    ],
)
def test_another_one_is_taken_where_python3_is_too_new(machine, others, taken):
    machine.add_python("python3", "3.14")
    machine.add_uv()
    for version in others:
        machine.add_python(f"python{version}", version)
    assert machine.set_up() == (0, [], [f"{taken} -m venv .venv"])


def test_a_command_that_does_not_run_is_passed_over(machine):
    machine.add_python("python3", "3.13")
    machine.add_python("python3.12", "")  # as a shim of pyenv for a version that is not chosen
    machine.add_python("python3.10", "3.10")
    assert machine.set_up() == (0, [], ["python3.10 -m venv .venv"])


@pytest.mark.parametrize("version", ["3.13", "3.9", None])
def test_uv_fetches_one_where_there_is_none(machine, version):
    if version:
        machine.add_python("python3", version)
    machine.add_uv()
    assert machine.set_up() == (0, [], ["uv venv --seed --python 3.11 .venv"])


def test_uv_is_installed_into_a_folder_of_its_own(machine):
    machine.add_python("python3", "3.13")
    installed = ["python3 -m venv .uv", "python3 -m pip install --quiet uv"]
    fetched = "uv venv --seed --python 3.11 .venv"
    assert machine.set_up() == (0, [], [*installed, fetched])
    assert machine.set_up() == (0, [], [fetched])


def test_without_any_python_or_uv_one_line_says_what_to_install(machine):
    code, errors, asked = machine.set_up()
    assert (code, asked) == (1, [])
    assert errors == ["error: there is no python3: install Python 3.10 to 3.12, or uv, which fetches one"]


def test_what_uv_cannot_fetch_is_an_error(machine):
    machine.add_python("python3", "3.14")
    machine.add_uv(code=2)
    code, errors, _ = machine.set_up()
    assert code == 1
    assert errors == ["error: uv could not fetch Python 3.11: install Python 3.10 to 3.12, or name one with PYTHON=..."]


@pytest.mark.parametrize(("name", "what"), [("python3.13", "Python 3.13"), ("python9", "no Python that runs")])
def test_an_unfit_python_is_refused_though_there_are_others(machine, name, what):
    machine.add_python("python3", "3.11")
    machine.add_python("python3.13", "3.13")
    code, errors, asked = machine.set_up(python=name)
    assert (code, asked) == (1, [])
    assert errors == [
        f"error: PYTHON={name} is {what}, and hybrid-tf needs 3.10 to 3.12: name another, or leave PYTHON out"
    ]


def test_an_environment_stays_until_another_python_is_asked_for(machine):
    machine.add_python("python3", "3.11")
    machine.add_python("python3.12", "3.12")
    assert machine.set_up()[2] == ["python3 -m venv .venv"]
    assert machine.set_up() == (0, [], [])
    assert machine.set_up(python="python3") == (0, [], [])
    assert machine.set_up(python="python3.12") == (0, [], ["python3.12 -m venv .venv"])
    machine.add_python("python3", "3.14")
    assert machine.set_up() == (0, [], [])


def test_make_hands_on_what_the_user_chose(tmp_path):
    folder = tmp_path / "env"
    command = ["make", "-n", f"VENV={folder}", "PYTHON=python3.12", f"{folder}/installed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f'PYTHON="python3.12" sh .make/environment.sh {folder}' in done.stdout
