"""The environments in which the tests of the maths run as other processors."""

from tests.processors import PROCESSORS, environment

FEATURES = ["X86_V3", "X86_V4", "AVX512_ICL"]
"""The instructions that numpy finds on a machine of today."""


def test_every_processor_has_kernels_of_its_own() -> None:
    """No kernel that was compiled for one is loaded for another."""
    caches = {environment(processor, FEATURES)["NUMBA_CACHE_DIR"] for processor in PROCESSORS}

    assert len(PROCESSORS) == len(caches)


def test_kernels_use_the_features_of_their_processor_alone() -> None:
    """Without this numba adds the features of the machine to those of the processor that is named."""
    assert [""] * len(PROCESSORS) == [environment(name, FEATURES)["NUMBA_CPU_FEATURES"] for name in PROCESSORS]


def test_numpy_leaves_out_instructions_that_the_processor_lacks() -> None:
    """Only those that this machine has are named: numpy warns of others."""
    disabled = {name: environment(name, FEATURES)["NPY_DISABLE_CPU_FEATURES"] for name in PROCESSORS}

    assert {"generic": "X86_V3 X86_V4 AVX512_ICL", "haswell": "X86_V4 AVX512_ICL"} == disabled
