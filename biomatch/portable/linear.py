"""Sums, products and small linear systems in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch.portable.types import Floats

_SWEEPS, _NARROW, _ROWS = 60, 32, 256


def fold(products: NDArray[Any]) -> NDArray[Any]:
    """Add up the last axis but one way: column j and column j + d/2, and so on. Overwrites its argument.

    Parameters
    ----------
    products : ndarray
        Shape (..., d); any kind of float. The sum of nothing is 0.

    Returns
    -------
    ndarray
        Shape (...,).

    Examples
    --------
    >>> fold(np.array([[1.0, 2.0, 3.0]])).tolist()
    [6.0]
    """
    width = products.shape[-1]
    if width == 0:
        return np.zeros(products.shape[:-1], dtype=products.dtype)
    while width > _NARROW:
        half = width // 2
        products[..., :half] += products[..., width - half : width]
        width -= half
    # The same additions, laid out so that the long axis is the inner one: three times faster.
    rest = np.ascontiguousarray(np.moveaxis(products[..., :width], -1, 0))
    while width > 1:
        half = width // 2
        rest[:half] += rest[width - half : width]
        width -= half
    return np.asarray(rest[0])


def pair_sums(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Give inner products along the last axis: exact products of float32 numbers, summed in float64.

    Parameters
    ----------
    a, b : ndarray
        Shapes that broadcast, (..., d), float32 or float64.

    Returns
    -------
    ndarray
        Shape (...,), float64.
    """
    return np.asarray(fold(np.multiply(a, b, dtype=np.float64)))


def unit_rows(x: NDArray[np.float32]) -> None:
    """Scale rows to unit length, in place.

    Parameters
    ----------
    x : ndarray
        Shape (n, d), float32, no row of zeros.
    """
    for first in range(0, len(x), _ROWS):
        part = x[first : first + _ROWS]
        part *= (np.float32(1.0) / np.sqrt(fold(part * part)))[:, None]


def dot(a: ArrayLike, b: ArrayLike) -> Any:
    """Multiply as ``a @ b`` does, adding along the shared axis from its first element to its last.

    Parameters
    ----------
    a : array_like
        Shape (n,) or (m, n).
    b : array_like
        Shape (n,) or (n, k).

    Returns
    -------
    numpy.float64 or ndarray
        float64, of the shape of ``a @ b``.

    Examples
    --------
    >>> dot([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0]).tolist()
    [17.0, 39.0]
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.shape[-1] != right.shape[0]:
        raise ValueError(f"shapes {left.shape} and {right.shape} do not share an axis")
    # NumPy adds along an axis in an order that follows from shape and layout: here both are made ours.
    if right.ndim == 1:
        return np.ascontiguousarray(left * right).sum(axis=-1)
    if left.ndim == 1:
        return np.ascontiguousarray((left[:, None] * right).T).sum(axis=-1)
    if left.shape[1] > left.shape[0]:
        return np.array([np.ascontiguousarray(row[:, None] * right).sum(axis=0) for row in left])
    found = np.zeros((left.shape[0], right.shape[1]))
    for j in range(left.shape[1]):
        found += left[:, j, None] * right[j]
    return found


def unit_products(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Give the cosines of all pairs of rows of unit length, at the speed of a matrix product.

    Parameters
    ----------
    a, b : ndarray
        Shape (..., m, d) and (..., n, d), rows of length 1 within a hundredth.

    Returns
    -------
    ndarray
        Shape (..., m, n), float64, within 1e-7 of the true cosines, and the same bits whatever the BLAS.

    Notes
    -----
    Values are rounded to 2^-26. A product is then a multiple of 2^-52, and by Cauchy and Schwarz no sum
    of some of the products of a pair exceeds 1.02, which float64 holds: nothing is ever rounded, so the
    order of the additions, and fused multiplication, cannot matter.

    Examples
    --------
    >>> unit_products(np.eye(2), np.array([[0.6, 0.8]])).round(6).tolist()
    [[0.6], [0.8]]
    """
    left, right = (np.rint(np.multiply(x, 2.0**26, dtype=np.float64)) * 2.0**-26 for x in (a, b))
    return np.asarray(left @ np.swapaxes(right, -1, -2))


def _eliminated(matrix: ArrayLike, right: Floats) -> tuple[Floats, float, float]:
    """Solve by Gauss-Jordan elimination with partial pivoting; also sign and log of the determinant."""
    from biomatch.portable.functions import log

    a = np.array(matrix, dtype=np.float64)
    x = np.array(right, dtype=np.float64)
    sign, size = 1.0, len(a)
    pivots = np.empty(size)
    for k in range(size):
        at = k + int(np.argmax(np.abs(a[k:, k])))
        if a[at, k] == 0.0:
            raise np.linalg.LinAlgError("the matrix is singular")
        if at != k:
            a[[k, at]], x[[k, at]] = a[[at, k]], x[[at, k]]
            sign = -sign
        pivots[k] = a[k, k]
        a[k, k:] /= pivots[k]
        x[k] /= pivots[k]
        rest = a[:, k].copy()
        rest[k] = 0.0
        a[:, k:] -= rest[:, None] * a[k, k:]
        x -= rest[:, None] * x[k]
    sign *= float(np.prod(np.sign(pivots)))
    return x, sign, float(log(np.abs(pivots)).sum()) if size else 0.0


def solve(matrix: ArrayLike, right: ArrayLike) -> Floats:
    """Solve a small system; `right` has shape (n,) or (n, k).

    Raises
    ------
    numpy.linalg.LinAlgError
        For a singular matrix.

    Examples
    --------
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).tolist()
    [1.0, 0.5]
    """
    b = np.asarray(right, dtype=np.float64)
    found, _, _ = _eliminated(matrix, b[:, None] if b.ndim == 1 else b)
    return found[:, 0] if b.ndim == 1 else found


def inverse(matrix: ArrayLike) -> Floats:
    """Invert a small matrix, shape (n, n)."""
    return _eliminated(matrix, np.eye(len(np.asarray(matrix))))[0]


def log_determinant(matrix: ArrayLike) -> float:
    """Give the natural logarithm of the absolute value of a determinant."""
    return _eliminated(matrix, np.zeros((len(np.asarray(matrix)), 1)))[2]


def symmetric_root(matrix: ArrayLike) -> Floats:
    """Give R, symmetric, with R R = `matrix` where that is positive semidefinite; else of its positive part.

    Parameters
    ----------
    matrix : array_like
        Shape (n, n), symmetric, small.

    Returns
    -------
    ndarray
        Shape (n, n), float64: V sqrt(max(D, 0)) V'. It does not hang on signs or order of the
        eigenvectors, nor on the basis of a repeated eigenvalue.

    Notes
    -----
    Cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, section 8.5), row by row, until no
    element off the diagonal is left that could change its neighbours on the diagonal.

    Examples
    --------
    >>> symmetric_root([[2.0, 0.0], [0.0, -1.0]]).round(6).tolist()
    [[1.414214, 0.0], [0.0, 0.0]]
    """
    a = np.array(matrix, dtype=np.float64)
    size = len(a)
    v = np.eye(size)
    for _ in range(_SWEEPS):
        small = 1e-18 * max(float(np.abs(a).max(initial=0.0)), 1e-300)
        turned = False
        for p in range(size - 1):
            for q in range(p + 1, size):
                if abs(a[p, q]) <= small:
                    continue
                turned = True
                tau = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
                t = (1.0 if tau >= 0.0 else -1.0) / (abs(tau) + np.sqrt(1.0 + tau * tau))
                c = 1.0 / np.sqrt(1.0 + t * t)
                _rotate(a, v, p, q, float(c), float(t * c))
        if not turned:
            break
    root = np.sqrt(np.maximum(np.diag(a), 0.0))
    return np.asarray(dot(v * root, np.ascontiguousarray(v.T)))


def _rotate(a: Floats, v: Floats, p: int, q: int, c: float, s: float) -> None:
    """Turn the p-th and q-th coordinate so that a[p, q] vanishes."""
    for table in (a, v):
        left, right = table[:, p].copy(), table[:, q].copy()
        table[:, p], table[:, q] = c * left - s * right, s * left + c * right
    left, right = a[p].copy(), a[q].copy()
    a[p], a[q] = c * left - s * right, s * left + c * right
    a[p, q] = a[q, p] = 0.0
