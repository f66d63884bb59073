"""Time what `ctxrace check` takes for an object of 75 programs. CPU and wall seconds, and the largest process.

Run as ``python -m benchmarks.agent``; ``--jobs N`` as for the check.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

SOURCE = Path(__file__).parent / "agent.bpf.c"
RUNS = {
    "which pairs may meet": ["--pairs"],
    "one pair with bugs": ["--program", "exec_10,guard_20"],
    "everything": [],
}


def main(jobs: str) -> None:
    """Compile the object, check it in several ways, and print a table."""
    table = Table("run", "status", "wall s", "CPU s", "largest MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.bpf.o"
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "bpfel-freestanding", "-O2", "-g", "-mcpu=v3"]
        subprocess.run([*compiler, "-c", str(SOURCE), "-o", str(path)], check=True)
        for name, words in RUNS.items():
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            command = [sys.executable, "-m", "ctxrace", "check", str(path), "--jobs", jobs, *words]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            wall = time.monotonic() - began
            table.add_row(name, str(done.returncode), f"{wall:.1f}", f"{cpu:.1f}", str(after.ru_maxrss >> 10))
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--jobs") + 1] if "--jobs" in sys.argv else "2")
