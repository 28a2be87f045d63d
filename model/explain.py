"""Why an item is recommended: the exact split of its score over the listener's own plays.

A folded-in vector is linear in the plays (Hu, Koren and Volinsky 2008, section 5). With
`A = diag(d) + reg I + sum_j c_j y_j y_j'`, the matrix of `model/solver.py`, the score of item i is
`y_i' A^-1 sum_j b_j y_j`, so the share of play j in it is `b_j y_i' A^-1 y_j`. An entry that says *no*, whose target
is 0, has a share of 0: it speaks through A, and shrinks the shares of the plays that are like it.

All of a user's list is split at once. With `z_j = sqrt(c_j) D y_j`, `h_i = D y_i`, `D = (diag(d) + reg I)^-1/2`, a
share is `b_j / sqrt(c_j)` times `h_i' (I + Z'Z)^-1 z_j`, a system of the size of a vector, or the same number from
`Z h_i` solved by `I + Z Z'` (Woodbury), a system of the size of the history. Whichever is smaller is factored.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.arrays import Doubles, Floats, Rows, Starts, as_kernel_array
from model.equations import Equations
from model.fixed_items import FixedItems
from model.lapack import spotrf, ssyrk, strsm

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_LANES = 8  # items of a list that one instruction works on; lists are padded to a multiple of it
_LEAST = np.float32(1e-12)  # confidence in place of none, whose root is divided by: it changes no share by 1e-9 of it
_LEFT, _RIGHT, _LOWER, _PLAIN, _TURNED = ord("L"), ord("R"), ord("L"), ord("N"), ord("T")  # letters that BLAS knows

Sizes = NDArray[np.int32]


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
    """Write a list's items as `h`, padded with zeros to whole lanes; return how many they are."""
    n = 0
    while n < len(listed) and listed[n] >= 0:
        item = factors[listed[n]]
        for a in range(len(d)):
            h[n, a] = item[a] * d[a]
        n += 1
    h[n : n + -n % _LANES] = 0
    return n


@njit
def _letters(*letters: int) -> NDArray[np.uint8]:
    """Return letters as bytes in memory, where BLAS looks for them."""
    return np.array(letters, np.uint8)


@njit(error_model="numpy")
def _factor(z: Floats, trans: int, matrix: Floats) -> None:
    """Write the Cholesky factor of `I + Z Z'` (`trans` T) or `I + Z'Z` (N) into `matrix`."""
    words, ones = _letters(_LOWER, trans), np.array([1, 0], np.float32)
    n, f, k = np.array([len(matrix), 0], np.int32), np.array([z.shape[1]], np.int32), np.array([len(z)], np.int32)
    inner = f if trans == _TURNED else k
    ssyrk(
        words.ctypes, words[1:].ctypes, n.ctypes, inner.ctypes, ones.ctypes, z.ctypes, f.ctypes,
        ones[1:].ctypes, matrix.ctypes, n.ctypes,
    )  # fmt: skip
    for a in range(len(matrix)):
        matrix[a, a] += 1
    spotrf(words.ctypes, n.ctypes, matrix.ctypes, n.ctypes, n[1:].ctypes)


@njit(error_model="numpy")
def _divide(side: int, trans: int, matrix: Floats, b: Floats) -> None:
    """Solve against a factor, or with `trans` T its transpose, in place; `b` is read column by column, too."""
    words, one = _letters(side, _LOWER, trans, _PLAIN), np.ones(1, np.float32)
    shape, n = np.array([b.shape[1], len(b)], np.int32), np.array([len(matrix)], np.int32)
    strsm(
        words.ctypes, words[1:].ctypes, words[2:].ctypes, words[3:].ctypes, shape.ctypes, shape[1:].ctypes,
        one.ctypes, matrix.ctypes, n.ctypes, b.ctypes, shape.ctypes,
    )  # fmt: skip


@njit(error_model="numpy")
def _relate(z: Floats, h: Floats, space: Floats, x: Floats) -> None:
    """Compute `x = Z (I + Z'Z)^-1 H'`, or the same as `(I + Z Z')^-1 Z H'`, whichever system is smaller."""
    n = min(z.shape)
    matrix = space[: n * n].reshape((n, n))
    if len(z) < z.shape[1]:
        _factor(z, _TURNED, matrix)
        np.dot(z, h.T, x)
        _divide(_RIGHT, _TURNED, matrix, x)
        _divide(_RIGHT, _PLAIN, matrix, x)
    else:
        _factor(z, _PLAIN, matrix)
        _divide(_LEFT, _PLAIN, matrix, h)
        _divide(_LEFT, _TURNED, matrix, h)
        np.dot(z, h.T, x)


@njit(fastmath=_FAST, error_model="numpy")
def _insert(best: Floats, places: Rows, share: Floats, place: Rows) -> None:
    """Put a share of every item into its place among the best; the one that drops out ends in `share` and `place`."""
    for t in range(len(best)):
        held, held_at = best[t], places[t]
        for i in range(len(share)):
            more, old, new, old_at, new_at = abs(share[i]) > abs(held[i]), held[i], share[i], held_at[i], place[i]
            held[i] = new if more else old
            held_at[i] = new_at if more else old_at
            share[i] = old if more else new
            place[i] = old_at if more else new_at


@njit(fastmath=_FAST, error_model="numpy")
def _pick(x: Floats, scale: Floats, at: Rows, best: Floats, places: Rows, total: Floats, share: Floats) -> None:
    """Find the best shares of every item, and the sum of all; the latest plays, which tend to be large, first."""
    best[:], places[:], total[:] = 0, -1, 0
    least, place = best[-1], np.empty(len(share), np.int32)
    for j in range(len(x) - 1, -1, -1):
        related, factor, n_more = x[j], scale[j], 0
        for i in range(len(share)):
            share[i] = related[i] * factor
            total[i] += share[i]
            n_more += abs(share[i]) > abs(least[i])
        if n_more:
            place[:] = at[j]
            _insert(best, places, share, place)


@njit(nogil=True, cache=True, error_model="numpy")
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
    f, m, width, longest = item_factors.shape[1], entries.shape[2], lists.shape[1] + _LANES, 0
    for u in users:
        longest = max(longest, played[0][u + 1] - played[0][u])
    z, h, d = np.empty((longest, f), np.float32), np.empty((width, f), np.float32), np.empty(f, np.float32)
    space, x_space = np.empty(f * f, np.float32), np.empty(longest * width, np.float32)
    scale, at = np.empty(longest, np.float32), np.empty(longest, np.int32)
    best_space, place_space = np.empty(m * width, np.float32), np.empty(m * width, np.int32)
    total, share = np.empty(width, np.float32), np.empty(width, np.float32)
    for number, u in enumerate(users):
        for a in range(f):
            d[a] = 1 / np.sqrt(gram_diagonal[a] + regs[u])
        k, n = _gather_played(played, u, item_factors, d, z, scale, at), 0
        if k:
            n = _gather_listed(lists[number], item_factors, d, h)
        if n == 0:
            continue
        wide = n + -n % _LANES
        x = x_space[: k * wide].reshape((k, wide))
        best, places = best_space[: m * wide].reshape((m, wide)), place_space[: m * wide].reshape((m, wide))
        _relate(z[:k], h[:wide], space, x)
        _pick(x, scale, at, best, places, total[:wide], share[:wide])
        for i in range(n):
            left = total[i]
            for t in range(m):
                entries[number, i, t], shares[number, i, t] = places[t, i], best[t, i]
                left -= best[t, i]
            rest[number, i] = left
