"""The package as a whole: its names, its rooms, what importing it does, and life without a part."""

import ast
import importlib
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools_of_the_build import ROOT

import d2l_gru
import d2l_gru.torch
from d2l_gru import _moved

PACKAGE = Path(d2l_gru.__file__).parent
ONLY_TORCH = {"CapturedStep", "train_captured", "to_mxnet", "to_torch"}
MISSING = """if True:
    import sys
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name in {names}:
                raise {error}
    sys.meta_path.insert(0, Missing())
"""


def python(code, *without, error="ModuleNotFoundError(f'No module named {name!r}')"):
    """Run `code` in a fresh interpreter that lacks some modules."""
    code = f"{MISSING.format(names=without, error=error)}\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


# Names.


def test_every_name_has_its_twin():
    assert {*d2l_gru.torch.__all__} == {*d2l_gru.__all__} | ONLY_TORCH


def test_a_module_lists_its_names_which_are_documented_and_no_other(framework):
    d2l = framework.d2l
    for name in d2l.__all__:
        value = getattr(d2l, name)
        first, *rest = inspect.getdoc(value).splitlines()
        assert first.endswith(".") and (not rest or rest[0] == ""), name
        assert value.__name__ == name and value.__module__.startswith("d2l_gru.")
    assert {"__name__", "__all__", *d2l.__all__} <= set(dir(d2l)) and dir(d2l) == sorted(dir(d2l))
    with pytest.raises(AttributeError, match=f"'{d2l.__name__}' has no attribute 'nonsense'"):
        _ = d2l.nonsense
    with pytest.raises(ImportError, match="nonsense"):
        exec(f"from {d2l.__name__} import nonsense")


def test_a_twin_takes_what_mxnet_s_takes_and_the_page_has_what_is_pytorch_s_alone(torch):
    page = (ROOT / "chapters" / "api.md").read_text()
    for name in d2l_gru.torch.__all__:
        value = getattr(d2l_gru.torch, name)
        parameters = inspect.signature(value).parameters
        if name in ONLY_TORCH:
            written = re.search(rf"py:\w+:: {name}(\(.*\))", page)[1].replace('"', "'")
            bare = [
                parameter.replace(annotation=inspect.Parameter.empty)
                for parameter in parameters.values()
            ]
            assert written == str(inspect.Signature(bare))
            continue
        other = getattr(d2l_gru, name)
        assert name == "RNNModel" or parameters == inspect.signature(other).parameters
        if value.__module__.startswith("d2l_gru.torch"):
            assert value.__module__.replace(".torch.", ".mxnet.") == other.__module__


# Rooms.  `shared` is what lies in the package itself.  Only `torch.convert` knows both frameworks;
# a run names its framework to `runs.backends`, which imports it when it is chosen.

DRAWING = """
shared   -> install shared
mxnet    -> install mxnet shared
torch    -> shared torch
convert  -> d2l_gru mxnet torch
runs     -> cluster runs shared
cluster  -> cluster mxnet shared
install  -> install shared
__main__ -> cluster install runs
"""


def room(module):
    first, *rest = module.split(".")[1:] or ["d2l_gru"]
    if first in ("d2l_gru", "__main__") or "convert" in rest:
        return (rest or [first])[0]
    return first if (PACKAGE / first).is_dir() else "shared"


def test_rooms_import_as_they_are_drawn():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("d2l_gru", *path.relative_to(PACKAGE).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())) if path.stem != "__init__" else ():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                modules = [start + alias.name for alias in node.names]
                assert not {"book", "chapters", "tools"} & {m.split(".")[0] for m in modules}
                ours = {room(module) for module in modules if module.startswith("d2l_gru")}
                found.setdefault(room(name), set()).update(ours)
    drawn = dict(line.split("->") for line in DRAWING.strip().splitlines())
    assert found == {who.strip(): set(whom.split()) for who, whom in drawn.items()}


def test_a_module_and_its_names_are_found_by_its_old_name(torch):
    for names in _moved.MOVED.items():
        before, now = (importlib.import_module(f"d2l_gru.{name}") for name in names)
        assert before is now and now.__spec__.name == now.__name__ == f"d2l_gru.{names[1]}"
    import d2l_gru.run
    import d2l_gru.scratch

    from d2l_gru import data

    assert d2l_gru.scratch.gru is d2l_gru.gru and data.Vocab is d2l_gru.Vocab
    assert d2l_gru.run.Run.__module__ == "d2l_gru.runs.run"
    for name in ("Setting", "load_model", "read_checkpoint", "read_text"):
        assert callable(getattr(d2l_gru.run, name))
    assert pickle.loads(b"cd2l_gru.data\nVocab\n.") is d2l_gru.Vocab  # as in an older pickle
    with pytest.raises(ModuleNotFoundError, match="d2l_gru.nonsense"):
        importlib.import_module("d2l_gru.nonsense")


# Importing.


def test_importing_the_package_loads_no_framework_prints_nothing_and_leaves_numpy_alone():
    done = python("""if True:
        import importlib.util, sys, numpy
        before = dict(vars(numpy))
        import d2l_gru.torch, d2l_gru as d2l
        d2l.Vocab(["a"])
        d2l.tokenize(["a"])
        import d2l_gru.corpus
        print(sorted({"mxnet", "torch", "matplotlib", "IPython", "requests"} & set(sys.modules)))
        assert importlib.util.find_spec("mxnet") and importlib.util.find_spec("mxnet_2") is None
        assert vars(numpy) == before
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


USE = "assert float(np.maximum(np.array(3.0), np.array(1.0))) == 3 and mxnet.is_np_array()"
ORDERS = {
    "PyTorch's names first": f"import d2l_gru.torch, mxnet; from mxnet import np; {USE}",
    "MXNet first": f"import mxnet, d2l_gru; from mxnet import np; {USE}",
    "d2l_gru first, MXNet loaded again": f"import d2l_gru, mxnet; from mxnet import np; {USE}; "
    "import importlib; mxnet.npx.reset_np(); importlib.reload(mxnet); "
    f"from mxnet import np; {USE}; d2l_gru.gru",
    "d2l_gru loaded again": "import sys, d2l_gru; del sys.modules['d2l_gru._mxnet_import_hook']; "
    f"import d2l_gru._mxnet_import_hook, mxnet; from mxnet import np; {USE}",
    "imported in a thread": "import d2l_gru, threading; "
    "t = threading.Thread(target=lambda: d2l_gru.gru); t.start(); t.join(); "
    f"import mxnet; from mxnet import np; {USE}",
    "a numpy without bool": """if True:
        import numpy
        inherited = getattr(numpy, "__getattr__", None)
        def __getattr__(name):
            if name == "bool" or inherited is None:
                raise AttributeError(f"module 'numpy' has no attribute {name!r}")
            return inherited(name)
        vars(numpy).pop("bool", None)
        numpy.__getattr__ = __getattr__
        import d2l_gru
        assert not hasattr(numpy, "bool")
        import mxnet
        assert numpy.bool is bool and float(mxnet.np.ones(2).sum()) == 2
    """,
    "training in a thread": """if True:
        from concurrent.futures import ThreadPoolExecutor
        import d2l_gru as d2l
        from mxnet import cpu
        from mxnet.gluon import rnn
        def work():
            loader, vocab = d2l.SeqDataLoader([1, 2] * 9, 2, 3), d2l.Vocab(["a", "b"])
            model = d2l.RNNModel(rnn.GRU(4), len(vocab))
            d2l.train(model, loader, 1, 1, cpu())
            return d2l.predict("a", 2, model, vocab, cpu())
        with ThreadPoolExecutor(1) as pool:
            assert len(pool.submit(work).result()) == len(work()) == 3
    """,
}


@pytest.mark.parametrize("order", ORDERS)
def test_mxnet_has_numpy_semantics_whoever_imports_it_and_needs_no_pytorch(order):
    assert (done := python(ORDERS[order], "torch")).returncode == 0, done.stderr


@pytest.mark.parametrize("file", [None, "__init__.py"])
def test_another_module_of_that_name_is_imported_as_it_is(tmp_path, file):
    (tmp_path / "mxnet").mkdir()
    if file:
        (tmp_path / "mxnet" / file).touch()
    done = python(f"""if True:
        import numpy, sys, d2l_gru
        sys.path[:] = [{str(tmp_path)!r}, *(p for p in sys.path if "site-packages" not in p)]
        import mxnet
        print(*mxnet.__path__)
    """)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'mxnet'}\n"), done.stderr


def test_pytorch_s_half_needs_no_mxnet_and_nothing_that_only_pages_need(torch):
    code = """if True:
        import d2l_gru.torch as d2l
        import torch
        train_iter, vocab = d2l.load_data_time_machine(32, 35)
        model = d2l.RNNModel(torch.nn.GRU(len(vocab), 8), len(vocab))
        d2l.train_captured(model, train_iter, 1, 1, "cpu")
        d2l.train(model, train_iter, 1, 1, "cpu")
        print(len(d2l.predict("time", 5, model, vocab, "cpu")))
    """
    done = python(code, "mxnet", "pooch", "tqdm", "matplotlib", "safetensors", "IPython")
    assert (done.returncode, done.stdout, done.stderr) == (0, "9\n", "")


NO_MXNET = ("pip install", "make setup", "3.10 to 3.12")
NO_TORCH = ("python -m pip install 'torch>=2.6'",)
NOT_FOUND = "ModuleNotFoundError(\"No module named '{}'\")"
NO_DRIVER = "libcuda.so.1: cannot open shared object file"  # as mxnet-cu112 says without one


@pytest.mark.parametrize(
    ("module", "error", "said"),
    [
        ("mxnet", NOT_FOUND, ["MXNet cannot be imported (No module named 'mxnet')", *NO_MXNET]),
        (
            "mxnet",
            f"OSError({NO_DRIVER!r})",
            [f"MXNet cannot be imported ({NO_DRIVER})", *NO_MXNET],
        ),
        ("torch", NOT_FOUND, ["PyTorch cannot be imported (No module named 'torch')", *NO_TORCH]),
        ("torch", None, ["PyTorch 2.5.1+cu121 is too old", "torch>=2.6"]),
    ],
)
def test_without_a_framework_or_with_an_old_one_the_error_says_what_to_install(module, error, said):
    old = "import types; sys.modules['torch'] = types.SimpleNamespace(__version__='2.5.1+cu121')"
    code = f"""if True:
        import {"d2l_gru" if module == "mxnet" else "d2l_gru.torch"} as d2l
        d2l.Vocab(d2l.tokenize(d2l.read_time_machine()))
        {"" if error else old}
        for name in ("RNNModel", "gru", "load_data_time_machine", "train", "try_gpu"):
            try:
                getattr(d2l, name)
            except ImportError as error:
                print(error)
    """
    without = [module] if error else []
    done = python(code, *without, error=(error or "").format(module) or "None")
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and len(set(lines)) == 1, done.stderr
    assert lines[0].startswith(said[0]) and all(part in lines[0] for part in said)
