"""A stand-in for NVIDIA's driver: a tiny ``libcuda.so.1`` that reports what a test asks for.

It answers from the environment: STAND_IN_CUDA is the version as ``cuDriverGetVersion`` has it,
STAND_IN_GPUS a list of capabilities such as "80,86", and STAND_IN_NAME what its GPUs are called.
They cannot compute.
"""

import os
import shutil
import subprocess
import sys

# With no GPU asked for, cuInit fails as a real driver does (CUDA_ERROR_NO_DEVICE is 100), and so
# with a flag, which none takes.  A GPU of a capability below 0 cannot be counted (ERROR_UNKNOWN).
CODE = r"""
#include <stdio.h>
#include <stdlib.h>
static int capability(int device) {
    const char *at = getenv("STAND_IN_GPUS");
    for (; at && *at; device--) {
        char *end;
        int value = strtol(at, &end, 10);
        if (device == 0) return value;
        at = *end ? end + 1 : end;
    }
    return 0;
}
int cuInit(unsigned flags) { return flags ? 1 : capability(0) ? 0 : 100; }
int cuDriverGetVersion(int *version) {
    const char *set = getenv("STAND_IN_CUDA");
    *version = set ? atoi(set) : 11080;
    return 0;
}
int cuDeviceGetCount(int *count) {
    for (*count = 0; capability(*count); ++*count) {}
    return capability(0) < 0 ? 999 : 0;
}
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDeviceGetName(char *name, int length, int device) {
    const char *set = getenv("STAND_IN_NAME");
    snprintf(name, length, "%s %d", set ? set : "Stand-in", device);
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (attribute == 75) *value = capability(device) / 10;
    if (attribute == 76) *value = capability(device) % 10;
    return 0;
}
"""
COMPILER = shutil.which("cc") or shutil.which("gcc")


def build(folder, also=(), name="libcuda.so.1"):
    """Compile it into `folder`, with empty functions of the names in `also`.

    A process that loads it by another name still finds the driver, or none, by the usual one.
    """
    source = folder / "libcuda.c"
    empty = "".join(f"int {name}(void) {{ return 999; }}\n" for name in also)
    source.write_text(CODE + empty)
    library = folder / name
    command = [COMPILER, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", library, source]
    subprocess.run(command, check=True)
    return folder


def python(code, folder, gpus="", cuda=11080, executable=sys.executable, **more):
    """Run Python code with the stand-in of that folder as the driver."""
    env = os.environ | {
        "LD_LIBRARY_PATH": str(folder),
        "STAND_IN_GPUS": gpus,
        "STAND_IN_CUDA": str(cuda),
        **more,
    }
    return subprocess.run([executable, "-c", code], capture_output=True, text=True, env=env)
