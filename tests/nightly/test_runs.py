"""Long runs: as the book's, until a text is known by heart, and killed again and again."""

import fcntl
import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import frameworks
import numpy
import pytest
from mxnet import cpu
from tools_of_the_build import ROOT

from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.runs.run import Run, Setting

TEXT = (
    "nobody in the valley had seen a clock go backwards until the winter when my aunt mended one "
    "with a spoon a bent pin and half a jar of quince jam after which it struck thirteen every "
    "evening just before the lamps were lit and never told us  "
)


@pytest.mark.parametrize("kind", ["scratch", "concise"])
def test_fifty_epochs_of_the_book_agree(real_corpus, kind):
    """The scratch chapter's run starts from the same weights, and is tested by running it again."""
    mxnet, torch, losses = frameworks.of("mxnet"), frameworks.of("torch"), []
    mxnet.d2l.set_seed(0)
    model = mxnet.drawn(kind, 28, 256)
    for framework, trained in ((torch, torch.d2l.to_torch(model)), (mxnet, model)):
        if (framework, kind) == (mxnet, "scratch"):
            chapter = (ROOT / "book" / "gru-scratch.ipynb").read_text()
            printed = re.findall(r"epoch +(\d+), perplexity +([\d.]+): time", chapter)
            losses.append({int(epoch): math.log(float(ppl)) for epoch, ppl in printed})
            continue
        framework.d2l.set_seed(0)
        batches, _ = framework.d2l.load_data_time_machine(32, 35)
        ppl = framework.d2l.train(trained, batches, 1, 50, framework.cpu).perplexity
        losses.append(dict(enumerate(numpy.log(ppl), 1)))
    ours, theirs = losses
    assert {1, 10, 20, 30, 40, 50} <= theirs.keys()
    assert {epoch: ours[epoch] for epoch in theirs} == pytest.approx(theirs, abs=1e-3)


@pytest.mark.usefixtures("seeded")
def test_a_small_model_memorises_240_characters():
    framework = frameworks.of("mxnet")
    vocab = framework.d2l.Vocab(list(TEXT))
    batches = framework.d2l.SeqDataLoader(vocab[list(TEXT)], 1, 20)
    model = framework.drawn("concise", len(vocab), 64)
    history = framework.d2l.train(model, batches, 2, 110, framework.cpu)
    assert history.perplexity[-1] < 1.2 and len(TEXT) == 240
    assert framework.d2l.predict(TEXT[:18], 222, model, vocab, framework.cpu) == TEXT


@pytest.mark.parametrize("model", ["scratch", "concise"])
@pytest.mark.parametrize("use_random_iter", [False, True])
def test_killed_again_and_again_a_run_ends_the_same(tmp_path, model, use_random_iter):
    text, folder = tmp_path / "text", tmp_path / "kept"
    text.write_text(TEXT * 2)
    sizes = {"num_hiddens": 8, "batch_size": 4, "num_steps": 9, "num_epochs": 12, "seed": 5}
    command = [sys.executable, "-m", "d2l_gru", "train", "--checkpoints", str(folder)]
    command += ["--checkpoint-every", "0", "--device", "cpu"]
    new = ["--corpus", str(text), "--model", model, *(["--random"] if use_random_iter else [])]
    new += [f"--{name.replace('_', '-')}={value}" for name, value in sizes.items()]
    for pause in (0, 0.01, 0.02, 0.05, None):  # after a checkpoint, until it is killed
        before = checkpoint.paths(folder)
        more = ["--resume"] if before else new
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        life = subprocess.Popen([*command, *more], **pipes)
        if pause is not None:
            while checkpoint.paths(folder) == before and life.poll() is None:
                time.sleep(0.005)
            time.sleep(pause)
            life.kill()
        said = life.communicate()[1]
        assert life.returncode == (0 if pause is None else -signal.SIGKILL), said
        assert "not used" not in said
    arrays, meta = checkpoint.load(checkpoint.paths(folder)[0])
    whole = Run(Setting(corpus=text, model=model, use_random_iter=use_random_iter, **sizes), cpu())
    while not whole.done:
        for _ in whole.updates_of_epoch():
            pass
    assert (meta["epoch"], meta["updates"]) == (13, whole.updates)
    assert meta["history"]["perplexity"] == whole.history.perplexity
    for i, param in enumerate(whole.model.parameters()):
        numpy.testing.assert_array_equal(arrays[f"parameter {i}"], param.asnumpy())


def under_way(**options):
    """Start a training in a process of its own; return it after its first epoch."""
    sizes = ["--num-hiddens", "8", "--batch-size", "4", "--num-steps", "9", "--device", "cpu"]
    command = [sys.executable, "-m", "d2l_gru", "train", "--corpus", "text", *sizes]
    command += ["--checkpoints", "run", "--log", "log"]
    life = subprocess.Popen([*command, "--num-epochs", "100000"], text=True, **options)
    while not os.path.exists("log") or not os.path.getsize("log"):
        assert life.poll() is None, "the training ended before its first epoch"
        time.sleep(0.02)
    return life


@pytest.mark.parametrize(
    "sent",
    [
        [signal.SIGINT],
        [signal.SIGTERM, signal.SIGTERM],  # as `timeout` does, to a process and to its group
        [],  # the terminal closes
    ],
)
def test_a_signal_leaves_a_checkpoint_to_go_on_from(tmp_path, monkeypatch, sent):
    monkeypatch.chdir(tmp_path)
    Path("text").write_text(TEXT)
    here, there = os.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))  # room for a bar

    def take_the_terminal():
        os.setsid()
        fcntl.ioctl(there, termios.TIOCSCTTY, 0)

    stderr = subprocess.PIPE if sent else there
    life = under_way(stdin=there, stdout=there, stderr=stderr, preexec_fn=take_the_terminal)
    os.close(there)
    for number in sent:
        life.send_signal(number)
    if not sent:
        os.close(here)
    _, err = life.communicate(timeout=60)
    assert life.returncode == 128 + (sent or [signal.SIGHUP])[0]
    assert not sent or ("Traceback" not in err and err.endswith("--resume --checkpoints run\n"))
    _, _, meta = checkpoint.latest("run")
    epoch = json.loads(Path("log").read_text().splitlines()[-1])["epoch"]
    assert meta["epoch"] == epoch + 1  # its state is that of the moment, not of a minute ago
    more = ["--num-epochs", str(epoch + 1), "--device", "cpu"]
    assert main(["train", "--checkpoints", "run", "--resume", *more]) == 0
