"""What every test run needs: the rules for notebooks, and a corpus that needs no network."""

import importlib.util
import os

import pytest

pytest_plugins = ["nbval_rules", "pytester"]


def pytest_addoption(parser):
    """Let `pytest -p no:cacheprovider` read the setting of the plugin that it switches off."""
    parser.addini("cache_dir", "the folder of the plugin cacheprovider", default=".pytest_cache")


def pytest_configure():
    """Share the cores, and choose the corpus once; kernels inherit both by the environment."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:  # else the threads of each wait for those of the others
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    if importlib.util.find_spec("d2l_gru") is None:
        raise pytest.UsageError("the package d2l_gru is not installed here: run `make test`")
    from d2l_gru import corpus

    try:
        found = corpus.find(download=False)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    os.environ["D2L_GRU_DATA"] = "sample" if found.name == "sample" else str(found.path.parent)


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_make_scheduler(config, log):
    """Give all tests of the rendered book to one process, and only that one renders it."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "pages" if "pages" in file else file

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None
