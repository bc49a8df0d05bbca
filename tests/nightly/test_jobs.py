"""Jobs of several processes end whenever one of them dies, is stopped or hears nothing."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest

from d2l_gru import checkpoint
from d2l_gru.__main__ import main

TEXT = "the time traveller and the time machine went on and on through time " * 8
SMALL = ["--num-hiddens", "8", "--batch-size", "4", "--num-steps", "9", "--device", "cpu"]
LONG = ["--num-epochs", "100000", "--log", "log"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a text").write_text(TEXT)
    return tmp_path


def start(*train, launcher=(), env=None, folder="."):
    command = [sys.executable, "-m", "d2l_gru", "launch", "-n", "2", *launcher]
    command += ["--", "train", "--corpus", os.path.abspath("a text"), *SMALL, *train]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, cwd=folder, **pipes)


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
    assert f"the last checkpoint is {newest}; to continue from it, add --resume" in err
    epoch = checkpoint.load(newest)[1]["epoch"]
    assert epoch == (folder / "log").read_text().count("\n") + 1  # of the moment

    until = ["--num-epochs", str(epoch + 1)]
    assert end(start(*kept, *until, "--resume"))[0] == 0
    assert end(start(*short, *until, "--checkpoints", "whole"))[0] == 0
    theirs = parameters("whole")
    for name, array in parameters("run").items():
        numpy.testing.assert_array_equal(array, theirs[name])


def test_a_second_ctrl_c_ends_a_job_that_cannot_stop_by_itself(folder):
    job = start(*LONG)
    os.kill(under_way(folder, job)["server"][0], signal.SIGSTOP)
    job.send_signal(signal.SIGINT)
    assert job.stderr.readline() == "stopping\n"
    job.send_signal(signal.SIGINT)
    assert job.wait(timeout=20) == 128 + signal.SIGINT  # where the first would have 30 seconds
    end(job)


@pytest.mark.parametrize("role", ["worker", "server", "scheduler"])
def test_a_dead_process_ends_the_job_and_its_checkpoint_is_kept(folder, role):
    kept = ["--checkpoints", "run", "--checkpoint-every", "0", "--log", "log"]
    job = start("--num-epochs", "100000", *kept)
    os.kill(under_way(folder, job)[role][-1], signal.SIGKILL)
    status, out, err = end(job)
    assert status == 1 and out == ""
    who = "the scheduler" if role == "scheduler" else f"a {role}"
    assert f"error: {who} was killed by SIGKILL; the job was stopped\n" in err
    path, arrays, _ = checkpoint.latest("run")
    assert str(path) in err and arrays
    more = ["--num-epochs", str(checkpoint.load(path)[1]["epoch"] + 1), *kept]
    assert main(["train", "--resume", "--device", "cpu", *more]) == 0  # alone, where a job was


def test_no_process_outlives_the_launcher(folder):
    job = start(*LONG)
    under_way(folder, job)
    job.kill()
    assert end(job)[0] == -signal.SIGKILL


def test_an_error_of_a_worker_ends_the_job(folder):
    status, out, err = end(start("--batch-size", "5"))
    assert status == 1 and out == ""
    assert "error: a minibatch of 5 rows is not divisible among 2 workers" in err
    assert "error: a worker ended with status 2; the job was stopped" in err


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


@pytest.mark.parametrize("launcher", ["ssh", "mpi", "slurm"])
def test_launchers_of_other_machines(folder, launcher):
    options, env = other_machines(folder, launcher)
    status, out, err = end(
        start("--num-epochs", "2", "--model", "scratch", launcher=options, env=env)
    )
    assert status == 0 and out.endswith("of each of 2 workers\n"), err
    if launcher == "ssh":
        assert (folder / "hosts").read_text().split() == ["127.0.0.1"] * 3


def test_a_job_ends_whose_processes_do_not_hear_of_each_other(folder):
    """Three jobs side by side, since each of them waits for as long as a job's patience."""
    options, env = other_machines(folder, "ssh")
    elsewhere = {"worker": {}, "scheduler": {}, "launcher": {"launcher": options, "env": env}}
    jobs = {}
    for lost, where in elsewhere.items():
        (folder / lost).mkdir()
        (folder / lost / "hosts.txt").symlink_to(folder / "hosts.txt")
        jobs[lost] = start(*LONG, folder=folder / lost, **where)

    def hang(role):
        """Return how a job ends that lost a process."""
        victim = under_way(folder / role, jobs[role])[role][-1]
        os.kill(victim, signal.SIGSTOP)  # as if its machine had lost the network
        return end(jobs[role], folder / role)

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
            status, _, err = job.result()
            assert status == 1
            assert f"no heartbeat from {whom} for 20 seconds" in err
    finally:
        for job in jobs.values():
            job.kill()
