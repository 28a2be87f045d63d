"""A change in any file of a kernel is a change of the kernel."""

import subprocess
import sys
from pathlib import Path

import pytest

from model.kernel import sources_stamp

DOUBLED = """from numba import njit
from model.factor import FACTOR

@njit
def doubled(x):
    return FACTOR * x
"""
RUN = """from model.doubled import doubled
from model.kernel import kernel

@kernel
def run(x):
    return doubled(x) + 1
"""
FILES = {"__init__.py": "", "doubled.py": DOUBLED, "factor.py": "FACTOR = 2\n", "other.py": "", "run.py": RUN}
PROGRAM = """from model.run import run
print(run(5), sum(run.stats.cache_hits.values()), sum(run.stats.cache_misses.values()))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project with a kernel that calls one of another file, which has its constant from a third."""
    (tmp_path / "model").mkdir()
    for name, text in FILES.items():
        (tmp_path / "model" / name).write_text(text)
    source = Path(__file__).parents[2] / "model" / "kernel.py"
    (tmp_path / "model" / "kernel.py").write_text(source.read_text())
    return tmp_path


def test_a_stamp_is_of_all_files_that_a_file_imports(project: Path) -> None:
    """Directly or not; a file that it does not import does not matter."""
    stamps = []
    for name in ("run.py", "other.py", "factor.py", "doubled.py"):
        file = project / "model" / name
        file.write_text(file.read_text() + "# changed\n")
        sources_stamp.cache_clear()
        stamps.append(sources_stamp(project / "model" / "run.py", project))

    assert stamps[0] == stamps[1]
    assert 3 == len(set(stamps))


@pytest.mark.processes
def test_a_kernel_is_compiled_again_if_a_file_behind_it_changes(project: Path) -> None:
    """And read from the cache if none does."""

    def run() -> str:
        ended = subprocess.run([sys.executable, "-c", PROGRAM], cwd=project, capture_output=True, text=True, check=True)
        return ended.stdout.strip()

    first, again = run(), run()
    (project / "model" / "factor.py").write_text("FACTOR = 3\n")
    changed = run()

    assert ["11 0 1", "11 1 0", "16 0 1"] == [first, again, changed]
