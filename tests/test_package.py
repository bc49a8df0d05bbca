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


@pytest.mark.processes
def test_using_a_model_switches_mxnet_to_numpy_semantics():
    done = python("import d2l_gru as d2l; d2l.gru; from mxnet import npx; print(npx.is_np_array())")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


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
        import mxnet
        assert numpy.bool is bool
        mxnet.npx.set_np()
        print(mxnet.np.ones(2).sum())
    """)
    assert (done.returncode, done.stdout) == (0, "2.0\n"), done.stderr
