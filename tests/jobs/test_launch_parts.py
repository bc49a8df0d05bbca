"""The steps of a launch one by one, with no job behind them: words, waiting, the end of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import types

import numpy
import pytest

from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.cluster import launch
from d2l_gru.cluster.process import STOPPING


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return what `launch` is called with, in the place of a job."""
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "launch", lambda *args, **more: calls.append((args, more)) or 0)
    for name in [name for name in os.environ if name.startswith("D2L_GRU_")]:
        monkeypatch.delenv(name)
    return calls


TRAIN = [sys.executable, "-m", "d2l_gru", "train"]


def test_a_job_is_asked_for_as_the_options_say(asked, tmp_path, monkeypatch):
    (tmp_path / "hosts").write_text("one\n")
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu now")
    monkeypatch.setenv("OTHER_D2L_GRU_DEVICE", "no")
    options = ["-n", "3", "-s", "2", "--launcher", "ssh", "--hostfile", "hosts", "--host-ip", "::1"]
    assert main(["launch", *options, "--", "train", "--checkpoints", "a run"]) == 0
    words = ["/usr/bin/env", '"D2L_GRU_DEVICE=cpu now"', *TRAIN, "--checkpoints", '"a run"']
    more = {"host_file": "hosts", "host_ip": "::1", "image": None, "checkpoints": "a run"}
    assert asked == [(("ssh", 3, 2, words), more)]


def test_unless_told_it_is_this_machine_and_one_server(asked):
    assert main(["launch", "-n", "1", "--", "train"]) == 0
    more = dict.fromkeys(("host_file", "host_ip", "image", "checkpoints"))
    assert asked == [(("local", 1, 1, ["/usr/bin/env", *TRAIN]), more)]


def test_a_container_has_a_python_of_its_own_and_no_shell(asked):
    options = ["-n", "1", "--launcher", "kubernetes", "--image", "book:1"]
    assert main(["launch", *options, "--", "train", "--corpus", "a text"]) == 0
    words = ["python3", "-m", "d2l_gru", "train", "--corpus", "a text"]
    assert asked[0][0][3] == words and asked[0][1]["image"] == "book:1"


def test_ssh_cannot_enter_a_folder_of_two_words(asked, tmp_path, monkeypatch, capsys):
    (tmp_path / "hosts").write_text("one\n")
    (tmp_path / "two words").mkdir()
    monkeypatch.chdir(tmp_path / "two words")
    with pytest.raises(SystemExit):
        main(["launch", "-n", "1", "--launcher", "ssh", "--hostfile", "../hosts", "--", "train"])
    said = f"error: the launcher ssh cannot pass on '{tmp_path}/two words'\n"
    assert capsys.readouterr().err.endswith(said) and not asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "the following arguments are required: -n/--num-workers"),
        (["-n", "1", "--launcher", "ssh"], "the launcher ssh needs --hostfile FILE"),
        (["-n", "1", "--image", "a"], "--image IMAGE is for --launcher kubernetes, which needs it"),
    ],
)
def test_what_is_missing_is_said_in_these_words(asked, options, said, capsys):
    with pytest.raises(SystemExit):
        main(["launch", *options, "--", "train"])
    assert capsys.readouterr().err.endswith(f"error: {said}\n") and not asked


class Process:
    """A job that ends with a status after some looks at it, each of which may bring a signal."""

    pid = 2**22 + 1  # more than Linux gives

    def __init__(self, looks, status=0, signals=()):
        self.looks, self.returncode, self.signals = looks, status, dict(signals)
        self.stdin, self.waited, self.killed = open(os.devnull), False, []

    def poll(self):
        self.looks -= 1
        if self.looks in self.signals:
            signal.raise_signal(self.signals[self.looks])
        return None if self.looks >= 0 else self.returncode

    def wait(self):
        self.waited = True


@pytest.fixture
def job(monkeypatch):
    """Return a function that launches a stand-in for a job; its clock is moved by sleeping."""
    now = [0.0]
    clock = types.SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    monkeypatch.setattr(launch, "time", clock)

    def run(process, **more):
        def start(command, **options):
            process.command, process.options = command, options
            return process

        def kill(group, number):
            process.killed.append((group, number, round(now[0], 2)))
            if process.looks < 0:
                raise ProcessLookupError

        monkeypatch.setattr(launch.subprocess, "Popen", start)
        monkeypatch.setattr(launch.os, "killpg", kill)
        return launch.launch("local", 2, 1, ["train"], host_file=None, **more)

    return run


def test_a_job_is_a_process_group_that_is_gone_at_its_end(job):
    process = Process(looks=3, status=5)
    assert job(process) == 5
    assert process.command[:4] == [sys.executable, "-m", "d2l_gru.cluster.launch", "local"]
    assert json.loads(process.command[4]) == {
        "num_workers": 2, "num_servers": 1, "command": ["train"], "host_file": None
    }  # fmt: skip
    assert process.options == {"stdin": subprocess.PIPE, "start_new_session": True}
    assert process.killed == [(Process.pid, signal.SIGKILL, 0.15)]
    assert process.stdin.closed and process.waited


@pytest.mark.parametrize("number", STOPPING)
def test_on_a_signal_a_job_may_end_by_itself(job, number, capsys):
    before = signal.getsignal(number)
    process = Process(looks=10, status=1, signals={8: number})
    assert job(process) == 128 + number
    interrupted = (Process.pid, signal.SIGINT, 0.1)
    assert process.killed == [interrupted, (Process.pid, signal.SIGKILL, 0.5)]
    assert capsys.readouterr() == ("", "stopping\n")
    assert signal.getsignal(number) is before


def test_a_job_that_does_not_end_is_given_thirty_seconds(job):
    process = Process(looks=10_000, signals={9_998: signal.SIGINT})
    assert job(process) == 130
    assert [seconds for _, _, seconds in process.killed] == [0.1, pytest.approx(30.1, abs=0.06)]


@pytest.mark.parametrize(
    ("first", "second", "ends"),
    [
        (signal.SIGINT, signal.SIGINT, 0.5),  # a person who does not want to wait
        (signal.SIGTERM, signal.SIGTERM, 30.1),  # as from `timeout`, to a process and to its group
        (signal.SIGTERM, signal.SIGINT, 30.1),
    ],
)
def test_a_second_ctrl_c_alone_ends_it_at_once(job, first, second, ends):
    process = Process(looks=10_000, signals={9_998: first, 9_990: second})
    assert job(process) == 128 + first
    assert [seconds for _, _, seconds in process.killed] == [0.1, pytest.approx(ends, abs=0.06)]


def test_the_newest_checkpoint_is_named_where_a_job_failed(job, tmp_path, capsys):
    for epoch in (1, 2):
        arrays = {"a": numpy.zeros(1, "float32")}
        path = checkpoint.save(tmp_path, arrays, {"epoch": epoch}, epoch)
    assert job(Process(1, status=1), checkpoints=str(tmp_path)) == 1
    assert capsys.readouterr() == ("", f"{path} is kept; to go on from it, add --resume\n")
    assert job(Process(1), checkpoints=str(tmp_path)) == 0
    assert job(Process(1, status=1), checkpoints=str(tmp_path / "none")) == 1
    assert job(Process(1, status=1)) == 1
    assert capsys.readouterr() == ("", "")


SENT = "{'DMLC_ROLE': 'server', 'HOME': '/'}"


@pytest.mark.parametrize(
    ("error", "described"),
    [
        (ValueError("no such thing"), (1, "no such thing")),
        (ValueError("so: Get nonzero return code=3"), (1, "so: Get nonzero return code=3")),
        (
            RuntimeError(f"Get nonzero return code=2 on ['train'] {SENT}"),
            (2, "a server ended with status 2"),
        ),
        (
            RuntimeError(f"Get nonzero return code=-9 on ['train'] {SENT}"),
            (-9, "a server was killed by SIGKILL"),
        ),
        (
            RuntimeError(f"Get nonzero return code=143 on ['train'] {SENT}"),
            (143, "a server was killed by SIGTERM"),
        ),
        (
            RuntimeError(f"Get nonzero return code=129 on ['train'] {SENT}"),
            (129, "a server was killed by SIGHUP"),
        ),
        (
            RuntimeError(f"Get nonzero return code=128 on ['train'] {SENT}"),
            (128, "a server ended with status 128"),
        ),
        (
            RuntimeError(f"Get nonzero return code=130 on ['train'] {SENT}"),
            (130, "a server ended with status 130"),
        ),
        (subprocess.CalledProcessError(1, "train"), (1, "the scheduler ended with status 1")),
        (
            subprocess.CalledProcessError(
                255, "ssh one 'export DMLC_ROLE=worker; export DMLC_NODE_HOST=one; train'"
            ),
            (255, "a worker on one ended with status 255"),
        ),
        (
            subprocess.CalledProcessError(-15, "mpirun -x DMLC_ROLE worker -x DMLC_ROLE: worker"),
            (-15, "a worker was killed by SIGTERM"),
        ),
    ],
)
def test_an_error_of_a_launcher_says_who_ended_and_how(error, described):
    assert launch._described(error) == described


@pytest.fixture
def track(monkeypatch):
    """Return a function that tracks a job whose processes are threads that run functions."""
    with_parent, handled, daemons = threading.Event(), {}, []

    def end_with_parent():
        daemons.append(threading.current_thread().daemon)
        with_parent.set()

    monkeypatch.setattr(launch, "_end_with_parent", end_with_parent)
    monkeypatch.setattr(launch.signal, "signal", handled.__setitem__)

    def run(*functions, fails=None):
        made = []

        def submit(launcher, job, Thread):
            assert (launcher, job) == ("ssh", {"num_workers": 1})
            daemons.append(threading.current_thread().daemon)
            for function in functions:
                thread = Thread(target=function)
                thread.setDaemon(True)
                thread.start()
                made.append(thread)
                assert thread.isAlive() is thread.is_alive()
            if fails:
                raise fails

        monkeypatch.setattr(launch, "_submit", submit)
        status = launch._track("ssh", {"num_workers": 1})
        assert with_parent.wait(1) and list(handled) == [*STOPPING]
        assert handled[signal.SIGINT](signal.SIGINT, None) is None
        assert daemons == [True, True] and all(thread.daemon for thread in made)
        return status

    return run


def raises(error):
    def function():
        raise error

    return function


def test_a_job_ends_well_when_all_of_its_processes_have(track, capsys):
    release, ended = threading.Event(), []
    threading.Timer(0.1, release.set).start()
    assert track(lambda: None, lambda: release.wait(5) and ended.append(1)) == 0
    assert ended == [1] and capsys.readouterr() == ("", "")


def test_a_job_ends_when_one_of_its_processes_fails(track, capsys):
    forever = threading.Event()
    assert track(forever.wait, raises(RuntimeError("Get nonzero return code=2 on x"))) == 1
    assert (
        capsys.readouterr().err == "error: the scheduler ended with status 2; the job was ended\n"
    )
    forever.set()


def test_a_job_that_cannot_be_started_says_why(track, capsys):
    assert track(fails=OSError("no ssh here")) == 1
    assert capsys.readouterr().err == "error: no ssh here; the job was ended\n"


@pytest.mark.parametrize(
    ("status", "ends", "said"),
    [
        (130, 130, ""),
        (-2, 130, ""),
        (143, 143, "the scheduler was killed by SIGTERM; the job stops\n"),
        (-15, 143, "the scheduler was killed by SIGTERM; the job stops\n"),
        (129, 129, "the scheduler was killed by SIGHUP; the job stops\n"),
    ],
)
def test_a_stopped_job_waits_for_all_of_its_processes(track, status, ends, said, capsys):
    release, ended = threading.Event(), []
    interrupted = RuntimeError(f"Get nonzero return code={status} on x")

    def goes_on():
        release.wait(5)
        ended.append(1)

    threading.Timer(0.2, release.set).start()
    assert track(goes_on, raises(interrupted)) == ends
    assert ended == [1] and capsys.readouterr() == ("", said)


def test_an_interrupted_job_does_not_wait_for_ever(track, monkeypatch):
    monkeypatch.setattr(launch, "GRACE", 0.05)
    forever = threading.Event()
    assert track(forever.wait, raises(RuntimeError("Get nonzero return code=130 on x"))) == 130
    forever.set()


def test_the_processes_end_when_the_input_of_the_launcher_closes(monkeypatch):
    read, write = os.pipe()
    killed, over = [], threading.Event()

    def kill(group, number):
        killed.append((group, number))
        over.set()

    monkeypatch.setattr(launch.os, "killpg", kill)
    monkeypatch.setattr(launch.sys, "stdin", types.SimpleNamespace(fileno=lambda: read))
    threading.Thread(target=launch._end_with_parent, daemon=True).start()
    os.write(write, b"still here")
    assert not over.wait(0.1)
    os.close(write)
    assert over.wait(2) and killed == [(0, signal.SIGKILL)]
    os.close(read)


@pytest.fixture
def tracker(monkeypatch):
    """Stand in for dmlc_tracker; return what its launchers are called with."""
    found = types.SimpleNamespace(submitted=[])

    def module(name, **holds):
        made = types.ModuleType(name)
        vars(made).update(holds)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    found.tracker = module(
        "dmlc_tracker.tracker",
        get_host_ip=lambda host=None: "10.1.1.1",
        PSTracker=lambda *args, **more: (args, more),
    )
    found.launchers = {
        name: module(f"dmlc_tracker.{name}", submit=found.submitted.append)
        for name in ("local", "ssh")
    }
    monkeypatch.setenv("DMLC_NODE_HOST", "to be taken back")  # what a test leaves in it
    monkeypatch.delenv("DMLC_NODE_HOST")
    return found


JOB = {
    "num_workers": 2, "num_servers": 1, "command": ["train"], "host_file": None, "image": "book",
}  # fmt: skip


@pytest.mark.parametrize(
    ("launcher", "told", "host"),
    [
        ("local", "10.2.2.2", "127.0.0.1"),
        ("ssh", "10.2.2.2", "10.2.2.2"),
        ("ssh", None, "10.1.1.1"),
    ],
)
def test_the_tracker_is_mended_and_told_its_host(tracker, launcher, told, host, monkeypatch):
    monkeypatch.setattr(launch.random, "randrange", lambda low, high: (low + high) // 2)
    thread = object()
    launch._submit(launcher, JOB | {"host_ip": told}, thread)
    assert os.environ.get("DMLC_NODE_HOST") == (host if launcher == "local" else None)
    assert tracker.tracker.Thread is tracker.launchers[launcher].Thread is thread
    assert tracker.tracker.get_host_ip() == tracker.tracker.get_host_ip("auto") == host
    made = tracker.tracker.PSTracker(hostIP=host)
    assert made == ((), {"hostIP": host, "port": 25_000, "port_end": 25_100})
    assert vars(tracker.submitted[0]) == JOB | {
        "host_ip": told, "local_num_attempt": 0, "sync_dst_dir": None, "jobname": None,
        "slurm_worker_nodes": None, "slurm_server_nodes": None, "kube_namespace": "default",
        "kube_worker_image": "book", "kube_server_image": "book", "kube_worker_template": None,
        "kube_server_template": None,
    }  # fmt: skip


def test_two_jobs_have_ports_of_their_own(tracker):
    found = set()
    for _ in range(5):
        launch._submit("local", JOB | {"host_ip": None}, None)
        found.add(tracker.tracker.PSTracker.keywords["port"])
    assert len(found) > 1 and all(20_000 <= port < 30_000 for port in found)


def test_what_a_launcher_needs_is_named(tracker, monkeypatch):
    monkeypatch.setitem(sys.modules, "dmlc_tracker.kubernetes", None)
    with pytest.raises(ModuleNotFoundError) as error:
        launch._submit("kubernetes", JOB | {"host_ip": None}, None)
    said = "the launcher kubernetes needs `python -m pip install dmlc_tracker.kubernetes`"
    assert str(error.value) == said and error.value.__suppress_context__
