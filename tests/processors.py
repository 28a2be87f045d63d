"""Run the tests of the maths as other processors would: `python -m tests.processors`.

Kernels are compiled for each processor and cached in a folder of its own. BLAS and numpy are restricted to the
instructions that it has. So sums are made in another order and rounded elsewhere, and every test has to allow for that.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).parent.parent
CACHES = PROJECT / ".venv" / "processors"
TESTED = ("model", "tests/model", "tests/support/test_ranks.py")
PROCESSORS = {
    "generic": {"NUMBA_CPU_NAME": "generic", "OPENBLAS_CORETYPE": "Prescott"},  # the least that x86-64 has: SSE
    "haswell": {
        "NUMBA_CPU_NAME": "haswell",
        "OPENBLAS_CORETYPE": "Haswell",
    },  # AVX2 and fused multiply-add
}
NUMPY_FEATURES = {"generic": (), "haswell": ("AVX", "AVX2", "F16C", "FMA3", "X86_V3")}
"""Instructions that numpy may use beside those that it always does, by the names of its versions."""


def environment(processor: str, features: list[str]) -> dict[str, str]:
    """Return the environment in which this process is another processor.

    Args:
        processor: Its name.
        features: The features of this machine that numpy has found.
    """
    disabled = [feature for feature in features if feature not in NUMPY_FEATURES[processor]]
    return PROCESSORS[processor] | {
        "NUMBA_CPU_FEATURES": "",  # those of the processor, and not this machine's
        "NUMBA_CACHE_DIR": str(CACHES / processor),
        "NPY_DISABLE_CPU_FEATURES": " ".join(disabled),
    }


def run(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the tests with more variables in their environment."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTED]
    return subprocess.run(
        command, cwd=PROJECT, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip


def main() -> int:
    """Run the tests as all processors at once; return 1 if a test fails as one of them."""
    features = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    with ThreadPoolExecutor() as pool:
        runs = pool.map(run, [environment(processor, features) for processor in PROCESSORS])
    failed = []
    for processor, ended in zip(PROCESSORS, runs, strict=True):
        output = ended.stdout if ended.returncode else ended.stdout.splitlines()[-1] + "\n"
        sys.stdout.write(f"{processor}: {output}")
        failed += [processor] if ended.returncode else []
    if failed:
        sys.stderr.write(f"The tests of the maths fail on: {', '.join(failed)}.\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
