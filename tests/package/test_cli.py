"""The commands ``train`` and ``sample``, as a person calls them."""

import datetime
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.cluster import process as job
from d2l_gru.runs import cli

TEXT = "the time traveller and the time machine went on and on through time " * 8
SMALL = ["--num-hiddens", "8", "--batch-size", "4", "--num-steps", "9"]
KEPT = ["--checkpoints", "run", "--log", "log"]
GO_ON = "stopped; to continue: python -m d2l_gru train --resume --checkpoints run\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    (tmp_path / "text").write_text(TEXT)
    return tmp_path


class Terminal(io.StringIO):
    def isatty(self):
        return True


def train(epochs, *more):
    return main(["train", "--corpus", "text", *SMALL, "--num-epochs", str(epochs), *more])


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_train_logs_keeps_and_goes_on_and_sample_completes(folder, capsys):
    on = ["--device", "cpu,cpu:1"]
    assert train(2, *KEPT, *on) == 0
    first = entries(folder / "log")
    last, words = first[-1], capsys.readouterr().out.split(" ", 3)
    assert words[:2] == ["Perplexity", f"{last['perplexity']:.3f},"]
    assert words[3] == "tokens/s on cpu(0), cpu(1)\n" and last["device"] == "cpu(0), cpu(1)"
    speed = last["tokens_per_second"]
    assert words[2] in (f"{speed - 0.1:,.0f}", f"{speed + 0.1:,.0f}") and speed == round(speed, 1)
    assert datetime.datetime.fromisoformat(last["date"]).microsecond == 0
    assert set(last) == {
        "epoch", "perplexity", "tokens_per_second", "gradient_norm", "date", "device"
    }  # fmt: skip

    # A log that runs ahead of the checkpoint is cut.
    with open(folder / "log", "a") as log:
        log.write('{"epoch": 3, "perplexity": 1.0}\n{"epoch": 4, "perpl')
    assert main(["train", "--resume", "--num-epochs", "4", *KEPT, *on]) == 0
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1, 2, 3, 4]
    assert entries(folder / "log")[:2] == first
    assert train(4, "--log", "other", *on) == 0
    for a, b in zip(entries(folder / "log"), entries(folder / "other"), strict=True):
        assert (a["perplexity"], a["gradient_norm"]) == (b["perplexity"], b["gradient_norm"])

    capsys.readouterr()
    sample = ["sample", "run", "--prefix", "the ", "--length", "9", "--device", "cpu"]
    assert main(sample) == main([*sample, "--seed", "9"]) == 0
    for seed in "112":
        assert main([*sample, "--temperature", "3", "--seed", seed]) == 0
    one, two, a, b, c = capsys.readouterr().out.splitlines()
    assert one == two and one.startswith("the ") and len(one) == 13 and a == b != c


def test_a_bar_counts_the_epochs_from_where_a_run_goes_on(folder, monkeypatch):
    assert train(2, "--checkpoints", "run") == 0
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert train(3, "--checkpoints", "run", "--resume") == 0
    written = sys.stderr.getvalue()
    assert " 2/3 [" in written and "epoch/s]" in written


@pytest.mark.parametrize(("every", "count"), [("0", 3), ("3600", 1)])
def test_a_checkpoint_is_written_when_it_is_due_and_at_the_end(folder, every, count):
    assert train(1, "--checkpoints", "run", "--checkpoint-every", every, "--clip", "none") == 0
    assert len(checkpoint.paths("run")) == count
    assert checkpoint.latest("run")[2]["setting"]["clip"] is None
    assert train(2, "--checkpoints", "run", "--resume") == 0


def test_a_framework_is_chosen_and_changed(folder, torch, capsys):
    more = ["--device", "cpu", "--framework", "torch", "--checkpoints", "run"]
    assert train(1, *more) == 0
    assert capsys.readouterr().out.endswith(" tokens/s on cpu\n")
    assert main(["train", "--resume", "--num-epochs", "2", *more, "--framework", "mxnet"]) == 0
    assert capsys.readouterr().out.endswith(" tokens/s on cpu(0)\n")
    sample = ["sample", "run", "--prefix", "the ", "--length", "20", "--device", "cpu"]
    assert main(sample) == main([*sample, "--framework", "torch"]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert one == two and len(one) == 24


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_first_update_ends_at_once(folder, capsys, monkeypatch, number):
    monkeypatch.setattr("d2l_gru.mxnet._backend.make_model", lambda *_: signal.raise_signal(number))
    assert train(1, "--checkpoints", "run") == train(1) == 128 + number
    assert capsys.readouterr() == ("", (
        "\nstopped before there was anything to save\n"
        "\nstopped; nothing was saved, because --checkpoints was not given\n"
    ))  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_training_keeps_the_update_under_way_and_says_how_to_go_on(
    folder, capsys, monkeypatch, number
):
    write = cli._entry
    monkeypatch.setattr(cli, "_entry", lambda run: signal.raise_signal(number) or write(run))
    assert train(3, "--log", "alone") == 128 + number == train(3, *KEPT)
    nothing = "stopped; nothing was saved, because --checkpoints was not given\n"
    assert capsys.readouterr() == ("", f"\n{nothing}\n{GO_ON}")
    logs = entries(folder / "log") + entries(folder / "alone")
    assert [entry["epoch"] for entry in logs] == [1, 1]
    _, _, meta = checkpoint.latest("run")
    assert (meta["epoch"], meta["batch"]) == (2, 1)
    monkeypatch.setattr(cli, "_entry", write)
    assert main(["train", "--resume", *KEPT]) == 0
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1, 2, 3]


@pytest.mark.parametrize("first", [[], [signal.SIGTERM, signal.SIGHUP, signal.SIGTERM]])
def test_only_a_second_ctrl_c_does_not_wait(first):
    before, stop = signal.getsignal(signal.SIGINT), cli._Stop()
    stop.under_way = True
    with pytest.raises(KeyboardInterrupt), job.signals(stop):
        for number in [*first, signal.SIGINT]:
            signal.raise_signal(number)
        assert stop.numbers == [*first, signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_during_the_last_checkpoint_does_not_cut_it(folder, monkeypatch):
    save = checkpoint.save
    terminate = lambda *args: signal.raise_signal(signal.SIGTERM) or save(*args)  # noqa: E731
    monkeypatch.setattr(checkpoint, "save", terminate)
    assert train(1, "--checkpoints", "run") == 0
    assert checkpoint.latest("run")[2]["epoch"] == 2


def test_training_in_another_thread_than_the_main_one_leaves_signals_alone(folder):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(train, 1).result() == 0


def interrupt(options):
    raise KeyboardInterrupt


def warn(options):
    warnings.warn("look out", stacklevel=1)
    warnings.warn("outdated", DeprecationWarning, stacklevel=1)  # is for programmers


@pytest.mark.parametrize(
    ("command", "ends", "said"),
    [(interrupt, 130, "stopped\n"), (warn, None, "warning: look out\n")],
)
def test_ctrl_c_in_any_command_is_no_traceback_and_a_warning_one_line(
    capsys, monkeypatch, command, ends, said
):
    monkeypatch.setattr(cli, "sample", command)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert main(["sample", "run"]) == ends
    assert capsys.readouterr() == ("", said)


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "sample", lambda options: len(5))
    with pytest.raises(TypeError, match="has no len"):
        main(["sample", "run"])


def test_a_worker_leaves_it_to_the_launcher_to_say_how_to_go_on(monkeypatch, capsys):
    monkeypatch.setenv(job.ROLE, "worker")
    cli._say_how_to_go_on(SimpleNamespace(checkpoints="run"))
    assert capsys.readouterr() == ("", "")


# Bad input is one line


@pytest.mark.parametrize(
    "arguments",
    [
        "--lr 0", "--corpus nowhere", "--batch-size 900", "--device gpu:7", "--device tpu",
        "--device cpu,", "--device cpu,cpu", "--device cpu,cpu:1,cpu:2", "--resume",
        "--resume --checkpoints nothing", "--checkpoint-every -1", "--checkpoint-every nan",
        "--checkpoints text", "--log text", "--checkpoints run", "--log log",
        "--checkpoints run --resume --lr 2", "--framework torch --device cpu,cpu",
        "sample nowhere", "sample text",
        "sample run --prefix THE", "sample run --prefix=", "sample run --length -1",
        "sample run --temperature -1", "sample run --device tpu",
        "sample run --framework torch --device gpu:9",
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_of_another_run_is_lost(
    folder, torch, monkeypatch, capsys, snapshot, arguments
):
    monkeypatch.setattr("mxnet.npx.num_gpus", lambda: 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert train(1, *KEPT) == 0
    capsys.readouterr()
    before, arguments = files(folder), arguments.split(" ")
    call = main if arguments[0] == "sample" else lambda more: train(1, *more)
    assert call(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    (newest,) = checkpoint.paths("run")
    assert err.replace(str(newest), "NEWEST") == snapshot
    assert files(folder) == before


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ('my notes\n{"epoch": 1}\n', "log, line 1, is not a log entry: 'my notes'"),
        ('{"epoch": 1}\n[]\n{"epoch": 2}\n', "log, line 2, is not a log entry: '[]'"),
    ],
)
def test_a_log_that_is_none_is_named_and_kept(folder, capsys, notes, said):
    assert train(1, *KEPT) == 0
    (folder / "log").write_text(notes)
    capsys.readouterr()
    assert train(2, "--resume", *KEPT) == 2
    assert capsys.readouterr() == ("", f"error: {said}\n")
    assert (folder / "log").read_text() == notes


# What is said, and what the options mean


def test_a_text_is_completed_from_its_first_word_or_as_the_book_does(folder, capsys, monkeypatch):
    (folder / "text").write_text("Abel\nCora\nDora\nEdgar\n" * 20, encoding="utf-8-sig")
    assert train(1, "--checkpoints", "run") == 0
    _, arrays, meta = checkpoint.latest("run")
    del meta["prefix"]  # as in older checkpoints
    checkpoint.save("old", arrays, meta, 1)
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    book = ["--corpus", "timemachine", "--max-tokens", "200", "--checkpoints", "book"]
    assert train(1, *book) == 0
    first = {"run": "Abel", "old": meta["vocab"][0][0], "book": "time traveller"}
    for name, prefix in first.items():
        capsys.readouterr()
        assert main(["sample", name, "--length", "3"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith(prefix) and len(out) == len(prefix) + 4 and err == ""


def test_that_a_text_is_not_used_whole_is_said_unless_it_was_asked_for(folder, capsys):
    (folder / "text").write_text(TEXT * 19)
    said = "note: using the first 10,000 of 10,336 characters; for all: --max-tokens -1\n"
    few = ["--batch-size", "99"]  # updates
    kept = ["--checkpoints", "run", *few]
    assert train(1, *kept) == 0 and capsys.readouterr().err == said
    assert train(2, *kept, "--resume") == 0 and capsys.readouterr().err == ""
    for asked in ("10000", "-1"):
        assert train(1, "--max-tokens", asked, *few) == 0 and capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "role", "said"),
    [
        (["train"], "foo", "error: DMLC_ROLE must be one of scheduler, server,"),
        (["sample", "run"], None, "error: MXNet cannot be imported"),
        (["train", "--corpus", "text"], None, "error: MXNet cannot be imported"),
        (["train", "--help"], None, ""),
    ],
)
def test_without_mxnet_each_command_says_so_or_does_not_need_it(folder, arguments, role, said):
    assert train(1, "--checkpoints", "run") == 0
    code = f"import sys; sys.modules['mxnet'] = None; sys.argv[1:] = {arguments}\n"
    code += "from d2l_gru.__main__ import main; sys.exit(main())"
    env = os.environ | ({"DMLC_ROLE": role} if role else {})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 2 * bool(said) and done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == bool(said)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_gone_is_no_error(folder, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    assert train(1, "--checkpoints", "run") == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "d2l_gru", "sample", "run"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize("command", ["", "doctor", "train", "launch", "sample"])
def test_the_help_reads(monkeypatch, capsys, snapshot, command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0 and capsys.readouterr().out == snapshot


def test_a_command_must_be_named(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("the following arguments are required: command\n")


LINES = {
    "train": "train",
    "sample": "sample run",
    "all of train": "train --model concise --corpus text --max-tokens 9000 --num-hiddens 8 "
    "--num-layers 2 --batch-size 4 --num-steps 9 --num-epochs 3 --seed 7 --lr 1 --clip 2 --random "
    "--device cpu --framework torch --log log --checkpoints run --checkpoint-every 5 --resume",
    "all of sample": "sample run --prefix the --length 9 --temperature 1 --seed 7 --device cpu "
    "--framework torch",
}


@pytest.mark.parametrize("line", LINES)
def test_the_options_mean(monkeypatch, snapshot, line):
    meant = []
    for name in ("train", "sample"):
        monkeypatch.setattr(cli, name, meant.append)
    main(LINES[line].split())
    options = vars(meant[0])
    assert callable(options.pop("run")) and options == snapshot
