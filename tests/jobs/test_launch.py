"""What `launch` starts, and one job of several processes; tests/nightly has those that go wrong."""

import json
import os
import signal
import subprocess
import sys

import numpy
import pytest
from mxnet import cpu

from d2l_gru import checkpoint
from d2l_gru.__main__ import main
from d2l_gru.cluster import launch, process
from d2l_gru.runs.run import Run, Setting

TEXT = "the time traveller and the time machine went on and on through time " * 8
TRAIN = [sys.executable, "-m", "d2l_gru", "train"]
KUBERNETES = ["--launcher", "kubernetes", "--image", "book", "--host-ip", "127.0.0.1"]
ONLY_KUBERNETES = "--launcher kubernetes needs --image IMAGE, and no other launcher takes it"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a text").write_text(TEXT)
    (tmp_path / "hosts").write_text("one\n")
    (tmp_path / "empty").write_text("\n")
    for name in [name for name in os.environ if name.startswith("D2L_GRU_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_a_job_ends_with_the_numbers_of_one_process(folder, capfd):
    sizes = {"num_hiddens": 8, "batch_size": 4, "num_steps": 9, "num_epochs": 2, "clip": 0.2}
    setting = Setting(corpus="a text", **sizes)
    words = ["--corpus", "a text", "--device", "cpu,cpu:1"]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in sizes.items()]
    words += ["--checkpoints", "run", "--log", "log"]
    assert main(["launch", "-n", "2", "--", "train", *words]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("Perplexity ") and out.endswith(" of each of 2 workers\n") and not err
    run = Run(setting, cpu())
    while not run.done:
        for _ in run.updates_of_epoch():
            pass
    log = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    ours = [entry["perplexity"] for entry in log]
    assert ours == pytest.approx(run.history.perplexity, rel=1e-5)
    arrays, _ = checkpoint.load(checkpoint.paths("run")[0])
    for i, param in enumerate(run.model.parameters()):
        numpy.testing.assert_allclose(arrays[f"parameter {i}"], param.asnumpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "train", "launcher", "sizes", "words", "more"),
    [
        ([], [], "local", (1, 1), ["/usr/bin/env", '"D2L_GRU_DEVICE=cpu now"', *TRAIN], {}),
        (
            ["-s", "2", "--launcher", "ssh", "--hostfile", "hosts", "--host-ip", "::1"],
            ["--checkpoints", "a run"],
            "ssh",
            (1, 2),
            ["/usr/bin/env", '"D2L_GRU_DEVICE=cpu now"', *TRAIN, "--checkpoints", '"a run"'],
            {"host_file": "hosts", "host_ip": "::1", "checkpoints": "a run"},
        ),
    ],
)  # fmt: skip
def test_a_job_is_asked_for_as_the_options_say(
    folder, monkeypatch, options, train, launcher, sizes, words, more
):
    asked = []
    monkeypatch.setattr(launch, "launch", lambda *args, **more: asked.append((args, more)) or 0)
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu now")
    monkeypatch.setenv("OTHER_D2L_GRU_DEVICE", "no")
    assert main(["launch", "-n", "1", *options, "--", "train", *train]) == 0
    none = dict.fromkeys(("host_file", "host_ip", "image", "checkpoints"))
    assert asked == [((launcher, *sizes, words), none | more)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("-- train", "the following arguments are required: -n/--num-workers"),
        ("-n 0 -- train", "num_workers must be >= 1, not 0"),
        ("-n 2 -s 0 -- train", "num_servers must be >= 1, not 0"),
        ("-n two -- train", "argument -n/--num-workers: invalid int value: 'two'"),
        ("-n 2", "the following arguments are required: train ..."),
        ("-n 2 -- sample", "only train can be launched, not 'sample'"),
        ("-n 2 -- train --speed 9", "unrecognized arguments: --speed 9"),
        ("-n 2 --launcher ssh -- train", "the launcher ssh needs --hostfile FILE"),
        ("-n 2 --hostfile hosts -- train", "the launcher local does not take --hostfile"),
        ("-n 2 --launcher mpi --hostfile empty -- train", "empty lists no machine"),
        (
            "-n 2 --launcher mpi --hostfile no -- train",
            "[Errno 2] No such file or directory: 'no'",
        ),
        ("-n 2 --launcher kubernetes -- train", ONLY_KUBERNETES),
        ("-n 2 --image book -- train", ONLY_KUBERNETES),
        (
            "-n 2 --launcher ssh --hostfile hosts -- train --log it's",
            'the launcher ssh cannot pass on "it\'s"',
        ),
    ],
)
def test_bad_input_is_named_before_anything_starts(folder, capsys, arguments, said):
    with pytest.raises(SystemExit) as error:
        main(["launch", *arguments.split()])
    assert error.value.code == 2 and capsys.readouterr().err.endswith(f"error: {said}\n")


def test_ssh_cannot_enter_a_folder_of_two_words(folder, monkeypatch, capsys):
    (folder / "two words").mkdir()
    monkeypatch.chdir(folder / "two words")
    with pytest.raises(SystemExit):
        main(["launch", "-n", "1", "--launcher", "ssh", "--hostfile", "../hosts", "--", "train"])
    said = f"error: the launcher ssh cannot pass on '{folder}/two words'\n"
    assert capsys.readouterr().err.endswith(said)


def test_words_reach_the_shell_as_they_are():
    words = ["plain", "", "two words", "$HOME", "`date`", '"', "\\", "a'b", "two\nlines", "ä*?"]
    command = " ".join(["printf '%s\\0'", *map(launch._quoted, words)])
    assert subprocess.check_output(["bash", "-c", command], text=True) == "\0".join([*words, ""])


CLIENT = """
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
    train = ["train", "--corpus", "a text", "--num-epochs", "2"]
    assert main(["launch", "-n", "2", *KUBERNETES, "--", *train]) == 1
    said = "error: the launcher kubernetes needs `python -m pip install kubernetes`"
    assert capfd.readouterr().err.startswith(said)
    (folder / "kubernetes.py").write_text(CLIENT)
    (folder / "yaml.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert main(["launch", "-n", "2", *KUBERNETES, "--", *train]) == 0, capfd.readouterr().err
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


def of_tracker(code):
    sent = "on ['train'] {'DMLC_ROLE': 'server', 'HOME': '/'}"
    return RuntimeError(f"Get nonzero return code={code} {sent}")


def of_command(code, command):
    return subprocess.CalledProcessError(code, command)


MPI = "mpirun -x DMLC_ROLE worker -x DMLC_ROLE: worker"
SSH = "ssh one 'export DMLC_ROLE=worker; export DMLC_NODE_HOST=one; train'"


@pytest.mark.parametrize(
    ("error", "code", "described", "stopped"),
    [
        (of_tracker(143), 143, "a server was killed by SIGTERM", signal.SIGTERM),
        (of_tracker(129), 129, "a server was killed by SIGHUP", signal.SIGHUP),
        (of_tracker(128), 128, "a server ended with status 128", None),
        (of_tracker(130), 130, "a server ended with status 130", signal.SIGINT),
        (ValueError("so: Get nonzero return code=3"), 1, "so: Get nonzero return code=3", None),
        (of_command(1, "train"), 1, "the scheduler ended with status 1", None),
        (of_command(255, SSH), 255, "a worker on one ended with status 255", None),
        (of_command(-15, MPI), -15, "a worker was killed by SIGTERM", signal.SIGTERM),
    ],
)
def test_an_error_says_who_ended_and_how(error, code, described, stopped):
    assert launch._described(error) == (code, described)
    assert launch._stopped_by(code) == stopped


# A process, alone.


def test_a_process_has_the_role_that_it_was_told(monkeypatch):
    monkeypatch.delenv("DMLC_ROLE", raising=False)
    assert process.role() is None and process.leave(3) == 3
    with process.member() as store:
        assert store is None
    for role in process.ROLES:
        monkeypatch.setenv("DMLC_ROLE", role)
        assert process.role() == role
    for role in ("", "Worker", "boss"):
        monkeypatch.setenv("DMLC_ROLE", role)
        said = f"^DMLC_ROLE must be one of scheduler, server, worker, not {role!r}$"
        with pytest.raises(ValueError, match=said):
            process.role()
        assert process.leave(2) == 2


def test_a_lost_terminal_stops_no_program_that_nohup_started(monkeypatch):
    def handle(*_):
        pass

    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with process.signals(handle):
            assert signal.getsignal(signal.SIGTERM) is handle
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, hangup)
