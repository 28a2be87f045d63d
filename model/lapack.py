"""Routines of BLAS and LAPACK that numba has no name for, callable from kernels.

They are those that scipy brings, which numba calls for `np.dot` too. Every argument is a pointer, matrices are read
column by column. A kernel that calls them is cached like every other: it knows them by name, and this module gives the
names their addresses before it is loaded.
"""

from typing import Any

import llvmlite.binding
from numba import types
from numba.extending import get_cython_function_address


def _routine(library: str, name: str, n_arguments: int) -> Any:
    """Return a routine of scipy's that gives nothing back."""
    symbol = f"playfold_{name}"
    llvmlite.binding.add_symbol(symbol, get_cython_function_address(f"scipy.linalg.cython_{library}", name))
    return types.ExternalFunction(symbol, types.void(*[types.voidptr] * n_arguments))


ssyrk = _routine("blas", "ssyrk", 10)
"""`ssyrk(uplo, trans, n, k, alpha, a, lda, beta, c, ldc)`: a matrix times itself, one triangle of it."""
strsm = _routine("blas", "strsm", 11)
"""`strsm(side, uplo, transa, diag, m, n, alpha, a, lda, b, ldb)`: many systems with a triangle, in place."""
spotrf = _routine("lapack", "spotrf", 5)
"""`spotrf(uplo, n, a, lda, info)`: the Cholesky factor of a matrix, in its place."""
