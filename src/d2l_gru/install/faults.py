"""Whether MXNet can run here, and if not, the command that fixes it.  Does not import MXNet."""

import importlib.util
import os
import sys
from importlib import metadata
from typing import NamedTuple

from d2l_gru.install import nvidia

PIP = "python -m pip"
CPU_INSTEAD = f"{PIP} uninstall -y mxnet-cu112 && {PIP} install mxnet==1.9.1"
NUMPY = "numpy==1.23.5" if sys.version_info < (3, 12) else "numpy==1.26.4"


class Fault(NamedTuple):
    """What is wrong with one part of the installation, and the command or step that fixes it."""

    subject: str
    what: str
    mend: str

    def __str__(self):
        return f"{self.what}. Fix: {self.mend}"


def version_of(name):
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def builds():
    """Return the installed builds of MXNet, a dict from "mxnet" or "mxnet-cu112" to a version."""
    found = {name: version_of(name) for name in ("mxnet", "mxnet-cu112")}
    return {name: version for name, version in found.items() if version}


def faults():
    """Yield each `Fault` that keeps MXNet from being imported, or from running on its GPU.

    With ``D2L_GRU_DEVICE=cpu``, a GPU that MXNet cannot use is not a fault.
    """
    found = builds()
    if not found and importlib.util.find_spec("mxnet") is None:
        yield Fault("MXNet", "MXNet is not installed", f"{PIP} install mxnet==1.9.1")
    if len(found) > 1:
        yield Fault(
            "MXNet",
            "both mxnet and mxnet-cu112 are installed, and each has overwritten files of the other",
            f"{PIP} uninstall -y mxnet mxnet-cu112 && {PIP} install mxnet==1.9.1 "
            "(or mxnet-cu112==1.9.1, for a GPU)",
        )
    if int((version_of("numpy") or "1").split(".")[0]) >= 2:
        what = f"MXNet 1.9.1 needs numpy < 2, but numpy {version_of('numpy')} is installed"
        yield Fault("numpy", what, f"{PIP} install {NUMPY}")
    if [*found] == ["mxnet-cu112"]:
        yield from _faults_of_the_gpu_build()


def _faults_of_the_gpu_build():
    if wheels := nvidia.missing_wheels():
        what = f"mxnet-cu112 needs CUDA libraries from {len(wheels)} packages that are missing"
        yield Fault("CUDA libraries", what, f"{PIP} install {' '.join(wheels)}")
    driver = nvidia.find_driver()
    if driver is None:
        yield Fault(
            "driver",
            "mxnet-cu112 needs NVIDIA's driver (libcuda.so.1), but there is none",
            f"install the driver (Debian: sudo apt-get install nvidia-driver), or: {CPU_INSTEAD}",
        )
        return
    if not driver.usable:
        yield Fault(
            "driver",
            f"the NVIDIA driver {driver}, but mxnet-cu112 needs CUDA 11.0 or newer",
            "install driver 450.80.02 or newer (Debian: sudo apt-get install nvidia-driver), "
            f"or: {CPU_INSTEAD}",
        )
    if driver.gpus and not any(gpu.usable for gpu in driver.gpus):
        if os.environ.get("D2L_GRU_DEVICE") != "cpu":
            yield Fault(
                "GPU",
                f"mxnet-cu112 supports compute capability 5.x to 8.x, but not "
                f"{'; '.join(map(str, driver.gpus))}",
                f"export D2L_GRU_DEVICE=cpu, to compute on the CPU, or: {CPU_INSTEAD}",
            )
