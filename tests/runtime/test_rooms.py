"""The folders of runtime/src, as runtime/README.md describes them: what each includes, computed from the text."""

import re
import shutil
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "runtime" / "src"
# Room: the others that it may include.
ALLOWED = {
    "common": (),
    "kernels": ("common",),
    "kernels/arm": ("common", "kernels"),
    "kernels/x86": ("common", "kernels"),
    "graph": ("common",),
    "check": ("common",),
    "execution": ("common", "kernels", "graph", "check"),
    "engine": ("common", "kernels", "graph", "check", "execution"),
}
PUBLIC = "hybrid_tf.h"  # in runtime/include
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def faults(sources):
    """Returns a line for each include that its room must not have, or that is not written from src/."""
    found = []
    for path in sorted(path for path in sources.rglob("*") if path.suffix in (".h", ".cc")):
        file = path.relative_to(sources)
        room = file.parent.as_posix()
        if room not in ALLOWED:
            found.append(f"{file} is in no room")
            continue
        for include in INCLUDE.findall(path.read_text()):
            if include == PUBLIC and room == "engine":
                continue
            if not (sources / include).is_file():
                found.append(f"{file} includes {include}, which is not written from src/")
            elif Path(include).parent.as_posix() not in (room, *ALLOWED[room]):
                found.append(f"{file} includes {include}, which {room} must not")
    return found


def test_no_room_includes_one_above_it():
    assert not faults(SOURCES)
    assert {path.parent.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.h")} == set(ALLOWED)


@pytest.mark.parametrize(
    ("file", "include", "fault"),
    [
        ("common/message.h", "check/schema.h", "common must not"),
        ("kernels/kernels.h", "graph/graph.h", "kernels must not"),
        ("kernels/kernel_set.h", "kernels/arm/neon.h", "kernels must not"),
        ("kernels/x86/avx512.h", "kernels/arm/neon.h", "kernels/x86 must not"),
        ("graph/graph.cc", "kernels/packing.h", "graph must not"),
        ("check/operators.cc", "execution/layout.h", "check must not"),
        ("kernels/bits.cc", "bits.h", "is not written from src/"),
    ],
)
def test_an_include_upwards_is_found(file, include, fault, tmp_path):
    sources = shutil.copytree(SOURCES, tmp_path / "src")
    text = (sources / file).read_text()
    (sources / file).write_text(text + f'\n#include "{include}"\n')
    [found] = faults(sources)
    assert found.startswith(f"{file} includes {include}, which ")
    assert found.endswith(fault)


def test_a_file_outside_of_the_rooms_is_found(tmp_path):
    sources = shutil.copytree(SOURCES, tmp_path / "src")
    shutil.copy(sources / "common" / "message.h", sources / "message.h")
    assert faults(sources) == ["message.h is in no room"]
