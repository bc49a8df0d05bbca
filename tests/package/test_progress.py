"""The progress bar: on a terminal, gone at the end, and nowhere else."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from types import SimpleNamespace

import IPython
import pytest

from d2l_gru._progress import is_live_notebook, progress
from d2l_gru.history import record_epochs

LOOP = """if True:
    from d2l_gru._progress import progress
    print(sum(progress(range(4), unit="epoch", mininterval=0)))
"""
TRAIN = """if True:
    import d2l_gru as d2l
    from mxnet import cpu
    from mxnet.gluon import rnn
    model = d2l.RNNModel(rnn.GRU(4), 5)
    d2l.train(model, d2l.SeqDataLoader([1, 2, 3, 4] * 9, 2, 3), 1, 3, cpu())
    print("trained")
"""


def on_a_terminal(code):
    """Run `code` with stderr on a terminal of its own; return stdout and what the terminal got."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:  # a container without /dev/pts
        pytest.skip(str(error))
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            if not chunk:
                break
            written += chunk
        os.close(ours)
        out = process.stdout.read()
    assert process.returncode == 0, written
    return out, written.decode()


def screen_after(written):
    """Return what is still to be read on a terminal that knows carriage returns."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        shown = ""
        for piece in line.split("\r"):
            shown = piece + shown[len(piece) :]
        lines.append(shown.strip())
    return "\n".join(lines).strip()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_training_run_counts_its_epochs(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    record_epochs(lambda: (2.0, 100.0, 1.0), 3, None)
    first, *_ = terminal.getvalue().lstrip("\r").split("\r")
    assert re.fullmatch(r"  0%\|.*\| 0/3 \[00:00<\?, \?epoch/s\]", first)


def test_what_a_screen_shows():
    assert screen_after("abc\rde") == "dec"
    assert screen_after("abc\r   \r") == ""
    assert screen_after("abc\r\n") == "abc"


def test_a_bar_counts_what_it_wraps_and_is_gone_at_the_end(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress(range(4), unit="epoch", mininterval=0)) == [0, 1, 2, 3]
    written = sys.stderr.getvalue()
    assert "3/4" in written and "epoch" in written and screen_after(written) == ""


def test_elsewhere_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    things = iter("ab")
    assert progress(things, unit="epoch") is things


@pytest.mark.parametrize(
    ("shell", "live"),
    [
        (None, False),  # a script that imports IPython
        (SimpleNamespace(), False),  # IPython on a terminal
        (SimpleNamespace(kernel=SimpleNamespace()), False),  # another kernel
        (SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=False)), False),  # nbclient
        (SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=True)), True),
    ],
)
def test_a_live_notebook_is_one_that_can_be_typed_into(monkeypatch, shell, live):
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert is_live_notebook() is live
    monkeypatch.delitem(sys.modules, "IPython")
    assert is_live_notebook() is False and "IPython" not in sys.modules


@pytest.mark.processes
@pytest.mark.parametrize(("code", "out"), [(LOOP, "6\n"), (TRAIN, "trained\n")])
def test_a_terminal_shows_a_bar_that_is_gone_at_the_end(code, out):
    printed, written = on_a_terminal(code)
    assert printed == out
    assert "%|" in written and "epoch" in written
    assert screen_after(written) == ""


@pytest.mark.processes
@pytest.mark.parametrize(("code", "out"), [(LOOP, "6\n"), (TRAIN, "trained\n")])
def test_a_pipe_gets_nothing(code, out):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, out, "")
