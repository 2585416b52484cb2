"""Arithmetic that gives the same bits on every machine: no BLAS, no library of transcendental functions.

What a processor may change, and why it cannot here:

* *Order of additions.* A matrix product's order follows the BLAS kernel, its block sizes and threads.
  Here every sum has an order that is written down (`fold`, `dot`), in float64, whatever the processor.
* *Fused multiplication.* A compiled ``a * b + c`` may round once or twice. NumPy multiplies and adds in
  separate passes, so each of + - * / and the square root rounds once, as IEEE 754 prescribes.
* *Transcendental functions.* IEEE 754 does not say how ``exp`` is rounded; NumPy takes one of several
  implementations by instruction set, and the C library another. `exp`, `log`, `cos` and their kin here are
  the published polynomials of fdlibm (Sun Microsystems, 1993), spelt in + - * / alone. They are within two
  units of the last place of the true value; equal bits on every machine are what they are for.
* *Eigenvectors.* Their signs, and bases of equal eigenvalues, are arbitrary. Only functions that do not
  hang on them are given: `symmetric_root`, by Jacobi's rotations in a fixed order.

Sums of NumPy along one axis (``a.sum()``, ``cumsum``, ``bincount``) are additions alone, in an order that
follows from shape and layout; they may be used beside these.

What hangs on the machine and is not here is listed in ``docs/machines.md``.
"""

from biomatch.portable.draws import exponentials, gammas, normals, poissons
from biomatch.portable.functions import (
    cos,
    exp,
    expit,
    expm1,
    hypot,
    log,
    log1p,
    logaddexp,
    ndtr,
    ndtri,
    power,
    sin,
)
from biomatch.portable.linear import (
    dot,
    fold,
    inverse,
    log_determinant,
    pair_sums,
    solve,
    symmetric_root,
    unit_products,
    unit_rows,
)

__all__ = [
    "cos",
    "dot",
    "exp",
    "expit",
    "expm1",
    "exponentials",
    "fold",
    "gammas",
    "hypot",
    "inverse",
    "log",
    "log1p",
    "log_determinant",
    "logaddexp",
    "ndtr",
    "ndtri",
    "normals",
    "pair_sums",
    "poissons",
    "power",
    "sin",
    "solve",
    "symmetric_root",
    "unit_products",
    "unit_rows",
]
