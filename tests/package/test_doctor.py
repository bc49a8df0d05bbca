"""Each state of an installation: its advice, from the doctor and from importing the package."""

import importlib

import numpy
import pytest

import d2l_gru.mxnet._import
from d2l_gru import corpus
from d2l_gru.__main__ import main
from d2l_gru.install import doctor, faults, nvidia

A100, H100 = nvidia.Gpu(0, "A100", (8, 0)), nvidia.Gpu(1, "H100", (9, 0))
B200 = nvidia.Gpu(0, "B200", (10, 0))
CPU_BUILD, GPU_BUILD = {"mxnet": "1.9.1"}, {"mxnet-cu112": "1.9.1"}


def driver(*gpus, cuda=(12, 4)):
    return nvidia.Driver(cuda, [*gpus])


SOUND = {
    "CPU": {"builds": CPU_BUILD},
    "GPU": {"driver": driver(A100)},
    "one GPU of two": {"driver": driver(A100, H100)},
    "GPU hidden": {"driver": driver()},
    "MXNet built by hand": {"builds": {}},
    "GPU not used": {"builds": CPU_BUILD, "driver": driver(A100)},
    "new GPU not used": {"builds": CPU_BUILD, "driver": driver(H100)},
    "no numpy": {"builds": CPU_BUILD, "numpy": None},
    "new GPU, but the CPU chosen": {"driver": driver(H100), "chosen": "cpu"},
}
FAULTS = {
    "no MXNet": {"builds": {}, "files": False},
    "both builds": {"builds": GPU_BUILD | CPU_BUILD},
    "numpy 2": {"builds": CPU_BUILD, "numpy": "2.1.0"},
    "no driver": {},
    "old driver": {"driver": driver(A100, cuda=(10, 2))},
    "no wheels": {"driver": driver(A100), "wheels": ["nvidia-cudnn-cu11==8.9.6.50", "b==1"]},
    "new GPU": {"driver": driver(H100)},
    "new GPUs": {"driver": driver(B200, H100)},
    "no driver, but PyTorch": {"torch": "2.6.0"},
    "PyTorch, but no corpus": {"torch": "2.6.0", "corpus": "/nowhere"},
    "no corpus": {"builds": CPU_BUILD, "corpus": "/nowhere"},
}


@pytest.fixture
def machine(monkeypatch):
    """Make this machine look as a test wants it, and the trial on it come out right."""

    def set_up(builds=GPU_BUILD, driver=None, wheels=(), files=True, chosen="", **more):
        versions = {"numpy": "1.23.5", **more, **builds}
        monkeypatch.setattr(faults, "version_of", versions.get)
        monkeypatch.setattr(nvidia, "find_driver", lambda: driver)
        monkeypatch.setattr(nvidia, "missing_wheels", lambda: list(wheels))
        monkeypatch.setenv("D2L_GRU_DEVICE", chosen)
        monkeypatch.setenv("D2L_GRU_DATA", more.get("corpus", "sample"))
        if not files:
            monkeypatch.setattr(faults.importlib.util, "find_spec", lambda name: None)

    monkeypatch.setattr(doctor, "TRIAL", "print('cpu(0)')")
    monkeypatch.setattr(doctor, "TORCH_TRIAL", "print('the CPU')")
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.11.7")
    monkeypatch.setattr(faults, "NUMPY", "numpy==1.23.5")
    return set_up


@pytest.mark.parametrize("state", [*SOUND, *FAULTS])
def test_the_report_reads_and_importing_says_the_same(machine, capsys, snapshot, state):
    machine(**(SOUND | FAULTS)[state])
    assert main(["doctor"]) == (state in FAULTS)
    assert capsys.readouterr().out == snapshot
    for fault in faults.faults():
        with pytest.raises(ImportError) as caught:
            importlib.reload(d2l_gru.mxnet._import)
        assert str(caught.value) == str(fault)


@pytest.mark.parametrize("state", ["CPU", "no driver"])
def test_the_report_for_programs_reads(machine, capsys, snapshot, state):
    machine(**(SOUND | FAULTS)[state])
    assert main(["doctor", "--json"]) == (state in FAULTS)
    assert capsys.readouterr().out == snapshot


def test_the_versions_are_those_of_this_machine():
    assert faults.version_of("numpy") == numpy.__version__
    assert faults.version_of("d2l_gru_of_another_name") is None


@pytest.mark.parametrize(
    ("code", "trial", "pytorch"),
    [
        ("print('gpu(1)')", ("OK", "a product on gpu(1) is correct"), ("OK", "2.6.0, on H200")),
        ("raise OSError('no GPU')", ("FAULT", "a small product failed: OSError: no GPU"),
         ("note", "2.6.0 cannot be imported: OSError: no GPU")),
        ("import os; os.kill(os.getpid(), 9)",
         ("FAULT", "a small product failed: ended with status -9"),
         ("note", "2.6.0 cannot be imported: ended with status -9")),
        ("import time; time.sleep(60)",
         ("FAULT", "a small product failed: it took more than 0.5 s"),
         ("note", "2.6.0 cannot be imported: it took more than 0.5 s")),
    ],
)  # fmt: skip
def test_a_trial_may_fail_crash_or_hang(machine, monkeypatch, code, trial, pytorch):
    machine(torch="2.6.0")
    monkeypatch.setattr(doctor, "PATIENCE", 0.5 if "sleep" in code else 300)
    monkeypatch.setattr(doctor, "TRIAL", code)
    monkeypatch.setattr(doctor, "TORCH_TRIAL", code.replace("gpu(1)", "H200"))
    mend = "follow the message; in a clone of the book, rm -r .venv && make setup"
    assert doctor._trial() == ("computing", *trial, mend if trial[0] == "FAULT" else None)
    assert doctor._pytorch() == ("PyTorch", *pytorch, None)


@pytest.mark.parametrize(
    ("variables", "product", "said"),
    [
        ({"D2L_GRU_DEVICE": "gpu:7"}, "np.ones", "D2L_GRU_DEVICE is 'gpu:7'"),
        # an optimised Python leaves asserts out
        ({"PYTHONOPTIMIZE": "1"}, "np.zeros", "ArithmeticError: its elements add up to 0.0, not 8"),
    ],
)
def test_the_trial_is_a_product_on_the_device_that_is_chosen(monkeypatch, variables, product, said):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(doctor, "TRIAL", doctor.TRIAL.replace("np.ones", product))
    finding = doctor._trial()
    assert finding.state == "FAULT" and said in finding.says


def test_where_the_text_of_the_book_is(monkeypatch, tmp_path):
    (tmp_path / corpus.FILE).write_bytes(b"The Time Traveller")
    monkeypatch.setattr(corpus, "SHA256", corpus._sha256(tmp_path / corpus.FILE))
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    assert doctor._corpus() == ("corpus", "OK", "The Time Machine (found in D2L_GRU_DATA).", None)

    monkeypatch.delenv("D2L_GRU_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delattr(corpus, "_download")  # to look does not load
    said = "not available yet: it is not in the cache"
    assert doctor._corpus() == ("corpus", "note", said, "python -m d2l_gru.corpus")
    monkeypatch.setattr(corpus, "SAMPLE", tmp_path / "gone")  # no advice to unset what is unset
    assert doctor._corpus()[1::2] == ("FAULT", None)
