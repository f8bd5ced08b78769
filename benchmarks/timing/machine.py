"""What a measurement was made on, and whether it was alone there."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("hybrid-tf-runtime", "larq-compute-engine", "ai-edge-litert", "tensorflow")
_FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_vpopcntdq", "amx_int8")  # as Linux spells them


def machine() -> dict[str, Any]:
    """Returns processor, instruction sets that matter here, number of processors, kernel and versions."""
    info = dict(_fields(Path("/proc/cpuinfo").read_text().split("\n\n")[0]))
    flags = info.get("flags", "").split()
    numbers = ", ".join(f"{key} {info[key]}" for key in ("cpu family", "model", "stepping") if key in info)
    return {
        "processor": f"{info.get('model name', platform.machine())} ({numbers})",
        "features": [name for name in _FEATURES if name in flags],
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def machine_lines(about: dict[str, Any], rounds: int) -> str:
    """Returns what `machine` gives, and how many rounds there were, as a Markdown list."""
    texts = {name: ", ".join(text) if isinstance(text, list) else text for name, text in about.items()}
    return "".join(f"- {name}: {text}\n" for name, text in (texts | {"rounds": rounds}).items())


class Clock:
    """Counts, between its making and `others`, the processor time that other processes took."""

    def __init__(self, own: float) -> None:
        """Starts at the processor time `own` in seconds, which the processes that are measured have used so far."""
        self._start = time.perf_counter(), _busy_seconds() - own

    def others(self, own: float) -> float:
        """Returns how many processors were busy with something else on average, time the host took away included.

        Args:
            own: as in the beginning, but now.
        """
        seconds, others = time.perf_counter() - self._start[0], _busy_seconds() - own - self._start[1]
        return max(0.0, others / seconds)


def _busy_seconds() -> float:
    user, nice, system, _idle, _wait, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _fields(text: str) -> list[tuple[str, str]]:
    return [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines())]
