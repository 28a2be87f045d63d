"""Why an item is recommended: the exact split of its score over the listener's own plays.

A folded-in vector is linear in the plays (Hu, Koren and Volinsky 2008, section 5). With
`A = diag(d) + reg I + sum_j c_j y_j y_j'`, the matrix of `model/solver.py`, the score of item i is
`y_i' A^-1 sum_j b_j y_j`, so the share of play j in it is `b_j y_i' A^-1 y_j`. An entry that says *no*, whose target
is 0, has a share of 0: it speaks through A, and shrinks the shares of the plays that are like it.

All of a user's list is split at once. With `z_j = sqrt(c_j) D y_j`, `h_i = D y_i`, `D = (diag(d) + reg I)^-1/2`, a
share is `b_j / sqrt(c_j)` times `h_i' (I + Z'Z)^-1 z_j`, a system of the size of a vector, or the same number from
`Z h_i` solved by `I + Z Z'` (Woodbury), a system of the size of the history. Whichever is smaller is solved, by
Gauss's elimination.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Doubles, Floats, Rows, Starts, as_kernel_array
from model.equations import Equations
from model.fixed_items import FixedItems
from model.kernel import kernel
from model.lanes import subtract
from model.vectors import LANES

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_LEAST = np.float32(1e-12)  # confidence in place of none, whose root is divided by: it changes no share by 1e-9 of it


class Reasons(NamedTuple):
    """The entries of a history that add most to each score of n lists, by descending absolute share."""

    entries: Rows  # (n, list_n, m), places in the compressed rows; -1 where fewer have a share, or no item is listed
    shares: Floats  # (n, list_n, m), the addition of each to the score; 0 where there is none
    rest: Floats  # (n, list_n), the sum of all other shares


def explain(equations: Equations, items: FixedItems, users: Starts, lists: Rows, m: int) -> Reasons:
    """Split the scores of lists over the plays behind them.

    Args:
        equations: The systems that the users' vectors solve; no confidence is negative, every regularization positive.
        items: The items.
        users: The users whose lists these are, shape (n,).
        lists: Item rows, shape (n, list_n); -1 pads the end of a list.
        m: Entries to name for an item, at least one.

    Returns:
        Places, shares and rest; among equal shares the entry that stands last comes first. `shares` and `rest` sum to
        the score in single precision: within 1e-5 of it for a listed item, not for a score that is next to 0.
    """
    n, list_n = lists.shape
    entries, shares = np.full((n, list_n, m), -1, np.int32), np.zeros((n, list_n, m), np.float32)
    rest = np.zeros((n, list_n), np.float32)
    terms = equations.terms
    played = as_kernel_array(terms.starts, np.int64), as_kernel_array(terms.rows, np.int32)
    weighed = as_kernel_array(terms.confidences, np.float32), as_kernel_array(terms.targets, np.float32)
    _explain(
        (*played, *weighed),
        as_kernel_array(items.factors, np.float32),
        as_kernel_array(items.gram_diagonal, np.float32),
        as_kernel_array(equations.regularization, np.float32),
        as_kernel_array(users, np.int64),
        as_kernel_array(lists, np.int32),
        entries,
        shares,
        rest,
    )
    return Reasons(entries, shares, rest)


def split(equations: Equations, items: FixedItems, user: int, item_rows: Rows) -> Doubles:
    """Return the share of every entry of a user's history in the scores of some items: the reference for `explain`.

    Args:
        equations: The systems that the users' vectors solve.
        items: The items.
        user: The user's number in the equations.
        item_rows: The items whose scores are split, shape (n,).

    Returns:
        Shares, shape (n, k) for a history of k entries; each row sums to the item's score. A row of -1 has no share.
    """
    terms = equations.terms
    part = slice(terms.starts[user], terms.starts[user + 1])
    rows, confidences, targets = (column[part] for column in terms.columns)
    known = np.where(rows >= 0, 1.0, 0.0)
    y = items.factors[rows].astype(np.float64) * known[:, None]
    c, b = confidences.astype(np.float64), targets.astype(np.float64) * known
    a = np.diag(items.gram_diagonal.astype(np.float64) + equations.regularization[user]) + (y.T * c) @ y
    shares: Doubles = items.factors[item_rows].astype(np.float64) @ np.linalg.solve(a, y.T) * b
    return shares


Played = tuple[Starts, Rows, Floats, Floats]  # starts, rows, confidences, targets


@njit(fastmath=_FAST, error_model="numpy")
def _gather_played(played: Played, u: int, factors: Floats, d: Floats, z: Floats, scale: Floats, at: Rows) -> int:
    """Write a user's played items as `z`, the scales of their shares, and their places; return their number."""
    starts, rows, confidences, targets = played
    k = 0
    for j in range(starts[u], starts[u + 1]):
        if rows[j] < 0:
            continue
        item, root = factors[rows[j]], np.sqrt(max(confidences[j], _LEAST))
        for a in range(len(d)):
            z[k, a] = item[a] * d[a] * root
        scale[k], at[k] = targets[j] / root, j
        k += 1
    return k


@njit(fastmath=_FAST, error_model="numpy")
def _gather_listed(listed: Rows, factors: Floats, d: Floats, h: Floats) -> int:
    """Write a list's items as `h`, zeros for its padding; return how many they are."""
    n = 0
    while n < len(listed) and listed[n] >= 0:
        item = factors[listed[n]]
        for a in range(len(d)):
            h[n, a] = item[a] * d[a]
        n += 1
    h[n:] = 0
    return n


@njit
def _padded(n: int) -> int:
    """Return a number of lanes that holds `n` numbers."""
    return n + -n % LANES


@njit(fastmath=_FAST, error_model="numpy")
def _by_plays(z: Floats, h: Floats, system: Floats) -> int:
    """Write the upper triangle of `I + Z Z'`, and `Z H'` beside it; return the width of a row."""
    k, first = len(z), _padded(len(z))
    width: int = first + _padded(len(h))
    rows = system[: k * width].reshape((k, width))
    rows[:] = 0
    for j in range(k):
        for i in range(j, k):
            product = np.float32(i == j)
            for a in range(z.shape[1]):
                product += z[j, a] * z[i, a]
            rows[j, i] = product
        for i in range(len(h)):
            product = np.float32(0)
            for a in range(z.shape[1]):
                product += z[j, a] * h[i, a]
            rows[j, first + i] = product
    return width


@njit(fastmath=_FAST, error_model="numpy")
def _by_factors(z: Floats, h: Floats, gram: Floats, system: Floats) -> int:
    """Write the upper triangle of `I + Z'Z`, and `H'` beside it; return the width of a row."""
    f, first = z.shape[1], _padded(z.shape[1])
    width: int = first + _padded(len(h))
    np.dot(z.T, z, gram)
    for a in range(f):
        row = system[a * width : (a + 1) * width]
        row[:] = 0
        row[a:f] = gram[a, a:]
        row[a] += 1
        for i in range(len(h)):
            row[first + i] = h[i, a]
    return width


@njit(error_model="numpy")
def _solve(system: Floats, n: int, width: int, inverse: Floats) -> None:
    """Solve a system in place: the numbers beside row p become its part of the solutions, times pivot p.

    Gauss's elimination, two pivots at a time. Without a search for pivots it is exact to a few roundings, since the
    matrix is positive definite and its condition number small.

    Args:
        system: The upper triangle, padded to whole lanes, and the right sides, row after row.
        n: Rows.
        width: Numbers of a row.
        inverse: Takes 1 / pivot, shape (n,).
    """
    for p in range(0, n, 2):
        one, other = p * width, (p + 1) * width
        inverse[p] = 1 / system[one + p]
        if p + 1 == n:
            break
        factors = system[one + p + 1] * inverse[p], np.float32(0)
        for b in range(p + 1 - (p + 1) % LANES, width, LANES):
            subtract(system, other + b, one + b, one + b, factors)
        inverse[p + 1] = 1 / system[other + p + 1]
        for q in range(p + 2, n):
            factors = system[one + q] * inverse[p], system[other + q] * inverse[p + 1]
            for b in range(q - q % LANES, width, LANES):
                subtract(system, q * width + b, one + b, other + b, factors)
    for p in range(n - 1, 0, -2):
        one, other = p * width, (p - 1) * width
        between = system[other + p] * inverse[p], np.float32(0)
        for b in range(_padded(n), width, LANES):
            subtract(system, other + b, one + b, one + b, between)
        for q in range(p - 1):
            at = q * width
            factors = system[at + p] * inverse[p], system[at + p - 1] * inverse[p - 1]
            for b in range(_padded(n), width, LANES):
                subtract(system, at + b, one + b, other + b, factors)


@njit(fastmath=_FAST, error_model="numpy")
def _pick(related: Floats, stride: int, scale: Floats, at: Rows, best: Floats, places: Rows) -> np.float32:
    """Find the largest shares of an item, and return the sum of the others.

    The latest plays, which tend to be large, come first.

    Args:
        related: The item's part of the solutions, one in `stride` numbers for each play.
        stride: Numbers from one play to the next.
        scale: The share of a play where that number is 1.
        at: Places of the plays in the compressed rows.
        best: Takes the shares; zeros.
        places: Takes their places.
    """
    rest, last = np.float32(0), len(best) - 1
    for j in range(len(scale) - 1, -1, -1):
        share, place = related[j * stride] * scale[j], at[j]
        if abs(share) > abs(best[last]):
            t, dropped = last, best[last]
            while t > 0 and abs(best[t - 1]) < abs(share):
                best[t], places[t] = best[t - 1], places[t - 1]
                t -= 1
            best[t], places[t] = share, place
            share = dropped
        rest += share
    return rest


@kernel(error_model="numpy")
def _explain(
    played: Played,
    item_factors: Floats,
    gram_diagonal: Floats,
    regs: Floats,
    users: Starts,
    lists: Rows,
    entries: Rows,
    shares: Floats,
    rest: Floats,
) -> None:
    """Explain every list; the outputs hold their padding already."""
    f, n, longest = item_factors.shape[1], lists.shape[1], 0
    for u in users:
        longest = max(longest, played[0][u + 1] - played[0][u])
    z, h, d = np.empty((longest, f), np.float32), np.empty((n, f), np.float32), np.empty(f, np.float32)
    wide = _padded(n)
    system, gram = np.empty(f * (_padded(f) + wide), np.float32), np.empty((f, f), np.float32)
    solved, x = np.empty((f, wide), np.float32), np.empty((longest, wide), np.float32)
    inverse, scale, at = np.empty(f, np.float32), np.empty(longest, np.float32), np.empty(longest, np.int32)
    for number, u in enumerate(users):
        for a in range(f):
            d[a] = 1 / np.sqrt(gram_diagonal[a] + regs[u])
        k, n_listed = _gather_played(played, u, item_factors, d, z, scale, at), 0
        if k:
            n_listed = _gather_listed(lists[number], item_factors, d, h)
        if n_listed == 0:
            continue
        if k < f:
            first, stride = _padded(k), _by_plays(z[:k], h, system)
            _solve(system, k, stride, inverse)
            related = system[first:]
            scale[:k] *= inverse[:k]
        else:
            width = _by_factors(z[:k], h, gram, system)
            _solve(system, f, width, inverse)
            for a in range(f):
                solved[a] = system[(a + 1) * width - wide : (a + 1) * width] * inverse[a]
            np.dot(z[:k], solved, x[:k])
            related, stride = x.reshape(-1), wide
        for i in range(n_listed):
            rest[number, i] = _pick(related[i:], stride, scale[:k], at[:k], shares[number, i], entries[number, i])
