"""Jobs of several processes: the same numbers, and an end whenever one of them dies."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from mxnet import cpu

from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.cluster import launch
from d2l_gru.runs.run import Run, Setting

TEXT = "the time traveller and the time machine went on and on through time " * 8
SMALL = ["--num-hiddens", "8", "--batch-size", "4", "--num-steps", "9", "--device", "cpu"]
SETTING = {"num_hiddens": 8, "batch_size": 4, "num_steps": 9}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a text").write_text(TEXT)
    return tmp_path


def start(*train, launcher=(), env=None, folder="."):
    command = [sys.executable, "-m", "d2l_gru", "launch", "-n", "2", *launcher]
    command += ["--", "train", "--corpus", os.path.abspath("a text"), *SMALL, *train]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=folder
    )


def end(job, folder="."):
    """Return (status, output, errors), and see that no process is left."""
    try:
        out, err = job.communicate(timeout=300)
    finally:
        job.kill()
    see_all_end(folder, 5)
    return job.returncode, out, err


def see_all_end(folder, within):
    deadline = time.monotonic() + within
    while processes(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(folder) == {}


def processes(folder):
    """Return the processes that train in a folder, by role."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "cwd") != os.path.realpath(folder):
                continue
            variables = (path / "environ").read_bytes().split(b"\0")
            words = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        role = [text[10:].decode() for text in variables if text.startswith(b"DMLC_ROLE=")]
        if role and {b"d2l_gru", b"train"} <= set(words):
            found.setdefault(role[0], []).append(int(path.name))
    return found


def under_way(folder, job, epochs=2):
    """Wait until a job has logged some epochs; return its processes."""
    deadline, log = time.monotonic() + 300, folder / "log"
    while not log.exists() or log.read_text().count("\n") < epochs:
        if time.monotonic() > deadline or job.poll() is not None:
            job.kill()
            pytest.fail(f"the job is not under way: {job.communicate()[1]}")
        time.sleep(0.05)
    found = processes(folder)
    assert {role: len(found[role]) for role in found} == {"scheduler": 1, "server": 1, "worker": 2}
    return found


def parameters(directory):
    arrays, _ = checkpoint.load(checkpoint.paths(directory)[0])
    return {name: array for name, array in arrays.items() if name.startswith("parameter")}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["scratch", "concise"])
@pytest.mark.parametrize("device", ["cpu", "cpu,cpu:1"])
def test_a_job_ends_with_the_numbers_of_one_process(folder, model, device):
    kept = ["--checkpoints", "run", "--log", "log", "--clip", "0.2"]
    job = start("--num-epochs", "3", "--model", model, *kept, "--device", device)
    status, out, err = end(job)
    assert (status, err) == (0, "")
    assert re.fullmatch(r"Perplexity [\d.]+, [\d,]+ tokens/s on .* of each of 2 workers\n", out)
    run = Run(Setting(corpus="a text", model=model, num_epochs=3, clip=0.2, **SETTING), cpu())
    while not run.done:
        for _ in run.updates_of_epoch():
            pass
    log = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    ours = [entry["perplexity"] for entry in log]
    assert ours == pytest.approx(run.history.perplexity, rel=1e-5)
    arrays = parameters("run")
    for i, param in enumerate(run.model.parameters()):
        numpy.testing.assert_allclose(arrays[f"parameter {i}"], param.asnumpy(), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "to"),
    [
        (signal.SIGINT, "launcher"),  # Ctrl-C
        (signal.SIGTERM, "all"),  # as systemd and Slurm do
        (signal.SIGTERM, "worker"),
    ],
)
def test_a_signal_stops_all_at_one_update_and_resuming_changes_nothing(folder, number, to):
    short = ["--num-steps", "60"]  # two updates an epoch
    kept = [*short, "--checkpoints", "run", "--log", "log"]
    job = start(*kept, "--num-epochs", "100000")
    found = under_way(folder, job)
    if to == "worker":
        os.kill(found["worker"][-1], number)
    else:
        job.send_signal(number)
    if to == "all":
        (tracker,) = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        for pid in (int(tracker), *(pid for pids in found.values() for pid in pids)):
            os.kill(pid, number)
    status, out, err = end(job)
    assert (status, out) == (128 + number, "") and "Traceback" not in err and "error" not in err
    newest = checkpoint.paths("run")[0]
    assert f"{newest} is kept; to go on from it, add --resume" in err
    epoch = checkpoint.load(newest)[1]["epoch"]
    assert epoch == (folder / "log").read_text().count("\n") + 1  # of the moment

    until = ["--num-epochs", str(epoch + 1)]
    assert end(start(*kept, *until, "--resume"))[0] == 0
    assert end(start(*short, *until, "--checkpoints", "whole"))[0] == 0
    theirs = parameters("whole")
    for name, array in parameters("run").items():
        numpy.testing.assert_array_equal(array, theirs[name])


@pytest.mark.slow
@pytest.mark.parametrize("role", ["worker", "server", "scheduler"])
def test_a_dead_process_ends_the_job_and_its_checkpoint_is_kept(folder, role):
    kept = ["--checkpoints", "run", "--checkpoint-every", "0", "--log", "log"]
    job = start("--num-epochs", "100000", *kept)
    victim = under_way(folder, job)[role][-1]
    os.kill(victim, signal.SIGKILL)
    status, out, err = end(job)
    assert status == 1 and out == ""
    who = "the scheduler" if role == "scheduler" else f"a {role}"
    assert f"error: {who} was killed by SIGKILL; the job was ended\n" in err
    path, arrays, _ = checkpoint.latest("run")
    assert str(path) in err and arrays
    more = ["--num-epochs", str(checkpoint.load(path)[1]["epoch"] + 1), *kept]
    assert main(["train", "--resume", "--device", "cpu", *more]) == 0  # alone, where a job was


@pytest.mark.slow
def test_no_process_outlives_the_launcher(folder):
    job = start("--num-epochs", "100000", "--log", "log")
    under_way(folder, job)
    job.kill()
    assert end(job)[0] == -signal.SIGKILL


@pytest.mark.slow
def test_an_error_of_a_worker_ends_the_job(folder):
    status, out, err = end(start("--batch-size", "5"))
    assert status == 1 and out == ""
    assert "error: a minibatch of 5 rows cannot be dealt out evenly to 2 workers" in err
    assert "error: a worker ended with status 2; the job was ended" in err


FAKES = {
    # What each launcher is called with, run on this machine.
    "ssh": """
[ "$1 $2" = "-o StrictHostKeyChecking=no" ] && [ "$4 $5" = "-p 2222" ] || exit 9
echo "$3" >> hosts; exec setsid --wait env -i PATH="$PATH" bash -c "$6"
""",
    "mpirun": """
if [ "$1" = --version ]; then echo "mpirun (Open MPI) 4.1.4"; exit; fi
[ "$1" = -n ] || exit 9; count=$2; shift 2; pairs=()
while [ "$1" = -x ]; do pairs+=("$2"); shift 2; done
[ "$1 $2" = "--hostfile hosts.txt" ] || exit 9; shift 2
for i in $(seq $count); do env "${pairs[@]}" "$@" & pids+=" $!"; done
for pid in $pids; do wait $pid || exit 1; done
""",
    "srun": """
[ "$1 $2 $3 $5" = "--share --exclusive=user -N -n" ] || exit 9
count=$6; shift 6
for i in $(seq $count); do "$@" & pids+=" $!"; done
for pid in $pids; do wait $pid || exit 1; done
""",
}


def other_machines(folder, launcher):
    """Return the options and the environment of a launcher whose other machines are this one."""
    (folder / "bin").mkdir()
    for name, text in FAKES.items():
        (folder / "bin" / name).write_text(f"#!/bin/bash\n{text.lstrip()}")
        (folder / "bin" / name).chmod(0o755)
    (folder / "hosts.txt").write_text("127.0.0.1:2222\n")
    options = ["--launcher", launcher, "--host-ip", "127.0.0.1"]
    options += [] if launcher == "slurm" else ["--hostfile", "hosts.txt"]
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return options, os.environ | {"PATH": path, "DMLC_NODE_HOST": "127.0.0.1"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["ssh", "mpi", "slurm"])
def test_launchers_of_other_machines(folder, launcher):
    options, env = other_machines(folder, launcher)
    status, out, err = end(start("--num-epochs", "2", launcher=options, env=env))
    assert status == 0 and out.endswith("of each of 2 workers\n"), err
    if launcher == "ssh":
        assert (folder / "hosts").read_text().split() == ["127.0.0.1"] * 3


@pytest.mark.slow
def test_a_job_ends_whose_processes_do_not_hear_of_each_other(folder):
    """Three jobs side by side, since each of them waits for as long as a job's patience."""
    options, env = other_machines(folder, "ssh")
    elsewhere = {"worker": {}, "scheduler": {}, "launcher": {"launcher": options, "env": env}}
    jobs = {}
    for lost, where in elsewhere.items():
        (folder / lost).mkdir()
        (folder / lost / "hosts.txt").symlink_to(folder / "hosts.txt")
        long = ["--num-epochs", "100000", "--log", "log"]
        jobs[lost] = start(*long, folder=folder / lost, **where)

    def hang(role):
        """Return how a job ends that lost a process, and after how many seconds."""
        victim = under_way(folder / role, jobs[role])[role][-1]
        os.kill(victim, signal.SIGSTOP)  # as if its machine had lost the network
        began = time.monotonic()
        return *end(jobs[role], folder / role), time.monotonic() - began

    try:
        with ThreadPoolExecutor() as pool:
            ended = [pool.submit(hang, role) for role in ("worker", "scheduler")]
            under_way(folder / "launcher", jobs["launcher"])
            for pipe in (jobs["launcher"].stdout, jobs["launcher"].stderr):
                pipe.close()  # nobody reads them any more
            jobs["launcher"].kill()
            jobs["launcher"].wait()
            see_all_end(folder / "launcher", 60)
        for job, whom in zip(ended, ("1 of its processes", "its scheduler"), strict=True):
            status, _, err, seconds = job.result()
            assert status == 1 and 10 < seconds < 60
            assert f"the job has not heard of {whom} for 20 seconds" in err
    finally:
        for job in jobs.values():
            job.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", "0", "--", "train"], "num_workers must be >= 1, not 0"),
        (["-n", "2", "-s", "0", "--", "train"], "num_servers must be >= 1, not 0"),
        (["-n", "two", "--", "train"], "'two'"),
        (["-n", "2"], "train"),
        (["-n", "2", "--", "sample"], "only train can be launched, not 'sample'"),
        (["-n", "2", "--", "train", "--speed", "9"], "--speed"),
        (["-n", "2", "--launcher", "pigeon", "--", "train"], "pigeon"),
        (["-n", "2", "--launcher", "ssh", "--", "train"], "ssh needs --hostfile"),
        (["-n", "2", "--hostfile", "a text", "--", "train"], "local has no use for --hostfile"),
        (["-n", "2", "--launcher", "mpi", "--hostfile", "no", "--", "train"], "'no'"),
        (["-n", "2", "--launcher", "mpi", "--hostfile", "empty", "--", "train"], "empty names no"),
        (["-n", "2", "--launcher", "kubernetes", "--", "train"], "--image IMAGE"),
        (["-n", "2", "--image", "book", "--", "train"], "--image IMAGE is for"),
        (
            [
                "-n",
                "2",
                "--launcher",
                "ssh",
                "--hostfile",
                "a text",
                "--",
                "train",
                "--log",
                "it's",
            ],
            'ssh cannot pass on "it\'s"',
        ),
    ],
)
def test_bad_input_is_named_before_anything_starts(folder, capsys, arguments, said):
    (folder / "empty").write_text("\n")
    with pytest.raises(SystemExit) as error:
        main(["launch", *arguments])
    assert error.value.code == 2 and said in capsys.readouterr().err


def test_a_missing_package_is_named(folder, capfd):
    options = ["launch", "-n", "2", "--host-ip", "127.0.0.1"]
    kubernetes = [*options, "--launcher", "kubernetes", "--image", "book", "--", "train"]
    assert main(kubernetes) == 1
    assert "error: the launcher kubernetes needs `python -m pip install" in capfd.readouterr().err


KUBERNETES = """
import json
class Thing(dict):
    def __init__(self, **given): super().__init__(given)
    def __getattr__(self, name): return self[name]
class Api:
    def __getattr__(self, name):
        def call(namespace, body):
            with open("asked", "a") as file: file.write(json.dumps(body) + "\\n")
            return Thing(kind="Job", metadata=body["metadata"])
        return call
class client:
    CoreV1Api = BatchV1Api = Api
    def __getattr__(self, name): return Thing
client = client()
class config:
    def load_kube_config(): pass
"""


def test_kubernetes_is_asked_for_a_job_for_each_process(folder, capfd, monkeypatch):
    (folder / "kubernetes.py").write_text(KUBERNETES)
    (folder / "yaml.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    options = ["-n", "2", "--launcher", "kubernetes", "--image", "book", "--host-ip", "127.0.0.1"]
    train = ["train", "--corpus", "a text", "--num-epochs", "2"]
    assert main(["launch", *options, "--", *train]) == 0, capfd.readouterr().err
    asked = [json.loads(line) for line in (folder / "asked").read_text().splitlines()]
    jobs = [body["spec"]["template"]["spec"]["containers"][0] for body in asked if "kind" in body]
    roles = []
    for job in jobs:
        env = {variable["name"]: variable["value"] for variable in job["env"]}
        assert (env["DMLC_NUM_WORKER"], env["DMLC_NUM_SERVER"]) == ("2", "1")
        assert job["image"] == "book"
        assert job["command"] == ["python3", "-m", "d2l_gru", *train]
        roles.append(env["DMLC_ROLE"])
    assert sorted(roles) == ["scheduler", "server", "worker", "worker"]


@pytest.mark.parametrize(
    "word", ["plain", "", "two words", "$HOME", "`date`", '"', "\\", "a'b", "two\nlines", "ä*?"]
)
def test_words_reach_the_shell_as_they_are(word):
    quoted = launch._quoted(word)
    done = subprocess.run(
        f"printf %s {quoted}", shell=True, executable="/bin/bash", stdout=subprocess.PIPE
    )
    assert done.stdout.decode() == word
