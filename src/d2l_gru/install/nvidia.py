"""NVIDIA's side of MXNet's GPU build: the driver, the GPUs, and the CUDA libraries from PyPI.

Queries the driver through ctypes: neither MXNet nor a CUDA toolkit is needed.
"""

import ctypes
import importlib.util
from pathlib import Path
from typing import NamedTuple

# What mxnet-cu112 1.9.1 loads, leaves first: the library, its folder in the package `nvidia`, and
# the pinned wheel that brings it.
LIBRARIES = (
    ("libcudart.so.11.0", "cuda_runtime", "nvidia-cuda-runtime-cu11==11.8.89"),
    ("libnvrtc.so.11.2", "cuda_nvrtc", "nvidia-cuda-nvrtc-cu11==11.8.89"),
    ("libcublasLt.so.11", "cublas", "nvidia-cublas-cu11==11.11.3.6"),
    ("libcublas.so.11", "cublas", "nvidia-cublas-cu11==11.11.3.6"),
    ("libcufft.so.10", "cufft", "nvidia-cufft-cu11==10.9.0.58"),
    ("libcurand.so.10", "curand", "nvidia-curand-cu11==10.3.0.86"),
    ("libcusolver.so.11", "cusolver", "nvidia-cusolver-cu11==11.4.1.48"),
    ("libcudnn.so.8", "cudnn", "nvidia-cudnn-cu11==8.9.6.50"),
    ("libnccl.so.2", "nccl", "nvidia-nccl-cu11==2.21.5"),
    ("libnvToolsExt.so.1", "nvtx", "nvidia-nvtx-cu11==11.8.86"),
)
# CUDA 11 libraries run on every driver from 450.80.02 on, the first one for CUDA 11.0.
OLDEST_DRIVER = (11, 0)
# The build contains machine code for 5.0, 6.0, 7.0, 8.0 and 8.6, which later minor versions also
# run, but no PTX that a driver could translate for others.
FIRST_CAPABILITY, FIRST_WITHOUT_CODE = (5, 0), (9, 0)


class Gpu(NamedTuple):
    """A GPU as the driver describes it; `capability` is (major, minor)."""

    number: int
    name: str
    capability: tuple

    @property
    def usable(self):
        """Whether MXNet's build has machine code for it."""
        return FIRST_CAPABILITY <= self.capability < FIRST_WITHOUT_CODE

    def __str__(self):
        return f"gpu({self.number}), {self.name}, compute capability {_dotted(self.capability)}"


class Driver(NamedTuple):
    """NVIDIA's driver: the CUDA version that it supports, (major, minor), and its GPUs."""

    cuda: tuple
    gpus: list

    @property
    def usable(self):
        """Whether it is new enough for the libraries."""
        return self.cuda >= OLDEST_DRIVER

    def __str__(self):
        return f"supports CUDA {_dotted(self.cuda)}"


def _dotted(version):
    return ".".join(map(str, version))


def find_driver():
    """Query NVIDIA's driver for its version and GPUs.

    Returns:
        A `Driver`, without GPUs where it reports none; None where there is no driver.

    Source: CUDA driver API, ``cuDriverGetVersion``, ``cuDeviceGetCount``, ``cuDeviceGetAttribute``.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        count.value = 0  # a driver whose GPU is gone, or hidden
    version = (version.value // 1000, version.value % 1000 // 10)
    return Driver(version, [_gpu(cuda, number) for number in range(count.value)])


def _gpu(cuda, number):
    device, value, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    cuda.cuDeviceGet(ctypes.byref(device), number)
    cuda.cuDeviceGetName(name, len(name), device)
    capability = []
    for attribute in (75, 76):  # the major and the minor part of the compute capability
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        capability.append(value.value)
    return Gpu(number, name.value.decode(errors="replace"), tuple(capability))


def _path(library, folder):
    """Return where the wheel has put a library, or None."""
    spec = importlib.util.find_spec("nvidia")
    folders = spec.submodule_search_locations if spec else []
    paths = (Path(parent) / folder / "lib" / library for parent in folders)
    return next((path for path in paths if path.is_file()), None)


def missing_wheels():
    """Return the pinned names of the wheels whose libraries are not installed."""
    wheels = [wheel for library, folder, wheel in LIBRARIES if _path(library, folder) is None]
    return list(dict.fromkeys(wheels))


def preload():
    """Load the CUDA libraries, so that MXNet finds them without ``LD_LIBRARY_PATH``.

    Missing libraries are skipped; `missing_wheels` lists them.
    """
    for library, folder, _ in LIBRARIES:
        if path := _path(library, folder):
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
