"""The same figures under every kernel that this processor can run: `job.py` in processes that differ."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

JOB = Path(__file__).with_name("job.py")
X86 = platform.machine().lower() in {"x86_64", "amd64"}
VARIABLES = (
    *("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "FAISS_SIMD_LEVEL", "GLIBC_TUNABLES"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"),
)


def without(*kept):
    """NumPy's own dispatch above its baseline switched off, but for what is kept."""
    return " ".join(name for name in __cpu_dispatch__ if name not in kept)


def came_out(*parts, **variables):
    """Run the job; what it found, and which kernels ran."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(JOB), *parts],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    return found, found.pop("machine")


@pytest.fixture(scope="module")
def here():
    """What comes out with no variable set."""
    return came_out()


def same(found, expected):
    differing = {name: (value, expected[name]) for name, value in found.items() if value != expected[name]}
    assert not differing


def test_the_job_decides_something(here):
    found, _ = here
    assert found["decisions"][0] > 300
    assert found["stays"][0] > 300
    assert found["alerts"][0] > 100
    assert found["command fit"][0] == found["command plan"][0] == found["command stays"][0] == 0


@pytest.mark.skipif(not (X86 and __cpu_features__.get("X86_V3")), reason="the processor has no AVX2")
def test_on_a_machine_with_avx2(here):
    found, machine = came_out(
        OPENBLAS_CORETYPE="Haswell", NPY_DISABLE_CPU_FEATURES=without("X86_V3"), FAISS_SIMD_LEVEL="AVX2"
    )
    assert machine["blas"] == ["Haswell"]
    assert machine["numpy"] == ["X86_V3"]
    assert machine["faiss"] == "AVX2"
    same(found, here[0])


@pytest.mark.skipif(not (X86 and __cpu_features__.get("X86_V4")), reason="the processor has no AVX-512")
def test_on_a_machine_with_avx512(here):
    """The kernel of most servers, which runs there when no variable is set: a part of the job does."""
    found, machine = came_out(
        *("worlds", "gallery", "prediction"),
        OPENBLAS_CORETYPE="SkylakeX",
        NPY_DISABLE_CPU_FEATURES=without("X86_V3", "X86_V4"),
        FAISS_SIMD_LEVEL="AVX512",
    )
    assert machine["blas"] == ["SkylakeX"]
    assert machine["numpy"] == ["X86_V3", "X86_V4"]
    assert machine["faiss"] == "AVX512"
    same(found, here[0])


@pytest.mark.skipif(not X86, reason="kernels of another family of processors")
def test_on_an_old_machine_with_one_thread(here):
    found, machine = came_out(
        OPENBLAS_CORETYPE="Prescott",
        NPY_DISABLE_CPU_FEATURES=without(),
        FAISS_SIMD_LEVEL="NONE",
        GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-FMA4",  # exp and log of the C library
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1"),
    )
    assert machine["blas"] in (["Prescott"], ["Katmai"])  # OpenBLAS's name of its kernel for SSE alone
    assert machine["numpy"] == []
    assert machine["faiss"] == "NONE"
    assert machine["blas_threads"] == [1]
    assert machine["faiss_threads"] == machine["polars_threads"] == 1
    same(found, here[0])
