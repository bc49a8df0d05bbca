"""The command ``launch``: one training run on several machines, by MXNet's launchers.

The package ``dmlc_tracker`` in MXNet's wheel starts the processes of a job: by itself, or through
ssh, mpirun, srun or Kubernetes.  Three of its faults are fixed here: it calls ``Thread.isAlive``,
which Python 3.9 removed; it passes words to a shell unquoted; and it keeps waiting when one of its
processes has died.
"""

import contextlib
import functools
import importlib
import json
import os
import queue
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

from d2l_gru.cluster.process import STOPPING, signals

LAUNCHERS = ("local", "ssh", "mpi", "slurm", "kubernetes")
GRACE = 30  # seconds for the workers to finish an update and write a checkpoint, after a signal


def add_parser(subparsers, train_parser):
    """Add the command ``launch``, which takes the arguments of ``train`` after ``--``."""
    parser = subparsers.add_parser(
        "launch", help="train on several machines", usage="%(prog)s -n N [options] -- train ..."
    )
    parser.add_argument("-n", "--num-workers", type=int, required=True, metavar="N")
    parser.add_argument("-s", "--num-servers", type=int, default=1, metavar="N")
    parser.add_argument("--launcher", choices=LAUNCHERS, default="local")
    parser.add_argument("--hostfile", metavar="FILE", help="for ssh and mpi: one machine per line")
    parser.add_argument("--host-ip", metavar="ADDRESS", help="where the others reach this machine")
    parser.add_argument("--image", help="for kubernetes: a container image with this package")
    parser.add_argument("command", nargs="+", metavar="train ...", help="see train --help")
    parser.set_defaults(run=lambda options: _checked(options, parser, train_parser))


def _checked(options, parser, train_parser):
    launcher, (name, *arguments) = options.launcher, options.command
    for count in ("num_workers", "num_servers"):
        if getattr(options, count) < 1:
            parser.error(f"{count} must be >= 1, not {getattr(options, count)}")
    if name != "train":
        parser.error(f"only train can be launched, not {name!r}")
    training = train_parser.parse_args(arguments)  # one error, not one from each process
    if launcher == "ssh" and not options.hostfile:
        parser.error("the launcher ssh needs --hostfile FILE")
    if options.hostfile and launcher not in ("ssh", "mpi"):
        parser.error(f"the launcher {launcher} does not take --hostfile")
    if bool(options.image) != (launcher == "kubernetes"):
        parser.error("--launcher kubernetes needs --image IMAGE, and no other launcher takes it")
    try:
        if options.hostfile and not Path(options.hostfile).read_text().split():
            parser.error(f"{options.hostfile} lists no machine")
        command = _command(arguments, launcher)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return launch(
        launcher, options.num_workers, options.num_servers, command,
        host_file=options.hostfile, host_ip=options.host_ip, image=options.image,
        checkpoints=training.checkpoints,
    )  # fmt: skip


def _command(arguments, launcher):
    """Return the words that start ``train`` in each process, quoted for the launcher's shell."""
    if launcher == "kubernetes":  # has no shell, and a different Python
        return ["python3", "-m", "d2l_gru", "train", *arguments]
    ours = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("D2L_GRU_")]
    words = ["/usr/bin/env", *ours, sys.executable, "-m", "d2l_gru", "train", *arguments]
    if launcher == "ssh":  # puts everything in single quotes, and the folder before it unquoted
        folder = os.getcwd()
        awkward = [word for word in words if "'" in word]
        awkward += [folder] if shlex.quote(folder) != folder else []
        if awkward:
            raise ValueError(f"the launcher ssh cannot pass on {awkward[0]!r}")
    return [_quoted(word) for word in words]


def _quoted(word):
    if shlex.quote(word) == word:
        return word
    return '"' + re.sub(r'(["$`\\])', r"\\\1", word) + '"'


def launch(launcher, num_workers, num_servers, command, *, checkpoints=None, **more):
    """Run a job to its end; return its exit status.

    Its processes on this machine are one process group, which is gone when this returns.
    """
    stop = []
    job = {"num_workers": num_workers, "num_servers": num_servers, "command": command, **more}
    with signals(lambda number, _: stop.append(number)):
        process = subprocess.Popen(
            [sys.executable, "-m", "d2l_gru.cluster.launch", launcher, json.dumps(job)],
            stdin=subprocess.PIPE,  # closes when this process dies, however it does
            start_new_session=True,
        )
        try:
            status = _wait(process, stop)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdin.close()
            process.wait()
    if status and checkpoints:
        from d2l_gru import checkpoint

        if kept := checkpoint.paths(checkpoints):
            _say(f"the last checkpoint is {kept[0]}; to continue from it, add --resume")
    return status


def _say(text):
    with contextlib.suppress(OSError):  # after SIGHUP the terminal is gone
        print(text, file=sys.stderr)


def _wait(process, stop):
    """Return the job's exit status; on a signal let it stop by itself, for GRACE seconds."""
    deadline = None
    while process.poll() is None:
        time.sleep(0.05)
        if stop and deadline is None:
            _say("stopping")
            deadline = time.monotonic() + GRACE
            os.killpg(process.pid, signal.SIGINT)
        if stop.count(signal.SIGINT) > 1 or (deadline and time.monotonic() > deadline):
            break
    return 128 + stop[0] if stop else process.returncode


def _track(launcher, job):
    """Start the processes of a job, and wait for the end of all or the failure of one."""
    for number in STOPPING:  # the workers get it, too, and end the job
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    events, threads = queue.SimpleQueue(), []

    class Thread(threading.Thread):
        """The thread in which dmlc_tracker starts each process."""

        isAlive = threading.Thread.is_alive

        def setDaemon(self, daemon):
            self.daemon = daemon

        def run(self):
            threads.append(self)
            try:
                super().run()
            except Exception as error:
                events.put(error)

    def submit():
        try:
            _submit(launcher, job, Thread)
            for thread in threads:
                thread.join()
            events.put(None)
        except Exception as error:
            events.put(error)

    threading.Thread(target=submit, daemon=True).start()
    error = events.get()
    if error is None:
        return 0
    status, said = _described(error)
    number = _stopped_by(status)
    if number is None:
        _say(f"error: {said}; the job was stopped")
        return 1
    if number != signal.SIGINT:
        _say(f"{said}; the job stops")
    for thread in threads:
        thread.join(GRACE)
    return 128 + number


def _end_with_parent():
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _submit(launcher, job, Thread):
    tracker = importlib.import_module("dmlc_tracker.tracker")
    try:
        module = importlib.import_module(f"dmlc_tracker.{launcher}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the launcher {launcher} needs `python -m pip install {error.name}`"
        ) from None
    if launcher == "local":
        os.environ["DMLC_NODE_HOST"] = host = "127.0.0.1"
    else:
        host = job["host_ip"] or tracker.get_host_ip()
    tracker.Thread = module.Thread = Thread
    tracker.get_host_ip = lambda *_: host
    port = random.randrange(20_000, 30_000)  # so that two jobs do not collide
    tracker.PSTracker = functools.partial(tracker.PSTracker, port=port, port_end=port + 100)
    defaults = {
        "local_num_attempt": 0, "sync_dst_dir": None, "slurm_worker_nodes": None,
        "slurm_server_nodes": None, "jobname": None, "kube_namespace": "default",
        "kube_worker_image": job["image"], "kube_server_image": job["image"],
        "kube_worker_template": None, "kube_server_template": None,
    }  # fmt: skip
    module.submit(types.SimpleNamespace(**defaults, **job))


def _stopped_by(status):
    """Return the number of the signal by which a process was asked to stop, or None."""
    return next((number for number in STOPPING if status in (128 + number, -number)), None)


def _described(error):
    """Return the exit status in an error of dmlc_tracker, and the error in words."""
    text = str(error)
    status = getattr(error, "returncode", None)
    if status is None:
        found = re.match(r"Get nonzero return code=(-?\d+)", text)
        if not found:
            return 1, text
        status = int(found[1])
    role = re.search(r"DMLC_ROLE'?[=:] ?'?(\w+)", text)
    host = re.search(r"DMLC_NODE_HOST=([^ ;]+);", text)
    who = f"a {role[1]}" if role else "the scheduler"
    who += f" on {host[1]}" if host else ""
    number = -status if status < 0 else status - 128
    if number in set(signal.Signals) and status != 128 + signal.SIGINT:
        return status, f"{who} was killed by {signal.Signals(number).name}"
    return status, f"{who} ended with status {status}"


if __name__ == "__main__":
    sys.exit(_track(sys.argv[1], json.loads(sys.argv[2])))
