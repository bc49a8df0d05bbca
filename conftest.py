"""What every test run needs: the rules for notebooks, and a corpus that needs no network."""

import importlib.util
import os

import pytest

pytest_plugins = ["nbval_rules", "pytester"]


def pytest_configure():
    """Choose the corpus once, for the tests and for the kernels that inherit the environment."""
    if importlib.util.find_spec("d2l_gru") is None:
        raise pytest.UsageError("the package d2l_gru is not installed here: run `make test`")
    from d2l_gru import corpus

    try:
        found = corpus.find(download=False)
    except (OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    os.environ["D2L_GRU_DATA"] = "sample" if found.name == "sample" else str(found.path.parent)
