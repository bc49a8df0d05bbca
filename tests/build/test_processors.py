"""Other processors: which settings are tried, and what is said of each."""

import os
import signal
import subprocess
import sys

from tools import processors


def test_each_setting_is_tried_and_its_verdict_said(monkeypatch, capsys):
    """Here by a machine that has no AVX-512, and whose outputs differ where it is busy."""
    ran = []
    for name in {name for setting in processors.SETTINGS.values() for name in setting}:
        monkeypatch.delenv(name, raising=False)  # as where these tests run as another machine

    def run(command, env, cwd=None):
        settings = {k: v for k, v in env.items() if os.environ.get(k) != v}
        if command[-1] == processors.PROBE:
            illegal = settings.get("OPENBLAS_CORETYPE") == "SkylakeX"
            return subprocess.CompletedProcess(command, -signal.SIGILL if illegal else 0)
        ran.append((settings, command))
        return subprocess.CompletedProcess(command, int(name_of[-1] == "busy"))

    name_of = []
    check = processors.check
    monkeypatch.setattr(
        processors, "check", lambda name, *a: name_of.append(name) or check(name, *a)
    )
    monkeypatch.setattr(processors.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["processors", "gates"])
    assert processors.main() == 1
    said = dict(line.split(maxsplit=0) and (line[:24].strip(), line[25:]) for line in
                capsys.readouterr().out.splitlines()[-len(processors.SETTINGS):])  # fmt: skip
    assert said.pop("busy") == "OTHER OUTPUTS, see above"
    assert said.pop("OpenBLAS for SkylakeX") == "cannot run on this processor"
    assert {*said.values()} == {"the same outputs"} and len(ran) == len(processors.SETTINGS) - 1
    assert ran[0][0] == {"OPENBLAS_CORETYPE": "Nehalem"}
    assert ran[0][1][-1] == processors.ROOT / "book" / "gates.ipynb"
    alone = [command for _, command in ran if command[0] == "taskset"]
    assert len(alone) == 1
