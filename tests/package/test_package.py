"""The package as a whole: its names, what importing it does, and life without MXNet."""

import inspect
import subprocess
import sys

import pytest

import d2l_gru as d2l


def python(code):
    """Run `code` in a fresh interpreter; return its result."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_names_of_2019_are_there():
    assert {
        "load_data_time_machine", "read_time_machine", "tokenize", "Vocab", "try_gpu",
        "seq_data_iter_consecutive", "seq_data_iter_random", "get_params", "init_gru_state", "gru",
        "RNNModelScratch", "RNNModel", "train", "train_ch8", "grad_clipping", "perplexity", "sgd",
        "History", "predict", "predict_ch8", "PerplexityCurve", "use_svg_display",
    } <= set(d2l.__all__)  # fmt: skip


@pytest.mark.parametrize("name", d2l.__all__)
def test_a_public_name_resolves_and_is_documented(name):
    value = getattr(d2l, name)
    first, *rest = inspect.getdoc(value).splitlines()
    assert first.endswith(".") and (not rest or rest[0] == "")
    assert value.__name__ == name and value.__module__.startswith("d2l_gru.")


def test_the_module_lists_its_names_and_no_other():
    assert {"__name__", "__all__", *d2l.__all__} <= set(dir(d2l)) and dir(d2l) == sorted(dir(d2l))
    with pytest.raises(AttributeError, match="'d2l_gru' has no attribute 'nonsense'"):
        _ = d2l.nonsense
    with pytest.raises(ImportError, match="nonsense"):
        from d2l_gru import nonsense  # noqa: F401


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
    "d2l_gru first": f"import d2l_gru, mxnet; from mxnet import np; {USE}",
    "PyTorch's names first": f"import d2l_gru.torch, mxnet; from mxnet import np; {USE}",
    "MXNet first": f"import mxnet, d2l_gru; from mxnet import np; {USE}",
    "MXNet loaded again": "import d2l_gru, mxnet, importlib; mxnet.npx.reset_np(); "
    f"importlib.reload(mxnet); from mxnet import np; {USE}",
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
def test_mxnet_has_numpy_semantics_whoever_imports_it(order):
    assert (done := python(ORDERS[order])).returncode == 0, done.stderr


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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError, "No module named 'mxnet'"),
        # As mxnet-cu112 does where there is no NVIDIA driver.
        (OSError, "libcuda.so.1: cannot open shared object file"),
    ],
)
def test_without_mxnet_the_error_says_what_to_install(error, said):
    done = python(f"""if True:
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name == "mxnet":
                    raise {error.__name__}({said!r})
        sys.meta_path.insert(0, Missing())
        import d2l_gru as d2l
        d2l.Vocab(d2l.tokenize(d2l.read_time_machine()))
        for name in ("RNNModel", "gru", "load_data_time_machine", "train", "try_gpu"):
            try:
                getattr(d2l, name)
            except ImportError as error:
                print(error)
    """)
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and len(set(lines)) == 1, done.stderr
    assert lines[0].startswith(f"MXNet cannot be imported ({said})")
    assert all(part in lines[0] for part in ("pip install", "make setup", "3.10 to 3.12"))
