"""The package as a whole: its names, what importing it does, and life without MXNet."""

import inspect
import subprocess
import sys

import pytest

import d2l_gru as d2l


def python(code):
    """Run `code` in a fresh interpreter; return its result."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_names_of_2019_and_of_the_issue_are_there():
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
    assert name in dir(d2l)
    assert value.__name__ == name and value.__module__.startswith("d2l_gru.")


def test_what_a_module_has_anyway_is_in_its_list_too():
    assert {"__name__", "__all__"} <= set(dir(d2l)) and dir(d2l) == sorted(dir(d2l))


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="'d2l_gru' has no attribute 'nonsense'"):
        _ = d2l.nonsense
    with pytest.raises(ImportError, match="nonsense"):
        from d2l_gru import nonsense  # noqa: F401


def test_importing_the_package_loads_no_framework_and_prints_nothing():
    done = python("""if True:
        import sys, d2l_gru
        d2l_gru.Vocab(["a"])
        d2l_gru.tokenize(["a"])
        import d2l_gru.corpus
        print(sorted({"mxnet", "matplotlib", "IPython", "requests"} & set(sys.modules)))
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


USE = "assert float(np.maximum(np.array(3.0), np.array(1.0))) == 3 and mxnet.is_np_array()"
ORDERS = {
    "d2l_gru first": f"import d2l_gru, mxnet; from mxnet import np; {USE}",
    "PyTorch's names first": f"import d2l_gru.torch, mxnet; from mxnet import np; {USE}",
    "MXNet first": f"import mxnet, d2l_gru; from mxnet import np; {USE}",
    "MXNet loaded again": "import d2l_gru, mxnet, importlib; mxnet.npx.reset_np(); "
    f"importlib.reload(mxnet); from mxnet import np; {USE}",
    "d2l_gru loaded again": "import sys, d2l_gru; del sys.modules['d2l_gru._before_mxnet']; "
    f"import d2l_gru._before_mxnet, mxnet; from mxnet import np; {USE}",
    "imported in a thread": "import d2l_gru, threading; "
    "t = threading.Thread(target=lambda: d2l_gru.gru); t.start(); t.join(); "
    f"import mxnet; from mxnet import np; {USE}",
}


@pytest.mark.processes
@pytest.mark.parametrize("order", ORDERS)
def test_mxnet_has_numpy_semantics_whoever_imports_it(order):
    assert (done := python(ORDERS[order])).returncode == 0, done.stderr


@pytest.mark.processes
def test_a_thread_trains_and_completes_as_the_main_thread_does():
    done = python("""if True:
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
            print(len(pool.submit(work).result()), len(work()))
    """)
    assert (done.returncode, done.stdout) == (0, "3 3\n"), done.stderr


def test_importing_the_package_or_looking_for_mxnet_leaves_numpy_alone():
    done = python("""if True:
        import importlib.util, numpy
        before = dict(vars(numpy))
        import d2l_gru.torch
        assert importlib.util.find_spec("mxnet") and importlib.util.find_spec("mxnet_2") is None
        print(vars(numpy) == before)
    """)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


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


NO_MXNET = """if True:
    import sys
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name == "mxnet":
                raise {error}
    sys.meta_path.insert(0, Missing())
    import d2l_gru as d2l
    d2l.Vocab(d2l.tokenize(d2l.read_time_machine()))
"""


@pytest.mark.parametrize("name", ["RNNModel", "gru", "load_data_time_machine", "train", "try_gpu"])
def test_without_mxnet_the_error_says_what_to_install(name):
    error = "ModuleNotFoundError(\"No module named 'mxnet'\")"
    done = python(NO_MXNET.format(error=error) + f"    d2l.{name}")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: MXNet cannot be imported (No module named 'mxnet')")
    assert "pip install" in last and "make setup" in last and "3.10 to 3.12" in last


def test_an_mxnet_without_its_libraries_is_explained_too():
    """As mxnet-cu112 does where there is no NVIDIA driver (FACTS)."""
    error = 'OSError("libcuda.so.1: cannot open shared object file")'
    done = python(NO_MXNET.format(error=error) + "    d2l.RNNModel")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: MXNet cannot be imported (libcuda.so.1: cannot open")


@pytest.mark.processes
def test_a_numpy_without_bool_is_handled():
    done = python("""if True:
        import numpy
        inherited = getattr(numpy, "__getattr__", None)
        def __getattr__(name):
            if name == "bool" or inherited is None:
                raise AttributeError(f"module 'numpy' has no attribute {name!r}")
            return inherited(name)
        vars(numpy).pop("bool", None)
        numpy.__getattr__ = __getattr__
        assert not hasattr(numpy, "bool")
        import d2l_gru
        assert not hasattr(numpy, "bool")
        import mxnet
        assert numpy.bool is bool
        print(mxnet.np.ones(2).sum())
    """)
    assert (done.returncode, done.stdout) == (0, "2.0\n"), done.stderr
