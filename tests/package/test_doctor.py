"""Each state of an installation: its advice, from the doctor and from importing the package."""

import importlib
import json

import numpy
import pytest

import d2l_gru.mxnet._import
from d2l_gru import corpus
from d2l_gru.__main__ import main
from d2l_gru.install import doctor, faults, nvidia

A100, H100 = nvidia.Gpu(0, "A100", (8, 0)), nvidia.Gpu(1, "H100", (9, 0))
B200 = nvidia.Gpu(0, "B200", (10, 0))
GPU_BUILD, CPU_BUILD = {"mxnet-cu112": "1.9.1"}, {"mxnet": "1.9.1"}
NEW = nvidia.Driver((12, 4), [A100])


@pytest.fixture
def machine(monkeypatch):
    """Make this machine look as a test wants it."""

    def set_up(builds, driver=None, wheels=(), numpy="1.23.5", files=True):
        versions = {"numpy": numpy, **builds}
        monkeypatch.setattr(faults, "version_of", versions.get)
        monkeypatch.setattr(nvidia, "find_driver", lambda: driver)
        monkeypatch.setattr(nvidia, "missing_wheels", lambda: list(wheels))
        if not files:
            monkeypatch.setattr(faults.importlib.util, "find_spec", lambda name: None)

    monkeypatch.delenv("D2L_GRU_DEVICE", raising=False)
    return set_up


FAULTS = {  # the state: (machine, subject, what is said, what mends it)
    "no MXNet": (
        {"builds": {}, "files": False},
        "MXNet", "MXNet is not installed", "python -m pip install mxnet==1.9.1",
    ),
    "both builds": (
        {"builds": GPU_BUILD | CPU_BUILD},
        "MXNet", "both mxnet and mxnet-cu112", "uninstall -y mxnet mxnet-cu112 && ",
    ),
    "numpy 2": (
        {"builds": CPU_BUILD, "numpy": "2.1.0"},
        "numpy", "this is 2.1.0", f"python -m pip install {faults.NUMPY}",
    ),
    "no driver": (
        {"builds": GPU_BUILD},
        "driver", "libcuda.so.1", "install mxnet==1.9.1",
    ),
    "old driver": (
        {"builds": GPU_BUILD, "driver": nvidia.Driver((10, 2), [A100])},
        "driver", "speaks CUDA 10.2", "450.80.02",
    ),
    "no wheels": (
        {"builds": GPU_BUILD, "driver": NEW, "wheels": ["nvidia-cudnn-cu11==8.9.6.50", "b==1"]},
        "CUDA libraries", "2 packages",
        "python -m pip install nvidia-cudnn-cu11==8.9.6.50 b==1",
    ),
    "new GPU": (
        {"builds": GPU_BUILD, "driver": nvidia.Driver((12, 4), [H100])},
        "GPU", "none for gpu(1), H100, compute capability 9.0", "D2L_GRU_DEVICE=cpu",
    ),
    "new GPUs": (
        {"builds": GPU_BUILD, "driver": nvidia.Driver((12, 4), [B200, H100])},
        "GPU", "none for gpu(0), B200, compute capability 10.0; gpu(1)", "D2L_GRU_DEVICE=cpu",
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", FAULTS)
def test_a_fault_has_its_advice_here_and_at_import(machine, capsys, state):
    setting, subject, what, mend = FAULTS[state]
    machine(**setting)
    (fault,) = faults.faults()
    assert fault.subject == subject and what in fault.what and mend in fault.mend

    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert f"FAULT  {subject}: {fault.what}\n       To mend it: {fault.mend}\n" in printed
    assert printed.endswith("Training cannot run until each FAULT is mended.\n")
    assert "computing" not in printed  # nothing is tried that cannot work

    with pytest.raises(ImportError) as caught:
        importlib.reload(d2l_gru.mxnet._import)
    assert str(caught.value) == str(fault)


def test_each_fault_has_a_text_of_its_own():
    assert len({(what, mend) for _, _, what, mend in FAULTS.values()}) == len(FAULTS)


SOUND = {
    "CPU": {"builds": CPU_BUILD},
    "GPU": {"builds": GPU_BUILD, "driver": NEW},
    "one GPU of two": {"builds": GPU_BUILD, "driver": nvidia.Driver((12, 4), [A100, H100])},
    "GPU hidden": {"builds": GPU_BUILD, "driver": nvidia.Driver((12, 4), [])},
    "MXNet built by hand": {"builds": {}},
    "GPU not used": {"builds": CPU_BUILD, "driver": NEW},
    "new GPU not used": {"builds": CPU_BUILD, "driver": nvidia.Driver((12, 4), [H100])},
}


@pytest.mark.parametrize("state", SOUND)
def test_a_sound_machine_has_no_fault(machine, state):
    machine(**SOUND[state])
    assert list(faults.faults()) == []
    notes = [part.says for part in doctor._parts() if part.state == doctor.NOTE]
    assert bool(notes) == (state not in ("CPU", "GPU", "MXNet built by hand"))
    if state == "one GPU of two":
        assert notes == [f"{H100}; mxnet-cu112 has no code for it"]


@pytest.fixture
def steady(monkeypatch):
    """Let the trial come out right, and what hangs on this machine be the same everywhere."""
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    monkeypatch.setattr(doctor, "TRIAL", "print('cpu(0)')")
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.11.7")
    monkeypatch.setattr(faults, "NUMPY", "numpy==1.23.5")


@pytest.mark.parametrize("state", [*SOUND, *FAULTS])
def test_the_report_reads(machine, steady, capsys, snapshot, state):
    machine(**SOUND.get(state) or FAULTS[state][0])
    assert main(["doctor"]) == (state in FAULTS)
    assert capsys.readouterr().out == snapshot


@pytest.mark.parametrize("state", ["CPU", "no driver"])
def test_the_report_for_programs_reads(machine, steady, capsys, snapshot, state):
    machine(**SOUND.get(state) or FAULTS[state][0])
    assert main(["doctor", "--json"]) == (state in FAULTS)
    assert capsys.readouterr().out == snapshot


def test_the_versions_are_those_of_this_machine():
    assert faults.version_of("numpy") == numpy.__version__
    assert faults.version_of("d2l_gru_of_another_name") is None


@pytest.mark.parametrize("gone", [{"files": False}, {"numpy": None}])
def test_what_has_no_command_of_its_own_is_left_to_the_trial(machine, gone):
    machine(CPU_BUILD, **gone)
    assert list(faults.faults()) == []
    assert None not in [part.says for part in doctor._parts()]


def test_a_gpu_that_the_cpu_build_leaves_idle_gets_the_whole_command(machine):
    machine(**SOUND["GPU not used"])
    (note,) = [part for part in doctor._parts() if part.state == doctor.NOTE]
    assert "mxnet-cu112==1.9.1" in note.mend
    assert all(note.mend.count(wheel) == 1 for *_, wheel in nvidia.LIBRARIES)


def test_a_new_gpu_is_no_fault_for_those_who_chose_the_cpu(machine, monkeypatch):
    machine(**FAULTS["new GPU"][0])
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    assert list(faults.faults()) == []


@pytest.mark.processes
def test_this_machine_can_train_and_json_says_the_same(capsys):
    assert main(["doctor"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True and lines.pop() == "Training can run."
    rows = [f"{row['state']:5}  {row['subject']}: {row['says']}" for row in report["findings"]]
    assert rows == lines
    subjects = {row["subject"] for row in report["findings"]}
    assert {"Python", "MXNet", "numpy", "driver", "computing", "corpus"} <= subjects


@pytest.mark.processes
def test_a_bad_corpus_is_a_fault(monkeypatch, capsys):
    monkeypatch.setenv("D2L_GRU_DATA", "/nowhere")
    assert main(["doctor"]) == 1
    assert "FAULT  corpus: D2L_GRU_DATA is '/nowhere'" in capsys.readouterr().out


@pytest.mark.processes
def test_a_device_that_is_not_there_is_a_fault(monkeypatch, capsys):
    monkeypatch.setenv("D2L_GRU_DEVICE", "gpu:7")
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "FAULT  computing" in printed and "D2L_GRU_DEVICE is 'gpu:7'" in printed


@pytest.mark.parametrize(
    ("module", "state", "said"),
    [
        ("def is_available(): return False", "OK", "2.6.0, on the CPU"),
        ("def is_available(): return True\ndef get_device_name(): return 'H200'",
         "OK", "2.6.0, on H200"),
        ("raise OSError('libcudart.so.13')",
         "note", "2.6.0 cannot be imported: OSError: libcudart.so.13"),
        ("import os; os._exit(3)", "note", "2.6.0 cannot be imported: ended with status 3"),
    ],
)  # fmt: skip
def test_pytorch_says_what_it_computes_on(monkeypatch, tmp_path, module, state, said):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("from torch import cuda")
    (tmp_path / "torch/cuda.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(faults, "version_of", {"torch": "2.6.0"}.get)
    assert doctor._pytorch() == ("PyTorch", state, said, None)


MEND = "follow what the message says; in a clone of the book, rm -r .venv && make setup"


@pytest.mark.parametrize(
    ("trial", "finding"),
    [
        ("print('gpu(1)')", ("OK", "a product on gpu(1) came out right", None)),
        ("raise OSError('no GPU')", ("FAULT", "a small product failed: OSError: no GPU", MEND)),
        ("import os; os.kill(os.getpid(), 11)",
         ("FAULT", "a small product failed: ended with status -11", MEND)),
    ],
)  # fmt: skip
def test_the_trial_says_how_a_product_came_out(monkeypatch, trial, finding):
    monkeypatch.setattr(doctor, "TRIAL", trial)
    assert doctor._trial() == ("computing", *finding)


def test_a_process_that_hangs_does_not_hang_the_doctor(monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.1)
    for name in ("TRIAL", "TORCH_TRIAL"):
        monkeypatch.setattr(doctor, name, "import time; time.sleep(60)")
    monkeypatch.setattr(faults, "version_of", {"torch": "2.6.0"}.get)
    said = "it took more than 0.1 s"
    assert doctor._trial() == ("computing", "FAULT", f"a small product failed: {said}", MEND)
    assert doctor._pytorch() == ("PyTorch", "note", f"2.6.0 cannot be imported: {said}", None)


@pytest.mark.processes
def test_a_wrong_product_is_a_fault_for_an_optimised_python_too(monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")  # leaves asserts out
    monkeypatch.setattr(doctor, "TRIAL", doctor.TRIAL.replace("np.ones", "np.zeros"))
    said = "a small product failed: ArithmeticError: its elements add up to 0.0, not 8"
    assert doctor._trial() == ("computing", "FAULT", said, MEND)


def test_where_the_text_of_the_book_is(monkeypatch, tmp_path):
    monkeypatch.setenv("D2L_GRU_DATA", "/nowhere")
    *finding, mend = doctor._corpus()
    assert finding[:2] == ["corpus", "FAULT"] and mend == "unset D2L_GRU_DATA"
    assert finding[2].startswith("D2L_GRU_DATA is '/nowhere', but /nowhere/timemachine.txt does ")

    (tmp_path / corpus.FILE).write_bytes(b"The Time Traveller")
    monkeypatch.setattr(corpus, "SHA256", corpus._sha256(tmp_path / corpus.FILE))
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    assert doctor._corpus() == ("corpus", "OK", "The Time Machine (found in D2L_GRU_DATA).", None)

    monkeypatch.delenv("D2L_GRU_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(corpus, "SAMPLE", tmp_path / "gone")  # no advice to unset what is unset
    assert doctor._corpus()[1::2] == ("FAULT", None)
    monkeypatch.undo()
    monkeypatch.delenv("D2L_GRU_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delattr(corpus, "_download")  # to look does not load
    said = "not here yet: it is not in the cache"
    assert doctor._corpus() == ("corpus", "note", said, "python -m d2l_gru.corpus")


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("OK", "note", "OK"), "Training can run."),
        (
            ("FAULT", "OK", "note"),
            "Training with MXNet cannot run until each FAULT is mended; with",
        ),
        (("FAULT", "note", "OK"), "Training cannot run until each FAULT is mended."),
        (("FAULT", "OK", "FAULT"), "Training cannot run until each FAULT is mended."),
        (("OK", "OK", "FAULT"), "Training cannot run until each FAULT is mended."),
    ],
)
def test_what_can_train_is_said_last(monkeypatch, capsys, states, said):
    subjects = ("MXNet", "PyTorch", "corpus")
    found = [doctor.Finding(*each, "") for each in zip(subjects, states, strict=True)]
    monkeypatch.setattr(doctor, "examine", lambda: found)
    assert main(["doctor"]) == int("FAULT" in states)
    assert capsys.readouterr().out.splitlines()[-1].startswith(said)
