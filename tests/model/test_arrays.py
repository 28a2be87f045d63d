"""The one form in which kernels take their arrays."""

import numpy as np

from model.arrays import as_kernel_array


def test_an_array_that_fits_is_not_copied() -> None:
    """Freezing is free for an array of the right type and layout, and leaves it writeable for its owner."""
    array = np.zeros(3, np.float32)

    view = as_kernel_array(array, np.float32)

    assert np.shares_memory(array, view)
    assert array.flags.writeable
    assert not view.flags.writeable


def test_strided_and_unaligned_arrays_are_copied_into_form() -> None:
    """A kernel gets contiguous, aligned memory for any input."""
    unaligned = np.frombuffer(bytes(9), np.float32, count=2, offset=1)
    strided = np.zeros(8, np.float32)[::2]

    for array in (unaligned, strided):
        view = as_kernel_array(array, np.float32)
        assert view.flags.c_contiguous
        assert view.flags.aligned
