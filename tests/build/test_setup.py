"""The set-up: which Python, which lock, and nothing done twice.  No network, no real .venv."""

import os
import re
import subprocess
import sys
import types
from importlib import metadata

import pytest
from tools_of_the_build import ROOT, load

setup = load("setup")


def answers(monkeypatch, known):
    """Let `setup.ask` answer from a dict from a program's name to what it prints."""
    monkeypatch.setattr(setup, "ask", lambda program, *rest: known.get(os.path.basename(program)))


TORCH = f"torch=={setup.TORCH}+cpu"


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Put a program called nvidia-smi, which runs the given shell code, alone on the PATH."""

    def install(code):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{code}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return install


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two empty locks, whose commands are written down instead of run."""
    (tmp_path / "requirements").mkdir()
    for kind in ("cpu", "gpu"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(f"# {kind}\n")
    (tmp_path / "pyproject.toml").write_text("")
    commands = []

    def run(command, expected=0):
        words = [str(word) for word in command]
        commands.append("venv" if "venv" in words else words[-1].replace(f"{tmp_path}/", ""))
        python = tmp_path / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "run", run)
    monkeypatch.setattr(setup, "missing_packages", lambda python, version: [])
    monkeypatch.setattr(setup, "choose_lock", lambda: ("cpu", "for the test"))
    monkeypatch.setattr(setup, "capabilities", lambda: None)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    return tmp_path, commands


def test_an_unsuitable_python_gets_one_clear_line(monkeypatch):
    answers(monkeypatch, {"python3": "3.13", "python3.9": "3.9"})
    with pytest.raises(SystemExit) as error:
        setup.find_python(["/usr/bin/python3", "python3.9", "python3.11"])
    (line,) = str(error.value).splitlines()
    assert "3.10, 3.11, 3.12" in line
    assert "/usr/bin/python3 is 3.13" in line and "python3.9 is 3.9" in line


def test_the_first_suitable_python_is_taken(monkeypatch):
    answers(monkeypatch, {"python3": "3.13", "python3.12": "3.12", "python3.10": "3.10"})
    found = setup.find_python(["python3", "python3.11", "python3.12", "python3.10"])
    assert found == ("python3.12", "3.12")


def test_this_python_is_a_suitable_one():
    version = "{}.{}".format(*sys.version_info)
    assert setup.find_python([sys.executable]) == (sys.executable, version)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("echo 8.6", "gpu", "8.6"),
        ("echo 5.0", "gpu", "5.0"),
        ("echo 9.0", "cpu", "found 9.0"),
        ("echo 3.7", "cpu", "found 3.7"),
        ("echo 9.0; echo 8.0", "gpu", "8.0"),
        ("echo '[N/A]'", "cpu", "[N/A]"),
        ("true", "cpu", "no GPU"),
        ("echo 8.6; exit 9", "cpu", "no GPU"),
    ],
)
def test_the_lock_fits_the_gpu(smi, code, kind, reason):
    smi(code)
    chosen, why = setup.choose_lock()
    assert chosen == kind and reason in why


def test_without_a_driver_the_lock_is_for_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.choose_lock() == ("cpu", "no NVIDIA driver found")


def test_a_second_run_does_nothing(project, capsys):
    root, commands = project
    setup.main()
    assert commands == ["venv", "requirements/cpu.txt", str(root), TORCH]
    assert "MXNet for the CPU: for the test." in capsys.readouterr().out
    commands.clear()
    setup.main()
    assert commands == [] and capsys.readouterr().out == ""


def test_another_lock_is_installed_on_top(project):
    root, commands = project
    setup.main()
    commands.clear()
    (root / "requirements" / "cpu.txt").write_text("# other\n")
    setup.main()
    assert commands == ["requirements/cpu.txt", str(root), TORCH]


@pytest.mark.parametrize("uv_finds_packages", [True, False])
def test_uv_installs_the_lock_and_pip_what_uv_cannot(project, monkeypatch, uv_finds_packages):
    root, commands = project
    pin = "uv==1.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    lock = root / "requirements" / "cpu.txt"
    lock.write_text(f"tqdm==1 \\\n    --hash=sha256:cc\n{pin}uvloop==3 \\\n    --hash=sha256:dd\n")
    programs = []

    def run(command, expected=0, run=setup.run):
        run(command)
        if "-r" in command:
            programs.append((command[2], "--require-hashes" in command))
            if command[2] == "uv" and not uv_finds_packages:
                sys.exit("no packages")

    monkeypatch.setattr(setup, "run", run)
    setup.main()
    again = [] if uv_finds_packages else ["requirements/cpu.txt"]
    first = ["venv", ".venv/uv.txt", "requirements/cpu.txt"]
    assert commands == [*first, *again, str(root), TORCH]
    assert (root / ".venv" / "uv.txt").read_text() == pin
    assert programs == [("pip", True), ("uv", True), *[("pip", True) for _ in again]]


def test_a_driver_that_appears_brings_a_new_environment(project, monkeypatch):
    root, commands = project
    setup.main()
    commands.clear()
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(setup, "choose_lock", lambda: ("gpu", "for the test"))
    setup.main()
    assert commands == ["venv", "requirements/gpu.txt", str(root), TORCH]


def test_a_moved_environment_is_made_anew(project):
    root, commands = project
    setup.main()
    stamp = root / ".venv" / setup.STAMP
    stamp.write_text(stamp.read_text().replace(str(root), "/elsewhere"))
    commands.clear()
    setup.main()
    assert commands[0] == "venv"


def test_another_python_is_taken_where_it_is_asked_for(project):
    root, commands = project
    setup.main()
    stamp = root / ".venv" / setup.STAMP
    stamp.write_text(stamp.read_text().replace("{}.{}".format(*sys.version_info), "3.9"))
    commands.clear()
    setup.main()
    assert commands == []
    setup.main(["--this-python"])
    assert commands[0] == "venv"


def test_an_environment_behind_a_link_is_left_alone(project):
    folder, commands = project
    setup.main()
    (folder / ".venv").rename(folder / "another")
    (folder / ".venv").symlink_to(folder / "another")
    commands.clear()
    (folder / "requirements" / "cpu.txt").write_text("# newer\n")
    with pytest.raises(SystemExit, match=".venv is a link to .*another: remove it"):
        setup.main()
    assert not commands and (folder / "another" / setup.STAMP).exists()


def test_a_half_made_environment_is_made_anew(project, monkeypatch):
    _, commands = project

    def killed(command, expected=0, run=setup.run):
        run(command)
        if expected or "-r" in command:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(setup, "run", killed)
        setup.main()
    commands.clear()
    setup.main()
    assert commands[0] == "venv"


@pytest.mark.parametrize("stamp", ["", "cpu\n", "garbage\n" * 9])
def test_a_damaged_stamp_is_no_stamp(project, stamp):
    root, commands = project
    setup.main()
    commands.clear()
    (root / ".venv" / setup.STAMP).write_text(stamp)
    setup.main()
    assert commands[0] == "venv"


@pytest.fixture
def tried(monkeypatch):
    """The commands that would install PyTorch, none of which succeeds unless it is put into it."""
    commands = []

    def run(command, expected=0):
        words = [str(word) for word in command]
        if any(word.startswith("torch==") for word in words):
            commands.append(words[1:])
            if commands[-1] not in tried.good:
                sys.exit("no such package")

    tried = types.SimpleNamespace(commands=commands, good=[])
    monkeypatch.setattr(setup, "run", run)
    return tried


PIP = ["-m", "pip", "install", "--progress-bar", "off", "--no-deps", TORCH]
UV = ["-m", "uv", "pip", "install", "--python", "python", "--torch-backend"]
UV_CPU = [*UV, "cpu", "--no-deps", f"torch=={setup.TORCH}"]
UV_CUDA = [*UV, "auto", f"torch=={setup.TORCH}"]


@pytest.mark.parametrize(
    ("kind", "found", "ways"),
    [
        ("cpu", None, [PIP, UV_CPU]),
        ("cpu", [], [PIP, UV_CPU]),
        ("cpu", ["3.7"], [PIP, UV_CPU]),
        ("cpu", ["[N/A]"], [PIP, UV_CPU]),
        ("gpu", ["8.6", "9.0"], [PIP, UV_CPU]),
        ("cpu", ["9.0"], [UV_CUDA]),
        ("cpu", ["12.0"], [UV_CUDA]),
    ],
)
def test_pytorch_is_of_the_cpu_but_for_a_gpu_that_mxnet_cannot_use(
    tried, monkeypatch, capsys, kind, found, ways
):
    monkeypatch.setattr(setup, "capabilities", lambda: found)
    assert not setup.install_torch("python", kind)
    assert tried.commands == ways
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and said[1].endswith("make torch")
    assert ("CUDA, some gigabytes" in said[0]) == (ways == [UV_CUDA])
    tried.good = ways[:1]
    tried.commands.clear()
    assert setup.install_torch("python", kind) and tried.commands == ways[:1]
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_locked_uv_knows_where_pytorch_is():
    said = subprocess.run([sys.executable, *UV[:4], "--help"], capture_output=True, text=True)
    words = " ".join(said.stdout.split())
    assert re.search(r"--torch-backend <TORCH_BACKEND> .*?possible values: auto, cpu, ", words)


def test_a_set_up_without_pytorch_is_a_success_and_tries_again_when_asked(
    project, tried, monkeypatch, capsys
):
    root, _ = project
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").touch()
    setup.main()
    assert "make torch\nSet up in" in capsys.readouterr().out and len(tried.commands) == 2
    setup.main()
    assert len(tried.commands) == 2, "nobody waits for it at every make"
    with pytest.raises(SystemExit):
        setup.main(["--torch"])
    assert len(tried.commands) == 4
    tried.good = [PIP]
    setup.main(["--torch"])
    assert len(tried.commands) == 5


def test_another_pytorch_is_installed(project, monkeypatch):
    _, commands = project
    setup.main()
    commands.clear()
    monkeypatch.setattr(setup, "TORCH", "9.9")
    setup.main()
    assert commands[-1] == "torch==9.9+cpu"


def test_locks_hold_what_pytorch_needs_and_not_itself():
    try:
        needs = metadata.requires("torch")
    except metadata.PackageNotFoundError:
        pytest.skip("needs PyTorch, which `make torch` installs")
    names = {re.match(r"[\w-]+", need)[0] for need in needs if "extra ==" not in need}
    for kind in ("cpu", "gpu"):
        lock = (ROOT / "requirements" / f"{kind}.txt").read_text()
        assert [name for name in names if f"\n{name}==" not in lock] == []
        assert "\ntorch==" not in lock


def test_a_failure_ends_with_its_reason_and_no_traceback():
    with pytest.raises(SystemExit, match="ERROR: no such package\n.*run the command again"):
        setup.run([sys.executable, "-c", "print('ERROR: no such package'); exit(1)"])


def test_harmful_variables_do_not_reach_pip(monkeypatch):
    for name in setup.HARMFUL.split():
        monkeypatch.setenv(name, "")
    code = f"import os; exit(any(n in os.environ for n in {setup.HARMFUL.split()}))"
    setup.run([sys.executable, "-c", code])


def test_missing_system_packages_are_named(monkeypatch):
    monkeypatch.setattr(setup, "ask", lambda *command: None)
    monkeypatch.setattr(setup, "LIBRARIES", {"libnowhere.so.9": "libnowhere9"})
    packages = setup.missing_packages("python3.11", "3.11")
    assert packages == ["python3.11-venv", "libnowhere9"]


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_locks_are_exact_and_name_no_host(kind):
    lock = (ROOT / "requirements" / f"{kind}.txt").read_text()
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert len(pins) > 100
    assert [pin for pin in pins if not re.match(r"[\w.-]+==[^\n]+ \\\n +--hash=sha256:", pin)] == []
    assert not re.search(r"://|--(?:extra-)?index|--find-links", lock)
    mxnet = {"cpu": "mxnet==1.9.1", "gpu": "mxnet-cu112==1.9.1"}
    assert [name for name, pin in mxnet.items() if f"\n{pin} " in lock] == [kind]
