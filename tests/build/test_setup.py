"""The set-up: which Python, which lock, and nothing done twice.  No network, no real .venv."""

import os
import re
import subprocess
import sys
from importlib import metadata
from unittest import mock

import pytest
from tools_of_the_build import ROOT

from tools import debian, setup

VERSION = "{}.{}".format(*sys.version_info)
TORCH = f"torch=={setup.TORCH}+cpu"
LOCK = "requirements/cpu.txt"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two locks, whose commands are written down and make a Python at most."""
    (tmp_path / "requirements").mkdir()
    for kind in ("cpu", "gpu"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(f"# {kind}\n")
    (tmp_path / "pyproject.toml").write_text("")
    venv, commands = tmp_path / ".venv", []

    def run(*ways, why=""):
        words = [str(word).replace(f"{tmp_path}/", "") for word in ways[0]]
        commands.append("venv" if "venv" in words else words[-1])
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").touch()

    locks = {kind: tmp_path / "requirements" / f"{kind}.txt" for kind in ("cpu", "gpu")}
    new = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python", "LOCKS": locks}
    new |= {"STAMP": venv / ".d2l_gru", "run": run, "capabilities": lambda: []}
    new |= {"missing_packages": lambda python, version: []}
    for name, value in new.items():
        monkeypatch.setattr(setup, name, value)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    return tmp_path, commands


def test_the_first_suitable_python_is_taken_or_all_are_named(monkeypatch):
    known = {"/a/python3": "3.13", "python3.9": "3.9", "python3.12": "3.12", "python3.10": "3.10"}
    monkeypatch.setattr(setup, "ask", lambda program, *rest: known.get(program))
    found = setup.find_python(["/a/python3", "python3.11", "python3.12", "python3.10"])
    assert found == ("python3.12", "3.12")
    said = "needs Python 3.10, 3.11, 3.12; found /a/python3 is 3.13, python3.9 is 3.9. Install one"
    with pytest.raises(SystemExit, match=said):
        setup.find_python(["/a/python3", "python3.9", "python3.11"])


@pytest.mark.parametrize(
    ("code", "found"),
    [("echo 8.6; echo 9", [8.6, 9]), ("echo '[N/A]'", []), ("echo 8.6; exit 9", []), (None, [])],
)
def test_the_driver_says_what_gpus_there_are(tmp_path, monkeypatch, code, found):
    monkeypatch.setenv("PATH", str(tmp_path))
    if code:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    assert setup.capabilities() == found


def test_a_set_up_is_made_once_and_again_where_something_changed(project, monkeypatch, capsys):
    root, commands = project

    def runs(*arguments):
        commands.clear()
        setup.main(arguments)
        return commands

    assert runs() == ["venv", LOCK, str(root), TORCH] and "Set up in" in capsys.readouterr().out
    assert runs() == runs("--this-python") == [] and capsys.readouterr().out == ""
    (root / LOCK).write_text("# other\n")
    assert runs() == [LOCK, str(root), TORCH], "on top"
    for changed in (VERSION, str(root)):  # another Python, and a folder that was moved
        setup.STAMP.write_text(setup.STAMP.read_text().replace(changed, "/elsewhere"))
        assert runs("--this-python")[0] == "venv"
    for stamp in ("", "cpu\n", "garbage\n" * 9):
        setup.STAMP.write_text(stamp)
        assert runs()[0] == "venv"
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/usr/bin/{name}")  # a driver
    for found, kind in (([8.0], "gpu"), ([9.0, 5.0], "gpu"), ([9.0], "cpu"), ([3.7], "cpu")):
        monkeypatch.setattr(setup, "capabilities", lambda found=found: found)
        setup.STAMP.write_text("")
        assert f"requirements/{kind}.txt" in runs()


def test_an_interrupted_set_up_begins_again(project, monkeypatch):
    setup.main()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(setup, "TORCH", "9.9")
        patch.setattr(setup, "install_torch", mock.Mock(side_effect=KeyboardInterrupt))
        setup.main()
    project[1].clear()
    setup.main()
    assert project[1][0] == "venv" and project[1][-1] == TORCH


def test_an_environment_behind_a_link_is_left_alone(project):
    root, commands = project
    (root / "another").mkdir()
    (root / ".venv").symlink_to(root / "another")
    with pytest.raises(SystemExit, match=r".venv is a link to .*another: remove it"):
        setup.main()
    assert not commands


@pytest.mark.parametrize(
    ("found", "backends"),
    [([], [None, "cpu"]), ([3.7], [None, "cpu"]), ([8.6, 9], [None, "cpu"]), ([12], ["auto"])],
)
def test_pytorch_is_of_the_cpu_but_for_a_gpu_that_mxnet_cannot_use(
    project, monkeypatch, capsys, found, backends
):
    """Where it cannot be had, the set-up is a success, and tries again when asked."""
    tried = []

    def run(*ways, run=setup.run, **options):
        run(*ways)
        if any(str(word).startswith("torch==") for word in ways[0]):
            found = [[w for w in way if w in ("cpu", "auto")] for way in ways]
            tried.extend(backend[0] if backend else None for backend in found)
            sys.exit(options["why"])

    monkeypatch.setattr(setup, "run", run)
    monkeypatch.setattr(setup, "capabilities", lambda: found)
    setup.main()
    assert tried == backends and "try it later: make torch\nSet up" in capsys.readouterr().out
    setup.main()
    assert tried == backends, "nobody waits for it at every make"
    with pytest.raises(SystemExit):
        setup.main(["--torch"])
    assert tried == backends * 2


def test_the_locked_uv_knows_where_pytorch_is():
    command = [sys.executable, "-m", "uv", "pip", "install", "--help"]
    words = " ".join(subprocess.run(command, capture_output=True, text=True).stdout.split())
    assert re.search(r"--torch-backend <TORCH_BACKEND> .*?possible values: auto, cpu, ", words)


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_locks_hold_one_mxnet_what_pytorch_needs_and_no_host(kind, torch):
    lock = (ROOT / "requirements" / f"{kind}.txt").read_text()
    needs = [need for need in metadata.requires("torch") if "extra ==" not in need]
    names = {re.match(r"[\w-]+", need)[0] for need in needs}
    assert [name for name in names if f"\n{name}==" not in lock] == []
    assert not re.search(r"\ntorch==|://|--(?:extra-)?index|--find-links", lock)
    mxnet = {"cpu": "mxnet==1.9.1", "gpu": "mxnet-cu112==1.9.1"}
    assert [name for name, pin in mxnet.items() if f"\n{pin} " in lock] == [kind]


def test_the_first_command_that_works_is_the_last_and_a_failure_ends_with_its_reason(tmp_path):
    python = sys.executable, "-c"
    fails, works = (*python, "print('ERROR: no'); exit(1)"), (*python, "open('here', 'x')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setup, "ROOT", tmp_path)
        setup.run(fails, works, works)
        with pytest.raises(SystemExit, match=r"^ERROR: no\nSetting.*run the command again"):
            setup.run(works, fails)


def test_missing_system_packages_are_named(monkeypatch):
    monkeypatch.setattr(setup, "ask", lambda *command: None)
    monkeypatch.setattr(setup, "LIBRARIES", {"libnowhere.so.9": "libnowhere9"})
    packages = setup.missing_packages("python3.11", "3.11")
    assert packages == ["python3.11-venv", "libnowhere9"]


# Debian packages


@pytest.fixture
def apt(monkeypatch):
    """Write apt-get's commands down; a package in `bad` fails, and what comes with it."""
    commands, bad = [], set()

    def ask(*command):
        commands.append(command)
        return None if bad & {*command} else ""

    monkeypatch.setattr(debian, "ask", ask)
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(debian.shutil, "which", lambda name: "/usr/bin/apt-get")
    return commands, bad


def test_packages_are_named_and_one_that_fails_takes_nothing_with_it(apt, capsys):
    commands, bad = apt
    assert debian.install(["latexmk", "chromium"]) == []
    assert capsys.readouterr().out == "Installing with apt-get: latexmk chromium\n"
    *_, update, install = commands
    assert update[:2] == ("sudo", "-n") and update[-1] == "update"
    assert install[-4:] == ("--yes", "--no-install-recommends", "latexmk", "chromium")
    bad.add("chromium")
    assert debian.install(["chromium", "latexmk"]) == ["chromium"]
    assert commands[-1][-2:] == ("--no-install-recommends", "latexmk")
    bad.add("true")  # no sudo without a password
    commands.clear()
    assert debian.install(["latexmk"]) == ["latexmk"] and len(commands) == 1


def test_what_is_missing_is_named_with_what_installs_it(apt, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(debian, "SHARE", tmp_path)
    signs = {package: sign for package, sign in debian.SETS["tex"].items() if "/" in sign}
    del signs["fonts-texgyre"]
    for path in (tmp_path / sign for sign in signs.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert debian.missing("tex") == ["fonts-texgyre"] and debian.missing("browser") == []
    apt[1].add("fonts-texgyre")
    assert debian.main(["tex", "browser"]) == 1 and debian.main(["browser"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(debian.shutil, "which", lambda name: name if name == "latexmk" else None)
    monkeypatch.setattr(debian.importlib.util, "find_spec", lambda name: None)
    assert debian.main(["--say", "tex", "browser", "torch"]) == 0
    tex, browser, torch = capsys.readouterr().out.splitlines()
    command = "sudo apt-get install --no-install-recommends"
    assert tex.startswith("Missing, so there is no PDF") and "latexmk" not in tex
    assert tex.endswith(f"{command} texlive-xetex fonts-texgyre librsvg2-bin")
    assert browser.endswith(f"chromium. {command} chromium") and torch == debian.TORCH


def test_a_bare_python_can_run_both():
    """Without .venv's packages."""
    for name in ("debian", "setup"):
        command = [sys.executable, "-S", "-s", "-c", f"import tools.{name}"]
        assert subprocess.run(command, cwd=ROOT, env={"PATH": os.environ["PATH"]}).returncode == 0
