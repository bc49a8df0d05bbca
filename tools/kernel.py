"""The kernel that runs a notebook: one and the same for the runner and for `pytest --nbval`."""

import contextlib
import os
import tempfile

from nbclient import NotebookClient
from nbclient.util import run_sync

from tools.notebook import LIMIT, START, tags


def has_gpu(torch):
    """Whether PyTorch, or MXNet, finds a GPU; asked only if a cell needs one, since it is slow."""
    if torch:
        from torch import cuda

        return cuda.is_available()
    from d2l_gru import try_gpu

    return try_gpu().device_type == "gpu"


class Client(NotebookClient):
    """Runs cells; those with one of the tags `left_out` are not run and have no outputs."""

    def __init__(self, notebook, folder, left_out=(), limit=LIMIT, **settings):
        super().__init__(
            notebook,
            kernel_name="python3",
            startup_timeout=START,
            timeout=limit,
            record_timing=False,
            shutdown_kernel="immediate",  # else it prints that it is interrupted
            extra_arguments=["--log-level=ERROR"],  # nor that a runner was interrupted
            resources={"metadata": {"path": str(folder)}},
            **settings,
        )
        self.left_out = {"skip-execution", *left_out}

    async def async_execute_cell(self, cell, cell_index, *args, **kwargs):
        if self.left_out & tags(cell):
            return cell
        self._display_id_map = {}  # no cell changes what an earlier one has shown
        return await super().async_execute_cell(cell, cell_index, *args, **kwargs)

    execute_cell = run_sync(async_execute_cell)


@contextlib.contextmanager
def environment(**more):
    """Yield the variables that a kernel has: its user's own IPython settings do not count."""
    with tempfile.TemporaryDirectory() as ipython:
        env = os.environ | {"IPYTHONDIR": ipython} | more
        for name in ("MPLBACKEND", "PYTEST_CURRENT_TEST"):  # with it, C's output would be missed
            env.pop(name, None)
        yield env
