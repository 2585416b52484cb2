"""Transcendental functions in float64, spelt in + - * / and the square root.

Polynomials and constants: fdlibm (e_exp.c, e_log.c, k_sin.c, k_cos.c, e_rem_pio2.c; Sun Microsystems, 1993),
Wichura's AS 241 (Applied Statistics 37, 1988) for normal quantiles, and Hart's algorithm 5666 as West prints
it ("Better approximations to cumulative normal functions", Wilmott, 2005) for the normal distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch.portable.types import Floats

# ln 2 and pi / 2 in two and three parts; the leading parts have 33 bits, so that small multiples are exact.
_LN2_HIGH, _LN2_LOW, _PER_LN2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10, 1.44269504088896338700
_HALF_PI = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
_PER_HALF_PI = 6.36619772367581382433e-01
FARTHEST_ANGLE = 1e6
"""Angles up to which `sin` and `cos` are good; beyond, they refuse."""

BLOCK = 4096

_EXP = (
    *(1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05),
    *(-1.65339022054652515390e-06, 4.13813679705723846039e-08),
)
_LOG = (
    *(6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01),
    *(2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01),
    1.479819860511658591e-01,
)
_SIN = (
    *(-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04),
    *(2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10),
)
_COS = (
    *(4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05),
    *(-2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11),
)
_CENTRE = (
    (
        *(3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4),
        *(4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    ),
    (
        *(1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3),
        *(2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
    ),
)
_TAIL = (
    (
        *(1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504),
        *(1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2),
        7.74545014278341407640e-4,
    ),
    (
        *(1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1),
        *(1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4),
        1.05075007164441684324e-9,
    ),
)
_FAR_TAIL = (
    (
        *(6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1),
        *(2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5),
        2.01033439929228813265e-7,
    ),
    (
        *(1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2),
        *(7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7),
        2.04426310338993978564e-15,
    ),
)
_NORMAL = (
    (
        *(220.206867912376, 221.213596169931, 112.079291497871, 33.912866078383, 6.37396220353165),
        *(0.700383064443688, 3.52624965998911e-02),
    ),
    (
        *(440.413735824752, 793.826512519948, 637.333633378831, 296.564248779674, 86.7807322029461),
        *(16.064177579207, 1.75566716318264, 8.83883476483184e-02),
    ),
)


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Evaluate by Horner's rule; the constant comes first."""
    found = np.full_like(x, coefficients[-1])
    for one in coefficients[-2::-1]:
        found *= x
        found += one
    return found


def _array(x: ArrayLike) -> Floats:
    return np.asarray(x, dtype=np.float64)


def _in_blocks(function: Callable[[Floats], Floats]) -> Callable[[ArrayLike], Floats]:
    """Work through long arrays in pieces that stay in the processor's cache; the values are the same."""

    @wraps(function)
    def blocked(x: ArrayLike) -> Floats:
        whole = _array(x)
        if whole.size <= BLOCK:
            return function(whole)
        flat = np.ravel(whole)
        found = np.empty_like(flat)
        for first in range(0, flat.size, BLOCK):
            found[first : first + BLOCK] = function(flat[first : first + BLOCK])
        return found.reshape(whole.shape)

    return blocked


@_in_blocks
def _exp(x: Floats) -> Floats:
    bounded = np.clip(x, -746.0, 710.0)
    k = np.rint(bounded * _PER_LN2)
    k = np.where(np.isnan(k), 0.0, k)
    high, low = bounded - k * _LN2_HIGH, k * _LN2_LOW
    r = high - low
    t = r * r
    c = r - t * _polynomial(_EXP, t)
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    # Two factors that are powers of two: only the last product rounds, and only where it is subnormal.
    half = np.floor(k * 0.5)
    with np.errstate(over="ignore", under="ignore"):
        found = y * _two_to(half) * _two_to(k - half)
    return np.where(x < -745.2, 0.0, found)


@overload
def exp(x: float) -> np.float64: ...
@overload
def exp(x: ArrayLike) -> Floats: ...
def exp(x: ArrayLike) -> Floats | np.float64:
    """Give e to the power of x, float64, of the shape of `x`.

    Examples
    --------
    >>> float(exp(1.0)), float(exp(-np.inf)), float(exp(0.0))
    (2.7182818284590455, 0.0, 1.0)
    """
    return _exp(x)[()]


def _two_to(k: Floats) -> Floats:
    """Give 2 to whole powers from -1022 to 1023, from the bits of the exponent."""
    return ((k.astype(np.int64) + 1023) << 52).view(np.float64)


@_in_blocks
def _log(x: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mantissa, exponent = np.frexp(x)
        small = mantissa < 0.70710678118654752440
        f = np.where(small, 2.0 * mantissa, mantissa) - 1.0
        k = exponent.astype(np.float64) - small
        s = f / (2.0 + f)
        z = s * s
        half_square = 0.5 * f * f
        rest = s * (half_square + z * _polynomial(_LOG, z)) + k * _LN2_LOW
        found = k * _LN2_HIGH - ((half_square - rest) - f)
        found = np.where(x > 0.0, found, np.where(x == 0.0, -np.inf, np.nan))
        return np.where(x == np.inf, np.inf, found)


@overload
def log(x: float) -> np.float64: ...
@overload
def log(x: ArrayLike) -> Floats: ...
def log(x: ArrayLike) -> Floats | np.float64:
    """Give the natural logarithm, float64: -inf at 0, NaN below.

    Examples
    --------
    >>> float(log(2.0)), float(log(1.0)), float(log(0.0))
    (0.6931471805599453, 0.0, -inf)
    """
    return _log(x)[()]


@overload
def log1p(x: float) -> np.float64: ...
@overload
def log1p(x: ArrayLike) -> Floats: ...
def log1p(x: ArrayLike) -> Floats | np.float64:
    """Give log(1 + x), good for small x too: log(u) is corrected for what rounding u = 1 + x lost."""
    x = _array(x)
    u = 1.0 + x
    with np.errstate(invalid="ignore", divide="ignore"):
        lost = np.where(np.isfinite(u) & (u != 0.0), ((u - 1.0) - x) / np.where(u == 0.0, 1.0, u), 0.0)
    return (log(u) - lost)[()]


@overload
def expm1(x: float) -> np.float64: ...
@overload
def expm1(x: ArrayLike) -> Floats: ...
def expm1(x: ArrayLike) -> Floats | np.float64:
    """Give exp(x) - 1, good for small x too: what rounding u = exp(x) lost is made good (W. Kahan)."""
    x = _array(x)
    u = exp(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        small = (u - 1.0) * x / log(u)
    return np.where(u == 1.0, x, np.where(np.abs(x) < 1.0, small, u - 1.0))[()]


def logaddexp(a: ArrayLike, b: ArrayLike) -> Floats:
    """Give log(exp(a) + exp(b))."""
    a, b = _array(a), _array(b)
    top = np.maximum(a, b)
    with np.errstate(invalid="ignore"):
        apart = np.where(a == b, 0.0, np.abs(a - b))
    return np.asarray(top + log1p(exp(-apart)))


@overload
def expit(x: float) -> np.float64: ...
@overload
def expit(x: ArrayLike) -> Floats: ...
def expit(x: ArrayLike) -> Floats | np.float64:
    """Give 1 / (1 + exp(-x)), in [0, 1]."""
    return 1.0 / (1.0 + exp(-np.clip(_array(x), -700.0, 700.0)))


def power(base: ArrayLike, exponent: ArrayLike) -> Floats:
    """Give exp(exponent * log(base)), for bases from 0; good to about 14 digits for moderate powers."""
    raised = _array(exponent)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(raised == 0.0, 1.0, exp(raised * log(_array(base)))))


def hypot(a: ArrayLike, b: ArrayLike) -> Floats:
    """Give sqrt(a^2 + b^2), for sizes whose squares neither overflow nor vanish."""
    a, b = _array(a), _array(b)
    return np.asarray(np.sqrt(a * a + b * b))


def _turned(x: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Take off multiples of a quarter turn: which quarter, and sine and cosine of what is left."""
    if x.size and not np.abs(x).max() <= FARTHEST_ANGLE:
        raise ValueError(f"an angle of {np.abs(x).max():.6g} radians; allowed: up to {FARTHEST_ANGLE:.0f}")
    k = np.rint(x * _PER_HALF_PI)
    r = ((x - k * _HALF_PI[0]) - k * _HALF_PI[1]) - k * _HALF_PI[2]
    z = r * r
    sine = r + r * z * _polynomial(_SIN, z)
    cosine = 1.0 - (0.5 * z - z * z * _polynomial(_COS, z))
    return k.astype(np.int64) & 3, sine, cosine


@_in_blocks
def _cos(x: Floats) -> Floats:
    quarter, sine, cosine = _turned(x)
    found = np.where(quarter & 1, sine, cosine)
    return np.where((quarter == 1) | (quarter == 2), -found, found)


@overload
def cos(x: float) -> np.float64: ...
@overload
def cos(x: ArrayLike) -> Floats: ...
def cos(x: ArrayLike) -> Floats | np.float64:
    """Give the cosine of angles in radians, up to `FARTHEST_ANGLE`."""
    return _cos(x)[()]


@_in_blocks
def _sin(x: Floats) -> Floats:
    quarter, sine, cosine = _turned(x)
    found = np.where(quarter & 1, cosine, sine)
    return np.where(quarter & 2, -found, found)


@overload
def sin(x: float) -> np.float64: ...
@overload
def sin(x: ArrayLike) -> Floats: ...
def sin(x: ArrayLike) -> Floats | np.float64:
    """Give the sine of angles in radians, up to `FARTHEST_ANGLE`."""
    return _sin(x)[()]


@_in_blocks
def _ndtri(p: Floats) -> Floats:
    q = p - 0.5
    r = 0.180625 - q * q
    found = q * _polynomial(_CENTRE[0], r) / _polynomial(_CENTRE[1], r)
    tail = np.abs(q) > 0.425
    if tail.any():
        smaller = np.minimum(p[tail], 1.0 - p[tail])
        with np.errstate(invalid="ignore"):
            deep = np.sqrt(-log(smaller))
            near = _polynomial(_TAIL[0], deep - 1.6) / _polynomial(_TAIL[1], deep - 1.6)
            far = _polynomial(_FAR_TAIL[0], deep - 5.0) / _polynomial(_FAR_TAIL[1], deep - 5.0)
        value = np.where(smaller > 0.0, np.where(deep <= 5.0, near, far), np.inf)
        found = np.atleast_1d(found)
        found[np.atleast_1d(tail)] = np.where(q[tail] < 0.0, -value, value)
        found = found.reshape(p.shape)
    return np.asarray(found)


def ndtri(p: ArrayLike) -> Floats:
    """Give standard normal quantiles of probabilities; -inf at 0, inf at 1.

    Examples
    --------
    >>> ndtri([0.5, 0.975]).round(6).tolist()
    [0.0, 1.959964]
    """
    return _ndtri(p)


@_in_blocks
def _ndtr(x: Floats) -> Floats:
    away = np.minimum(np.abs(x), 38.0)
    density = exp(-0.5 * away * away)
    near = density * _polynomial(_NORMAL[0], away) / _polynomial(_NORMAL[1], away)
    tail = away + 0.65
    for numerator in (4.0, 3.0, 2.0, 1.0):
        tail = away + numerator / tail
    below = np.where(away < 7.07106781186547, near, density / tail / 2.5066282746310002)
    return np.asarray(np.where(x > 0.0, 1.0 - below, below))


def ndtr(x: ArrayLike) -> Floats:
    """Give the standard normal distribution function, within 1e-14.

    Examples
    --------
    >>> ndtr([0.0, 1.959964]).round(6).tolist()
    [0.5, 0.975]
    """
    return _ndtr(x)
