"""What hypothesis draws for several test files; the examples are the same in every run."""

import importlib
import importlib.util

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from tools_of_the_build import ROOT

set_hypothesis_home_dir(ROOT / "_build" / "hypothesis")  # a cache of Unicode's tables
settings.register_profile("book", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("book")

lacks_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch: pip install 'torch>=2.6'"
)
both = pytest.mark.parametrize("framework", ["mxnet", pytest.param("torch", marks=lacks_torch)])
seeds = st.integers(0, 2**31 - 1)
any_text = st.text(st.characters(exclude_categories=()))  # with halves of surrogate pairs, too


def package(framework):
    return importlib.import_module("d2l_gru" + (".torch" if framework == "torch" else ""))


def values(array):
    return array.asnumpy() if hasattr(array, "asnumpy") else array.detach().numpy()
