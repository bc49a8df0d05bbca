"""The twin package: its names, and life without MXNet, without PyTorch, or with an old one."""

import inspect
import re
import subprocess
import sys

import pytest
from tools_of_the_build import ROOT

import d2l_gru
import d2l_gru.torch as d2l

needs_torch = pytest.mark.usefixtures("torch")
WITHOUT = """if True:
    import sys
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name in {names}:
                raise ModuleNotFoundError(f"No module named {{name!r}}")
    sys.meta_path.insert(0, Missing())
"""


def python(code, *without):
    """Run `code` in a fresh interpreter that lacks some modules."""
    code = WITHOUT.format(names=without) + code
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_every_name_has_its_twin():
    assert set(d2l_gru.__all__) <= set(d2l.__all__)
    ours = set(d2l.__all__) - set(d2l_gru.__all__)
    assert ours == {"CapturedStep", "train_captured", "to_mxnet", "to_torch"}
    with pytest.raises(AttributeError, match=r"'d2l_gru\.torch' has no attribute 'nonsense'"):
        _ = d2l.nonsense
    assert {"__name__", "__all__"} <= set(dir(d2l)) and dir(d2l) == sorted(dir(d2l))


@needs_torch
@pytest.mark.parametrize("name", d2l.__all__)
def test_a_name_is_documented_and_takes_what_mxnet_s_takes(name):
    value = getattr(d2l, name)
    first, *rest = inspect.getdoc(value).splitlines()
    assert first.endswith(".") and (not rest or rest[0] == "") and name in dir(d2l)
    if name in d2l_gru.__all__ and name != "RNNModel":
        other = getattr(d2l_gru, name)
        assert inspect.signature(value).parameters == inspect.signature(other).parameters
    if hasattr(d2l_gru, name) and value.__module__.startswith("d2l_gru.torch"):
        same = getattr(d2l_gru, name).__module__
        assert value.__module__.replace(".torch.", ".mxnet.") == same


@needs_torch
@pytest.mark.parametrize("name", ["CapturedStep", "train_captured", "to_mxnet", "to_torch"])
def test_the_page_on_the_package_has_the_signature(name):
    page = (ROOT / "chapters" / "api.md").read_text()
    written = re.search(rf"py:\w+:: {name}(\(.*\))", page)[1].replace('"', "'")
    parameters = inspect.signature(getattr(d2l, name)).parameters.values()
    bare = [parameter.replace(annotation=parameter.empty) for parameter in parameters]
    assert written == str(inspect.Signature(bare))


@needs_torch
def test_it_trains_and_completes_without_mxnet_and_without_what_only_pages_need():
    code = """    import d2l_gru.torch as d2l
    import torch
    train_iter, vocab = d2l.load_data_time_machine(32, 35)
    model = d2l.RNNModel(torch.nn.GRU(len(vocab), 8), len(vocab))
    d2l.train_captured(model, train_iter, 1, 1, "cpu")
    d2l.train(model, train_iter, 1, 1, "cpu")
    print(len(d2l.predict("time", 5, model, vocab, "cpu")))
    """
    done = python(code, "mxnet", "pooch", "tqdm", "matplotlib", "safetensors", "IPython")
    assert (done.returncode, done.stdout, done.stderr) == (0, "9\n", "")


def test_without_pytorch_the_error_says_what_to_install():
    done = python("    import d2l_gru.torch as d2l\n    d2l.Vocab(['a'])\n    d2l.gru", "torch")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: PyTorch cannot be imported (No module named 'torch')")
    assert "python -m pip install 'torch>=2.6'" in last


def test_mxnet_s_half_needs_no_pytorch():
    done = python("    import d2l_gru as d2l\n    print(d2l.gru.__name__)", "torch")
    assert (done.returncode, done.stdout) == (0, "gru\n"), done.stderr


def test_an_old_pytorch_is_refused():
    code = """    import types
    sys.modules["torch"] = types.SimpleNamespace(__version__="2.5.1+cu121")
    from d2l_gru.torch import gru
    """
    last = python(code).stderr.splitlines()[-1]
    assert "PyTorch 2.5.1+cu121 is too old" in last and "torch>=2.6" in last
