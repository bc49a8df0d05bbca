"""Debian packages: installed where we may, named where we may not, and never asked for in vain."""

import subprocess
import sys

import pytest
from tools_of_the_build import ROOT, load

debian = load("debian")


@pytest.fixture
def asked(monkeypatch):
    """Let every command succeed, and list those that were called."""
    commands = []
    monkeypatch.setattr(debian, "ask", lambda *command: commands.append(command) or "")
    monkeypatch.setattr(debian.shutil, "which", lambda name: "/usr/bin/apt-get")
    return commands


def test_packages_are_named_before_they_are_installed(asked, monkeypatch, capsys):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    debian.install(["latexmk", "chromium"])
    assert capsys.readouterr().out == "Installing with apt-get: latexmk chromium\n"
    *_, update, install = asked
    assert update[:2] == ("sudo", "-n") and update[-1] == "update"
    assert install[-4:] == ("--yes", "--no-install-recommends", "latexmk", "chromium")


@pytest.mark.parametrize("here", [None, "/usr/bin/apt-get"])
def test_without_the_right_the_command_is_named(monkeypatch, here):
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(debian, "ask", lambda *command: None)  # no sudo without a password
    monkeypatch.setattr(debian.shutil, "which", lambda name: here)
    by_hand = "sudo apt-get install --no-install-recommends latexmk"
    with pytest.raises(SystemExit, match=f"Missing: latexmk. Install with: {by_hand}$"):
        debian.install(["latexmk"])


def test_a_failure_names_the_command(asked, monkeypatch):
    monkeypatch.setattr(debian, "ask", lambda *command: None if "update" in command else "")
    with pytest.raises(SystemExit, match="apt-get update failed; try: sudo apt-get install"):
        debian.install(["latexmk"])


def test_only_what_is_missing_is_listed(monkeypatch, tmp_path):
    monkeypatch.setattr(debian, "SHARE", tmp_path)
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    assert debian.missing("tex") == list(debian.TEX) and debian.missing("browser") == ["chromium"]
    for package, sign in debian.TEX.items():
        if "/" in sign and package != "fonts-texgyre":
            (tmp_path / sign).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / sign).touch()
    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert debian.missing("tex") == ["fonts-texgyre"]


def test_it_can_only_say_so(tmp_path):
    """As `make book` does at its end, here on a machine that has nothing."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[1:] = ['--say', 'browser']; "
         "import runpy, shutil; shutil.which = lambda name: None; "
         f"runpy.run_path({str(ROOT / 'tools' / 'debian.py')!r}, run_name='__main__')"],
        capture_output=True, text=True,
    )  # fmt: skip
    said = "Install with: sudo apt-get install --no-install-recommends chromium\n"
    assert (done.returncode, done.stdout) == (0, said)
