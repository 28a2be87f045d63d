"""Many small symmetric systems at once: the kernel under both training and fold-in.

A row's system is `(diag(d) + reg I + sum_j c_j y_j y_j') x = sum_j b_j y_j` over its played items, in the basis where
the gram is diagonal (`model/diagonal_basis.py`). It is solved by conjugate gradients from a warm start,
preconditioned with the system's own diagonal (Jacobi; Saad, Iterative Methods for Sparse Linear Systems, 2nd ed.,
algorithm 9.1).
"""

import numpy as np
from numba import njit

from model.arrays import Doubles, Floats, Rows, Starts, as_kernel_array, has_any
from model.equations import Equations
from model.fixed_items import FixedItems
from model.kernel import kernel
from model.thread_pool import even_parts, share

TOLERANCE = 2e-6  # of the last correction, relative to the vector: leaves an error below 1e-5
STEPS_MAX = 200
_LEAST = np.finfo(np.float32).tiny  # below it a number loses digits
_SHRUNK = np.float32(1000)
"""A vector whose square is so many times less than that of its start is solved again from zero: the rounding of
the start's terms would be an error of the result. This happens to listeners that return after many half-lives."""
_FAST = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order; infinite and NaN stay so, and are detected


@njit(fastmath=_FAST, error_model="numpy")
def _gather(
    rows: Rows,
    confidences: Floats,
    targets: Floats,
    factors: Floats,
    x: Floats,
    at: Starts,
    c: Floats,
    residual: Floats,
    diagonal: Floats,
) -> int:
    """List the row's known items in `at` and `c`; add their parts of residual and diagonal; return their number."""
    f = factors.shape[1]
    k = 0
    for j in range(len(rows)):
        if rows[j] < 0:
            continue
        item = factors[rows[j]]
        dot = np.float32(0)
        for a in range(f):
            dot += item[a] * x[a]
        c[k] = confidences[j]
        missing = targets[j] - c[k] * dot
        for a in range(f):
            residual[a] += missing * item[a]
            diagonal[a] += c[k] * item[a] * item[a]
        at[k] = rows[j]
        k += 1
    return k


@njit(fastmath=_FAST, error_model="numpy")
def _multiply(factors: Floats, at: Starts, c: Floats, k: int, base: Floats, p: Floats, q: Floats) -> np.float32:
    """Compute `q = (diag(base) + sum_j c_j y_j y_j') p` and return `p . q`; four items at a time share each load."""
    f = len(p)
    for a in range(f):
        q[a] = base[a] * p[a]
    j = 0
    while j + 4 <= k:
        y0, y1, y2, y3 = factors[at[j]], factors[at[j + 1]], factors[at[j + 2]], factors[at[j + 3]]
        s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for a in range(f):
            s0 += y0[a] * p[a]
            s1 += y1[a] * p[a]
            s2 += y2[a] * p[a]
            s3 += y3[a] * p[a]
        s0 *= c[j]
        s1 *= c[j + 1]
        s2 *= c[j + 2]
        s3 *= c[j + 3]
        for a in range(f):
            q[a] += s0 * y0[a] + s1 * y1[a] + s2 * y2[a] + s3 * y3[a]
        j += 4
    while j < k:
        y0 = factors[at[j]]
        s0 = np.float32(0)
        for a in range(f):
            s0 += y0[a] * p[a]
        s0 *= c[j]
        for a in range(f):
            q[a] += s0 * y0[a]
        j += 1
    pq = np.float32(0)
    for a in range(f):
        pq += p[a] * q[a]
    return pq


@njit(fastmath=_FAST, error_model="numpy")
def _solve_row(
    row: tuple[Rows, Floats, Floats],
    factors: Floats,
    gram_diagonal: Floats,
    reg: float,
    x: Floats,
    at: Starts,
    c: Floats,
    space: Floats,
    tolerance: float,
    steps_max: int,
) -> None:
    """Solve one row in place. `at`, `c` and `space` (5, f) are scratch."""
    f = len(x)
    base, inverse, r, p, q = space[0], space[1], space[2], space[3], space[4]
    for a in range(f):
        base[a] = gram_diagonal[a] + reg
        inverse[a] = base[a]
        r[a] = -base[a] * x[a]
    rows, confidences, targets = row
    k = _gather(rows, confidences, targets, factors, x, at, c, r, inverse)
    if k == 0:
        x[:] = 0
        return
    rz, zz, xx = np.float32(0), np.float32(0), np.float32(0)
    for a in range(f):
        inverse[a] = np.float32(1) / inverse[a]
        p[a] = r[a] * inverse[a]
        rz += r[a] * p[a]
        zz += p[a] * p[a]
        xx += x[a] * x[a]
    limit = np.float32(tolerance * tolerance)
    for _ in range(steps_max):
        if zz <= limit * xx or rz <= 0:
            break
        pq = _multiply(factors, at, c, k, base, p, q)
        if pq < _LEAST:  # so small that it has vanished, or is about to
            break
        step = rz / pq
        new, zz, xx = np.float32(0), np.float32(0), np.float32(0)
        for a in range(f):
            x[a] += step * p[a]
            r[a] -= step * q[a]
            z = r[a] * inverse[a]
            new += r[a] * z
            zz += z * z
            xx += x[a] * x[a]
        turn = new / rz
        rz = new
        for a in range(f):
            p[a] = r[a] * inverse[a] + turn * p[a]


@njit(fastmath=_FAST, error_model="numpy")
def _square(x: Floats) -> np.float32:
    """Return `x . x`."""
    sum_ = np.float32(0)
    for value in x:
        sum_ += value * value
    return sum_


@kernel(fastmath=_FAST, error_model="numpy")
def _solve_every(
    starts: Starts,
    rows: Rows,
    confidences: Floats,
    targets: Floats,
    factors: Floats,
    gram_diagonal: Floats,
    regs: Floats,
    x: Floats,
    tolerance: float,
    steps_max: int,
) -> None:
    """Solve every row in place."""
    longest = 0
    for u in range(len(x)):
        longest = max(longest, starts[u + 1] - starts[u])
    at, c = np.empty(longest, np.int64), np.empty(longest, np.float32)
    space = np.empty((5, factors.shape[1]), np.float32)
    for u in range(len(x)):
        lo, hi = starts[u], starts[u + 1]
        row, before = (rows[lo:hi], confidences[lo:hi], targets[lo:hi]), _square(x[u])
        _solve_row(row, factors, gram_diagonal, regs[u], x[u], at, c, space, tolerance, steps_max)
        if _square(x[u]) * _SHRUNK < before:
            x[u] = 0
            _solve_row(row, factors, gram_diagonal, regs[u], x[u], at, c, space, tolerance, steps_max)


def solve_rows(
    equations: Equations,
    items: FixedItems,
    x: Floats,
    threads: int = 1,
    tolerance: float = TOLERANCE,
    steps_max: int = STEPS_MAX,
) -> Floats:
    """Solve every row's system in place, from the warm start that `x` holds, and return `x`.

    Rows are independent: the result does not depend on the number of threads. A row without known items becomes zero.

    Args:
        equations: The systems of n rows.
        items: Vectors of the other side, held fixed.
        x: Vectors to solve for, shape (n, f), float32, contiguous and writeable; warm start and result.
        threads: Threads that share the rows.
        tolerance: Length of the last correction relative to the vector.
        steps_max: Most conjugate gradient steps for a row.

    Raises:
        ValueError: `x` cannot be solved in place.
    """
    terms, shape = equations.terms, (equations.terms.n_users, items.factors.shape[1])
    if x.dtype != np.float32 or not x.flags.carray or x.shape != shape:
        message = f"x has to be a writeable, contiguous float32 array of shape {shape}."
        raise ValueError(message)
    starts, rows = as_kernel_array(terms.starts, np.int64), as_kernel_array(terms.rows, np.int32)
    columns = rows, as_kernel_array(terms.confidences, np.float32), as_kernel_array(terms.targets, np.float32)
    fixed = as_kernel_array(items.factors, np.float32), as_kernel_array(items.gram_diagonal, np.float32)
    regs = as_kernel_array(equations.regularization, np.float32)

    def solve(part: slice) -> None:
        bounds = starts[part.start : part.stop + 1]
        _solve_every(bounds, *columns, *fixed, regs[part], x[part], float(tolerance), int(steps_max))

    share(solve, even_parts(starts, threads), threads)
    return x


def solve_rows_plain(equations: Equations, items: FixedItems) -> Doubles:
    """Solve the same systems one by one, densely, in double precision: the twin that `solve_rows` is tested against."""
    terms = equations.terms
    x = np.zeros((terms.n_users, items.factors.shape[1]))
    for u in range(len(x)):
        part = slice(terms.starts[u], terms.starts[u + 1])
        known = terms.rows[part] >= 0
        if has_any(known):
            y = items.factors[terms.rows[part][known]].astype(np.float64)
            c, b = (column[part][known].astype(np.float64) for column in (terms.confidences, terms.targets))
            diagonal = items.gram_diagonal.astype(np.float64) + equations.regularization[u]
            x[u] = np.linalg.solve(np.diag(diagonal) + (y.T * c) @ y, b @ y)
    return x
