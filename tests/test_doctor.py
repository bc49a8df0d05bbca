"""Each state of an installation: its advice, from the doctor and from importing the package."""

import importlib
import json

import pytest

import d2l_gru._mxnet
from d2l_gru import cuda, doctor, installation
from d2l_gru.__main__ import main

A100, H100 = cuda.Gpu(0, "A100", (8, 0)), cuda.Gpu(1, "H100", (9, 0))
GPU_BUILD, CPU_BUILD = {"mxnet-cu112": "1.9.1"}, {"mxnet": "1.9.1"}
NEW = cuda.Driver((12, 4), [A100])


@pytest.fixture
def machine(monkeypatch):
    """Make this machine look as a test wants it."""

    def set_up(builds, driver=None, wheels=(), numpy="1.23.5"):
        versions = {"numpy": numpy, **builds}
        monkeypatch.setattr(installation, "version_of", versions.get)
        monkeypatch.setattr(cuda, "find_driver", lambda: driver)
        monkeypatch.setattr(cuda, "missing_wheels", lambda: list(wheels))
        if not builds:
            monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: None)

    monkeypatch.delenv("D2L_GRU_DEVICE", raising=False)
    return set_up


FAULTS = {  # the state: (machine, subject, what is said, what mends it)
    "no MXNet": (
        {"builds": {}},
        "MXNet", "MXNet is not installed", "python -m pip install mxnet==1.9.1",
    ),
    "both builds": (
        {"builds": GPU_BUILD | CPU_BUILD},
        "MXNet", "both mxnet and mxnet-cu112", "uninstall -y mxnet mxnet-cu112 && ",
    ),
    "numpy 2": (
        {"builds": CPU_BUILD, "numpy": "2.1.0"},
        "numpy", "this is 2.1.0", f"python -m pip install {installation.NUMPY}",
    ),
    "no driver": (
        {"builds": GPU_BUILD},
        "driver", "libcuda.so.1", "install mxnet==1.9.1",
    ),
    "old driver": (
        {"builds": GPU_BUILD, "driver": cuda.Driver((10, 2), [A100])},
        "driver", "speaks CUDA 10.2", "450.80.02",
    ),
    "no wheels": (
        {"builds": GPU_BUILD, "driver": NEW, "wheels": ["nvidia-cudnn-cu11==8.9.6.50", "b==1"]},
        "CUDA libraries", "2 packages",
        "python -m pip install nvidia-cudnn-cu11==8.9.6.50 b==1",
    ),
    "new GPU": (
        {"builds": GPU_BUILD, "driver": cuda.Driver((12, 4), [H100])},
        "GPU", "none for gpu(1), H100, compute capability 9.0", "D2L_GRU_DEVICE=cpu",
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", FAULTS)
def test_a_fault_has_its_advice_here_and_at_import(machine, capsys, state):
    setting, subject, what, mend = FAULTS[state]
    machine(**setting)
    (fault,) = installation.faults()
    assert fault.subject == subject and what in fault.what and mend in fault.mend

    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert f"FAULT  {subject}: {fault.what}\n       To mend it: {fault.mend}\n" in printed
    assert printed.endswith("Training cannot run until each FAULT is mended.\n")
    assert "computing" not in printed  # nothing is tried that cannot work

    with pytest.raises(ImportError) as caught:
        importlib.reload(d2l_gru._mxnet)
    assert str(caught.value) == str(fault)


def test_each_fault_has_a_text_of_its_own():
    assert len({(what, mend) for _, _, what, mend in FAULTS.values()}) == len(FAULTS)


SOUND = {
    "CPU": {"builds": CPU_BUILD},
    "GPU": {"builds": GPU_BUILD, "driver": NEW},
    "one GPU of two": {"builds": GPU_BUILD, "driver": cuda.Driver((12, 4), [A100, H100])},
    "GPU hidden": {"builds": GPU_BUILD, "driver": cuda.Driver((12, 4), [])},
    "GPU not used": {"builds": CPU_BUILD, "driver": NEW},
    "new GPU not used": {"builds": CPU_BUILD, "driver": cuda.Driver((12, 4), [H100])},
}


@pytest.mark.parametrize("state", SOUND)
def test_a_sound_machine_has_no_fault(machine, state):
    machine(**SOUND[state])
    assert list(installation.faults()) == []
    notes = [part.says for part in doctor._parts() if part.state == doctor.NOTE]
    assert bool(notes) == (state not in ("CPU", "GPU"))
    if state == "one GPU of two":
        assert notes == [f"{H100}; mxnet-cu112 has no code for it"]


def test_a_gpu_that_the_cpu_build_leaves_idle_gets_the_whole_command(machine):
    machine(**SOUND["GPU not used"])
    (note,) = [part for part in doctor._parts() if part.state == doctor.NOTE]
    assert "mxnet-cu112==1.9.1" in note.mend
    assert all(note.mend.count(wheel) == 1 for *_, wheel in cuda.LIBRARIES)


def test_a_new_gpu_is_no_fault_for_those_who_chose_the_cpu(machine, monkeypatch):
    machine(**FAULTS["new GPU"][0])
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    assert list(installation.faults()) == []


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
    assert {"Python", "MXNet", "numpy", "driver", "computing", "corpus", "TeX", "browser"} <= (
        subjects
    )


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


def test_missing_programs_are_notes_with_a_command(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    for finding in (doctor._tex(), doctor._browser()):
        assert finding.state == doctor.NOTE and finding.mend.startswith("sudo apt-get install ")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}")
    assert doctor._tex() == ("TeX", "OK", "/bin/xelatex", None)
    assert doctor._browser() == ("browser", "OK", "/bin/chromium", None)


def test_pytorch_is_optional(monkeypatch):
    monkeypatch.setattr(installation, "version_of", {}.get)
    missing = doctor._pytorch()
    assert missing.state == doctor.NOTE and "pip install 'torch>=2.6'" in missing.mend
    monkeypatch.setattr(installation, "version_of", {"torch": "2.6.0"}.get)
    for out, said in (("", "2.6.0, on the CPU"), ("H200\n", "2.6.0, on H200")):
        answer = doctor.subprocess.CompletedProcess([], 0, out, "")
        monkeypatch.setattr(doctor.subprocess, "run", lambda *_, answer=answer, **__: answer)
        assert doctor._pytorch() == ("PyTorch", "OK", said, None)
    broken = doctor.subprocess.CompletedProcess([], 1, "", "x\nOSError: libcudart.so.13\n")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: broken)
    assert doctor._pytorch()[1:3] == ("note", "2.6.0 cannot be imported: OSError: libcudart.so.13")


def test_a_product_that_hangs_or_crashes_is_a_fault(monkeypatch):
    monkeypatch.setattr(doctor, "TRIAL", "import os; os.kill(os.getpid(), 11)")
    assert doctor._trial()[1:3] == ("FAULT", "a small product failed: ended with status -11")

    def hang(*command, timeout, **options):
        raise doctor.subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(doctor.subprocess, "run", hang)
    assert doctor._trial().state == "FAULT"
