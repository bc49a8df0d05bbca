"""The commands ``train`` and ``sample``, as a person calls them."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from d2l_gru import checkpoint, commands
from d2l_gru.__main__ import main

TEXT = "the time traveller and the time machine went on and on through time " * 8
SMALL = ["--num-hiddens", "8", "--batch-size", "4", "--num-steps", "9", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text(TEXT)
    return tmp_path


def train(*more):
    return main(["train", "--corpus", "text", *SMALL, *more])


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_train_logs_keeps_and_goes_on_and_sample_completes(folder, capsys):
    kept = ["--checkpoints", "run", "--log", "log"]
    assert train("--num-epochs", "2", *kept) == 0
    out = capsys.readouterr().out
    first = entries(folder / "log")
    assert [entry["epoch"] for entry in first] == [1, 2]
    assert set(first[0]) == {
        "epoch", "perplexity", "tokens_per_second", "gradient_norm", "date", "device"
    }  # fmt: skip
    assert out.startswith(f"Perplexity {first[-1]['perplexity']:.3f}, ")
    assert out.endswith("tokens/s on cpu(0)\n")

    assert main(["train", "--resume", "--num-epochs", "4", "--device", "cpu", *kept]) == 0
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1, 2, 3, 4]
    assert entries(folder / "log")[:2] == first

    assert train("--num-epochs", "4", "--log", "other") == 0
    for a, b in zip(entries(folder / "log"), entries(folder / "other"), strict=True):
        assert (a["perplexity"], a["gradient_norm"]) == (b["perplexity"], b["gradient_norm"])

    capsys.readouterr()
    sample = ["sample", "run", "--prefix", "the ", "--length", "9", "--device", "cpu"]
    assert main(sample) == main([*sample, "--seed", "9"]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert one == two and one.startswith("the ") and len(one) == 13
    hot = ["--temperature", "3"]
    for seed in "112":
        assert main([*sample, *hot, "--seed", seed]) == 0
    a, b, c = capsys.readouterr().out.splitlines()
    assert a == b != c


def test_a_log_that_runs_ahead_of_the_checkpoint_is_cut(folder):
    assert train("--num-epochs", "2", "--checkpoints", "run", "--log", "log") == 0
    with open(folder / "log", "a") as log:
        log.write('{"epoch": 3, "perplexity": 1.0}\n{"epoch": 4, "perpl')
    assert train("--num-epochs", "3", "--checkpoints", "run", "--log", "log", "--resume") == 0
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1, 2, 3]
    assert entries(folder / "log")[2]["perplexity"] > 1


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(folder):
    command = [sys.executable, "-m", "d2l_gru", "train", "--corpus", "text", *SMALL]
    command += ["--num-epochs", "100000", "--checkpoints", "run", "--log", "log"]
    life = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (folder / "log").exists() or not (folder / "log").read_text():
        assert time.monotonic() < deadline and life.poll() is None
        time.sleep(0.02)
    life.send_signal(signal.SIGINT)
    _, err = life.communicate(timeout=60)
    assert life.returncode == 130 and "Traceback" not in err
    assert err.strip().endswith("to go on: python -m d2l_gru train --resume --checkpoints run")
    _, _, meta = checkpoint.latest("run")
    epoch = entries(folder / "log")[-1]["epoch"]
    assert meta["epoch"] == epoch + 1  # its state is that of the moment, not of a minute ago
    more = ["--num-epochs", str(epoch + 1), "--checkpoints", "run", "--resume", "--lr", "1"]
    assert train(*more) == 0


def test_ctrl_c_before_the_first_update_says_that_nothing_was_kept(folder, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("d2l_gru._on_mxnet.make_model", interrupted)
    assert train("--checkpoints", "run") == 130
    assert capsys.readouterr().err == "\nstopped before there was anything to keep\n"
    assert train() == 130
    assert "nothing was kept, since there is no --checkpoints" in capsys.readouterr().err


def test_a_second_ctrl_c_does_not_wait(folder):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), commands._interruptible() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_than_the_main_one_gets_no_ctrl_c():
    def waits():
        with commands._interruptible() as stop:
            return stop

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(waits).result() == []


def test_ctrl_c_in_any_command_is_no_traceback(folder, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "sample", interrupted)
    assert main(["sample", "run"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_log_that_is_none_is_named_and_kept(folder, capsys):
    kept = ["--checkpoints", "run", "--log", "log"]
    assert train("--num-epochs", "1", *kept) == 0
    (folder / "log").write_text('my notes\n{"epoch": 1}\n')
    assert train("--num-epochs", "2", "--resume", *kept) == 2
    assert "log, line 1, is no line of a log: 'my notes'" in capsys.readouterr().err
    assert (folder / "log").read_text().startswith("my notes")


def test_clipping_can_be_left_out(folder):
    assert train("--num-epochs", "1", "--clip", "none", "--checkpoints", "run") == 0
    assert checkpoint.latest("run")[2]["setting"]["clip"] is None
    assert train("--num-epochs", "2", "--resume", "--checkpoints", "run") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lr", "0"], "lr must be finite and > 0, not 0"),
        (["--clip", "-1"], "clip (None for no clipping) must be finite and > 0, not -1"),
        (["--num-epochs", "0"], "num_epochs must be >= 1, not 0"),
        (["--model", "scratch", "--num-layers", "2"], "num_layers must be 1"),
        (["--corpus", "nowhere"], "nowhere"),
        (["--batch-size", "900"], "shorter than one minibatch"),
        (["--device", "gpu:7"], "device is 'gpu:7'"),
        (["--device", "tpu"], "'cpu', 'gpu'"),
        (["--device", "cpu,"], "'cpu', 'gpu' or one like 'gpu:1', not ''"),
        (["--device", "cpu,cpu"], "each replica needs a device of its own"),
        (["--device", "cpu,cpu:1,cpu:2"], "4 rows cannot be dealt out evenly to 1 workers with 3"),
        (["--resume"], "--resume needs --checkpoints"),
        (["--resume", "--checkpoints", "nothing"], "no checkpoint in nothing"),
        (["--checkpoint-every", "-1"], "--checkpoint-every must be >= 0, not -1"),
        (["--checkpoint-every", "nan"], "--checkpoint-every must be >= 0, not nan"),
        (["--checkpoints", "text", "--num-epochs", "1"], "no checkpoint can be written in text"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, arguments, said):
    assert train(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and said in err


def test_nothing_of_another_run_is_lost(folder, capsys):
    kept = ["--checkpoints", "run", "--log", "log", "--num-epochs", "1"]
    assert train(*kept) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert train(*kept) == 2
    assert "run holds checkpoints of another run" in capsys.readouterr().err
    assert train("--log", "log") == 2
    assert "log is there already" in capsys.readouterr().err
    assert train("--log", "text") == 2
    assert train("--resume", "--checkpoints", "run", "--lr", "2") == 2
    assert "was trained with lr 1.0, not 2.0" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(folder, capsys):
    kept = ["--checkpoints", "run", "--checkpoint-every", "0"]
    assert train("--num-epochs", "1", *kept) == 0
    newest = checkpoint.paths("run")[0]
    newest.write_bytes(newest.read_bytes()[:-1])
    assert train("--num-epochs", "2", "--resume", *kept) == 0
    assert f"warning: checkpoint not used: {newest} was altered" in capsys.readouterr().err
    newest = checkpoint.paths("run")[0]
    newest.write_bytes(b"")
    assert main(["sample", str(newest), "--device", "cpu"]) == 2
    assert f"error: {newest} was altered or cut" in capsys.readouterr().err


def test_sample_names_what_is_wrong(folder, capsys):
    assert train("--num-epochs", "1", "--checkpoints", "run") == 0
    for arguments, said in [
        (["nowhere"], "no checkpoint in nowhere"),
        (["text"], "text is not named checkpoint-"),
        (["run", "--prefix", "THE"], "'THE'"),
        (["run", "--prefix", ""], "prefix"),
        (["run", "--length", "-1"], "num_preds must be >= 0, not -1"),
        (["run", "--temperature", "-1"], "temperature"),
    ]:
        assert main(["sample", *arguments, "--device", "cpu"]) == 2
        assert said in capsys.readouterr().err


def test_the_book_s_own_setting_is_the_default(real_corpus, capsys):
    assert main(["train", "--num-epochs", "1"]) == 0
    perplexity = float(capsys.readouterr().out.split()[1].rstrip(","))
    assert 17 < perplexity < 27.5


def test_the_help_needs_no_framework():
    code = (
        "import sys; from d2l_gru.__main__ import main\n"
        "try:\n main(['train', '--help'])\n"
        "except SystemExit:\n assert 'mxnet' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "--num-hiddens" in done.stdout, done.stderr
