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

TORCH = f"torch=={setup.TORCH}+cpu"
LOCK = "requirements/cpu.txt"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with two locks, whose commands are written down and make a Python at most."""
    (tmp_path / "requirements").mkdir()
    for kind in ("cpu", "gpu"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(
            f"# {kind}\nuv==1 \\\n    --hash=a\n"
        )
    (tmp_path / "pyproject.toml").write_text("")
    venv, commands = tmp_path / ".venv", []

    def works(*command, **options):
        words = [str(word).replace(f"{tmp_path}/", "") for word in command]
        commands.append("venv" if "venv" in words else words[-1])
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").touch()
        return True

    new = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python", "works": works}
    new |= {"STAMP": venv / ".d2l_gru", "capabilities": lambda: [], "missing_packages": lambda: []}
    for name, value in new.items():
        monkeypatch.setattr(setup, name, value)
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    return tmp_path, commands


def test_make_takes_the_first_python_that_fits_or_names_those_it_tried(tmp_path):
    """One older, one that is not there, and one that fits."""
    for name, version in (("old", "3.9"), ("right", "3.11")):
        code = f'#!/bin/sh\ncase "$2" in tools.setup) echo {name} sets up;; *) '
        code += f'exec python3 -c "import sys; sys.version_info = ({version.replace(".", ", ")}); '
        (tmp_path / name).write_text(code + '$2";; esac\n')
        (tmp_path / name).chmod(0o755)

    def make(*names):
        pythons = " ".join(str(tmp_path / name) for name in names)
        command = ["make", "--no-print-directory", "setup", f"PYTHON={pythons}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert make("old", "nowhere", "right", "old") == (0, "right sets up\n")
    status, said = make("old", "nowhere")
    assert status and f"none of: {tmp_path}/old {tmp_path}/nowhere." in said


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

    def runs():
        commands.clear()
        setup.main()
        return commands

    uv = ".venv/uv.txt"
    new = ["venv", uv, LOCK, str(root), TORCH]
    assert runs() == new and "Set up in" in capsys.readouterr().out
    assert runs() == [] and capsys.readouterr().out == ""
    (root / LOCK).write_text("# other\nuv==2\n")
    assert runs() == new[1:], "on top"
    setup.STAMP.write_text(setup.STAMP.read_text() + "\n")  # as `make torch` does
    assert runs() == new[1:] and runs() == []
    for changed in (setup.VERSION, str(root)):  # another Python, and a folder that was moved
        setup.STAMP.write_text(setup.STAMP.read_text().replace(changed, "/elsewhere"))
        assert runs() == new
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
    ("found", "ways"),
    [([], [TORCH, "--no-deps"]), ([8.6, 9], [TORCH, "--no-deps"]), ([12], ["auto"])],
)
def test_pytorch_is_of_the_cpu_but_for_a_gpu_that_mxnet_cannot_use(
    project, monkeypatch, capsys, found, ways
):
    """Where it cannot be had, the set-up is a success."""
    tried = []

    def works(*command, works=setup.works, **options):
        if not any(str(word).startswith("torch==") for word in command):
            return works(*command)
        tried.append(command[-1])

    monkeypatch.setattr(setup, "works", works)
    monkeypatch.setattr(setup, "capabilities", lambda: found)
    setup.main()
    assert tried == ways and "Try it later: make torch\nSet up" in capsys.readouterr().out
    setup.main()
    assert tried == ways, "nobody waits for it at every make"


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


def test_what_a_command_says_of_a_failure_is_seen_and_ends_the_set_up(capfd):
    python = sys.executable, "-c"
    setup.run(*python, "")
    with pytest.raises(SystemExit, match="Setting up .venv failed"):
        setup.run(*python, "print('ERROR: no'); exit(1)")
    assert capfd.readouterr().out == "ERROR: no\n"


def test_missing_system_packages_are_named(monkeypatch):
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(setup, "LIBRARIES", {"libnowhere.so.9": "libnowhere9"})
    assert setup.missing_packages() == [f"python{setup.VERSION}-venv", "libnowhere9"]


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


def test_packages_are_named_and_a_set_that_fails_takes_no_other_with_it(apt, monkeypatch, capsys):
    commands, bad = apt
    assert debian.install(["latexmk", "chromium"]) == []
    assert capsys.readouterr().out == "Installing with apt-get: latexmk chromium\n"
    *_, update, install = commands
    assert update[:2] == ("sudo", "-n") and update[-1] == "update"
    assert install[-4:] == ("--yes", "--no-install-recommends", "latexmk", "chromium")
    bad.add("chromium")
    monkeypatch.setattr(debian, "missing", {"tex": ["latexmk"], "browser": ["chromium"]}.get)
    capsys.readouterr()
    assert debian.main(["browser", "tex"]) == 1 and commands[-1][-1] == "latexmk"
    assert "Missing, so tests are skipped: chromium." in capsys.readouterr().out
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
    assert debian.main(["--say", "tex", "browser"]) == 1
    tex, browser = capsys.readouterr().out.splitlines()
    command = "sudo apt-get install --no-install-recommends"
    assert tex.startswith("Missing, so there is no PDF") and "latexmk" not in tex
    assert tex.endswith(f"{command} texlive-xetex fonts-texgyre librsvg2-bin")
    assert browser.endswith(f"firefox-esr. {command} chromium firefox-esr")


def test_a_bare_python_can_run_both():
    """Without .venv's packages."""
    for name in ("debian", "setup"):
        command = [sys.executable, "-S", "-s", "-c", f"import tools.{name}"]
        assert subprocess.run(command, cwd=ROOT, env={"PATH": os.environ["PATH"]}).returncode == 0
