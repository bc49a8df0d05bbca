"""The commands ``train`` and ``sample``, as a person calls them."""

import contextlib
import datetime
import fcntl
import io
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import mxnet
import pytest

from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.cluster import process as job
from d2l_gru.runs import cli

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


def test_what_is_printed_and_logged_is_the_newest_of_the_run(folder, capsys):
    assert train("--num-epochs", "2", "--device", "cpu,cpu:1", "--log", "log") == 0
    first, last = entries(folder / "log")
    assert last["device"] == "cpu(0), cpu(1)" and last["gradient_norm"] != first["gradient_norm"]
    speed, words = last["tokens_per_second"], capsys.readouterr().out.split(" ", 3)
    assert words[:2] == ["Perplexity", f"{last['perplexity']:.3f},"]
    assert words[2] in (f"{speed - 0.1:,.0f}", f"{speed + 0.1:,.0f}")
    assert isinstance(speed, float) and speed == round(speed, 1)
    assert words[3] == "tokens/s on cpu(0), cpu(1)\n"
    logged = datetime.datetime.fromisoformat(last["date"])
    assert logged.microsecond == 0
    assert abs(datetime.datetime.now() - logged) < datetime.timedelta(minutes=1)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_counts_the_epochs_from_where_a_run_goes_on(folder, monkeypatch):
    assert train("--num-epochs", "2", "--checkpoints", "run") == 0
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert train("--num-epochs", "3", "--checkpoints", "run", "--resume") == 0
    written = sys.stderr.getvalue()
    assert " 2/3 [" in written and "epoch/s]" in written


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_worker_of_a_job_writes_for_all(folder, capsys, monkeypatch, rank):
    local = mxnet.kv.create("local")  # the other worker's part stays 0
    there = {name: getattr(local, name) for name in ("init", "push", "pull")}
    store = SimpleNamespace(rank=rank, num_workers=2, **there)
    monkeypatch.setattr(job, "member", lambda: contextlib.nullcontext(store))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert train("--num-epochs", "1", "--log", "log", "--checkpoints", "run") == 0
    out, written = capsys.readouterr().out, sys.stderr.getvalue()
    if rank == 0:
        assert len(entries(folder / "log")) == len(checkpoint.paths("run")) == 1
        assert out.endswith(" tokens/s on cpu(0) of each of 2 workers\n") and "0/1" in written
    else:
        assert out == written == "" and {path.name for path in folder.iterdir()} == {"text"}


def test_without_a_device_the_variable_chooses(folder, capsys, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu:1")
    assert main(["train", "--corpus", "text", *SMALL[:-2], "--num-epochs", "1"]) == 0
    assert capsys.readouterr().out.endswith(" on cpu(1)\n")


@pytest.mark.parametrize("every", [0, 3600])
def test_a_checkpoint_is_written_when_it_is_due_and_at_the_end(folder, every):
    kept = ["--checkpoints", "run", "--checkpoint-every", str(every)]
    assert train("--num-epochs", "1", *kept) == 0
    assert len(checkpoint.paths("run")) == (3 if every == 0 else 1)


def test_a_log_that_runs_ahead_of_the_checkpoint_is_cut(folder):
    assert train("--num-epochs", "2", "--checkpoints", "run", "--log", "log") == 0
    before = (folder / "log").read_text()
    with open(folder / "log", "a") as log:
        log.write('{"epoch": 3, "perplexity": 1.0}\n{"epoch": 4, "perpl')
    assert train("--num-epochs", "3", "--checkpoints", "run", "--log", "log", "--resume") == 0
    assert (folder / "log").read_text().startswith(before)
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1, 2, 3]
    assert entries(folder / "log")[2]["perplexity"] > 1


def under_way(folder, **options):
    """Start a training in a process of its own; return it after its first epoch."""
    command = [sys.executable, "-m", "d2l_gru", "train", "--corpus", "text", *SMALL]
    command += ["--num-epochs", "100000", "--checkpoints", "run", "--log", "log"]
    life = subprocess.Popen(command, text=True, **{"stderr": subprocess.PIPE, **options})
    deadline = time.monotonic() + 300
    while not (folder / "log").exists() or not (folder / "log").read_text():
        if time.monotonic() > deadline or life.poll() is not None:
            life.kill()
            pytest.fail("the training is not under way")
        time.sleep(0.02)
    return life


def see_that_the_moment_was_kept(folder):
    _, _, meta = checkpoint.latest("run")
    epoch = entries(folder / "log")[-1]["epoch"]
    assert meta["epoch"] == epoch + 1  # its state is that of the moment, not of a minute ago
    more = ["--num-epochs", str(epoch + 1), "--checkpoints", "run", "--resume", "--lr", "1"]
    assert train(*more) == 0


@pytest.mark.processes
@pytest.mark.parametrize(
    "sent",
    [
        [signal.SIGINT],
        [signal.SIGTERM, signal.SIGTERM],  # as `timeout` does, to a process and to its group
        [signal.SIGHUP],
    ],
)
def test_a_signal_leaves_a_checkpoint_to_go_on_from(folder, sent):
    life = under_way(folder)
    for number in sent:
        life.send_signal(number)
    _, err = life.communicate(timeout=60)
    assert life.returncode == 128 + sent[0] and "Traceback" not in err
    assert err.strip().endswith("to go on: python -m d2l_gru train --resume --checkpoints run")
    see_that_the_moment_was_kept(folder)


@pytest.mark.processes
def test_a_terminal_that_closes_leaves_a_checkpoint_too(folder):
    here, there = os.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))  # room for a bar

    def take_the_terminal():
        os.setsid()
        fcntl.ioctl(there, termios.TIOCSCTTY, 0)

    life = under_way(
        folder, stdin=there, stdout=there, stderr=there, preexec_fn=take_the_terminal
    )  # fmt: skip
    os.close(there)
    assert os.read(here, 1)
    os.close(here)
    assert life.wait(60) == 128 + signal.SIGHUP
    see_that_the_moment_was_kept(folder)


def test_ctrl_c_before_the_first_update_says_that_nothing_was_kept(folder, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("d2l_gru.mxnet._backend.make_model", interrupted)
    assert train("--checkpoints", "run") == 130
    assert capsys.readouterr().err == "\nstopped before there was anything to keep\n"
    assert train() == 130
    said = "\nstopped; nothing was kept, since there is no --checkpoints\n"
    assert capsys.readouterr() == ("", said)


def test_ctrl_c_in_training_keeps_the_update_under_way_and_says_how_to_go_on(
    folder, capsys, monkeypatch
):
    write = cli._entry

    def interrupted(run):
        signal.raise_signal(signal.SIGINT)
        return write(run)

    monkeypatch.setattr(cli, "_entry", interrupted)
    kept = ["--checkpoints", "run", "--log", "log"]
    assert train("--num-epochs", "3", *kept) == 130
    said = "stopped; to go on: python -m d2l_gru train --resume --checkpoints run\n"
    assert capsys.readouterr() == ("", f"\n{said}")
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1]
    _, _, meta = checkpoint.latest("run")
    assert (meta["epoch"], meta["batch"]) == (2, 1)

    monkeypatch.setattr(cli, "_entry", write)
    assert main(["train", "--resume", "--device", "cpu", *kept]) == 0
    assert [entry["epoch"] for entry in entries(folder / "log")] == [1, 2, 3]


def test_ctrl_c_without_checkpoints_ends_training_too(folder, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_entry", lambda run: signal.raise_signal(signal.SIGINT))
    assert train("--num-epochs", "9", "--log", "log") == 130
    assert len((folder / "log").read_text().splitlines()) == 1
    assert "nothing was kept" in capsys.readouterr().err


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_first_update_ends_at_once(folder, capsys, monkeypatch, number):
    monkeypatch.setattr("d2l_gru.mxnet._backend.make_model", lambda *_: signal.raise_signal(number))
    assert train("--checkpoints", "run") == 128 + number
    assert capsys.readouterr().err == "\nstopped before there was anything to keep\n"


def test_a_signal_during_the_last_checkpoint_does_not_cut_it(folder, monkeypatch):
    save = checkpoint.save

    def terminated(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return save(*arguments)

    monkeypatch.setattr(checkpoint, "save", terminated)
    assert train("--num-epochs", "1", "--checkpoints", "run") == 0
    assert checkpoint.latest("run")[2]["epoch"] == 2


def test_training_in_another_thread_than_the_main_one_leaves_signals_alone(folder):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(train, "--num-epochs", "1").result() == 0


def test_ctrl_c_in_any_command_is_no_traceback(folder, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "sample", interrupted)
    assert main(["sample", "run"]) == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("role", ["scheduler", "server"])
def test_a_process_of_a_job_that_does_not_train_serves(monkeypatch, role):
    served = []
    monkeypatch.setenv(job.ROLE, role)
    monkeypatch.delattr(cli, "_prepare")  # for a training
    monkeypatch.setattr(job, "serve", lambda: served.append(role))
    assert main(["train"]) == 0 and served == [role]


def test_a_worker_leaves_it_to_the_launcher_to_say_how_to_go_on(monkeypatch, capsys):
    monkeypatch.setenv(job.ROLE, "worker")
    cli._say_how_to_go_on(SimpleNamespace(checkpoints="run"))
    assert capsys.readouterr() == ("", "")


def test_a_log_that_is_none_is_named_and_kept(folder, capsys):
    kept = ["--checkpoints", "run", "--log", "log"]
    assert train("--num-epochs", "1", *kept) == 0
    for notes, said in [
        ('my notes\n{"epoch": 1}\n', "log, line 1, is no line of a log: 'my notes'"),
        ('{"epoch": 1}\n[]\n{"epoch": 2}\n', "log, line 2, is no line of a log: '[]'"),
    ]:
        (folder / "log").write_text(notes)
        capsys.readouterr()
        assert train("--num-epochs", "2", "--resume", *kept) == 2
        assert capsys.readouterr() == ("", f"error: {said}\n")
        assert (folder / "log").read_text() == notes


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
def test_bad_input_is_one_line(folder, monkeypatch, capsys, snapshot, arguments, said):
    monkeypatch.setattr("mxnet.npx.num_gpus", lambda: 0)
    assert train("--num-epochs", "1", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and said in err
    assert err == snapshot


def test_nothing_of_another_run_is_lost(folder, capsys):
    kept = ["--checkpoints", "run", "--log", "log", "--num-epochs", "1"]
    assert train(*kept) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert train(*kept) == 2
    assert capsys.readouterr().err == (
        "error: run holds checkpoints of another run: add --resume to go on with it, "
        "or name another folder\n"
    )
    assert train("--num-epochs", "1", "--log", "log") == 2
    assert capsys.readouterr().err == (
        "error: log is there already, as the log of another run: name another file\n"
    )
    assert train("--num-epochs", "1", "--log", "text") == 2
    assert train("--resume", "--checkpoints", "run", "--lr", "2") == 2
    (newest,) = checkpoint.paths("run")
    assert f"error: {newest} was trained with lr 1.0, not 2.0\n" in capsys.readouterr().err
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
        (["run", "--device", "tpu"], "error: device must be 'cpu', 'gpu' or one like 'gpu:1', not"),
    ]:
        assert main(["sample", "--device", "cpu", *arguments]) == 2
        assert said in capsys.readouterr().err


def test_a_text_of_one_s_own_is_completed_from_its_first_word(folder, capsys):
    (folder / "text").write_text("Abel\nCora\nDora\nEdgar\n" * 20, encoding="utf-8-sig")
    assert train("--num-epochs", "1", "--checkpoints", "run") == 0
    _, arrays, meta = checkpoint.latest("run")
    del meta["prefix"]  # as in older checkpoints
    checkpoint.save("old", arrays, meta, 1)
    capsys.readouterr()
    for name, prefix in (("run", "Abel"), ("old", meta["vocab"][0][0])):
        assert main(["sample", name, "--length", "3", "--device", "cpu"]) == 0
        out, err = capsys.readouterr()
        assert out.startswith(prefix) and len(out) == len(prefix) + 4 and err == ""


def test_the_text_of_the_book_is_completed_from_the_traveller(folder, capsys, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    book = ["--corpus", "timemachine", "--num-epochs", "1", "--max-tokens", "200"]
    assert train(*book, "--checkpoints", "run") == 0
    assert main(["sample", "run", "--length", "1", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("time traveller")


def test_that_a_text_is_not_used_whole_is_said_unless_it_was_asked_for(folder, capsys):
    (folder / "text").write_text(TEXT * 19)
    said = "note: the first 10,000 of 10,336 characters are used; for all: --max-tokens -1\n"
    kept = ["--num-epochs", "1", "--checkpoints", "run"]
    assert train(*kept) == 0 and capsys.readouterr().err == said
    assert train(*kept, "--resume", "--num-epochs", "2") == 0 and capsys.readouterr().err == ""
    for asked in ("10000", "-1"):
        assert train("--num-epochs", "1", "--max-tokens", asked) == 0
        assert capsys.readouterr().err == ""


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "sample", lambda options: len(5))
    with pytest.raises(TypeError, match="has no len"):
        main(["sample", "run"])


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "variables", "status", "said"),
    [
        (["train"], {"DMLC_ROLE": "foo"}, 2, "error: DMLC_ROLE must be one of scheduler, server,"),
        (["sample", "run"], {}, 2, "error: MXNet cannot be imported"),
        (["train", "--corpus", "text"], {}, 2, "error: MXNet cannot be imported"),
    ],
)
def test_without_mxnet_each_command_says_so_or_does_not_need_it(
    folder, arguments, variables, status, said
):
    assert train("--num-epochs", "1", "--checkpoints", "run") == 0
    code = f"import sys; sys.modules['mxnet'] = None; sys.argv[1:] = {arguments}\n"
    code += "from d2l_gru.__main__ import main; sys.exit(main())"
    env = os.environ | variables
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == status and done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == bool(said)


@pytest.mark.processes
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_gone_is_no_error(folder, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    assert train("--num-epochs", "1", "--checkpoints", "run") == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "d2l_gru", "sample", "run"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_warning_is_one_line_and_one_for_programmers_none(capsys, monkeypatch):
    def warns(options):
        warnings.warn("look out", stacklevel=1)
        warnings.warn("outdated", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr(cli, "sample", warns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        main(["sample", "run"])
    assert capsys.readouterr() == ("", "warning: look out\n")


COMMANDS = ["", "doctor", "train", "launch", "sample"]


@pytest.mark.parametrize("command", COMMANDS)
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
