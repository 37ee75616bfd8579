"""How kernels are compiled.

Kernels are serial and release the GIL, so that the caller's threads may run them side by side.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that is called from Python.

    Machine code is kept between runs wherever numba finds a folder to write it to. Its arguments
    are to be plain types, which are part of the kept code's name. What is kept is renewed when the
    kernel's own file changes; after a change of this one, delete `__pycache__`.
    """
    try:
        compiled: Callable[P, R] = njit(cache=True, nogil=True, fastmath=True)(function)
    except RuntimeError:  # nowhere to keep it: it is compiled anew in each process
        compiled = njit(nogil=True, fastmath=True)(function)
    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a small function into the kernels that call it."""
    compiled: Callable[P, R] = njit(inline="always", nogil=True, fastmath=True)(function)
    return compiled


def called(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a larger function that kernels call."""
    compiled: Callable[P, R] = njit(nogil=True, fastmath=True)(function)
    return compiled
