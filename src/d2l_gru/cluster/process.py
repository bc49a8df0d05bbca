"""One process of a job on several machines: the scheduler, a server or a worker.

MXNet's launchers start one command many times and pass each process its role in ``DMLC_ROLE``.  A
process that waits for a dead one would wait for ever.  Therefore the scheduler exits when it misses
the heartbeat of a server or worker, and these exit when they miss the scheduler's.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading

ROLE = "DMLC_ROLE"
ROLES = ("scheduler", "server", "worker")
HEARTBEAT, PATIENCE = 3, 20  # seconds
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, a scheduler, a lost terminal
_EVERYONE = 7  # MXNet's id for the group of scheduler, servers and workers


def role():
    """Return the role of this process, or None outside a job.

    Raises:
        ValueError: ``DMLC_ROLE`` is not a role.
    """
    found = os.environ.get(ROLE)
    if found is not None and found not in ROLES:
        raise ValueError(f"{ROLE} must be one of {', '.join(ROLES)}, not {found!r}")
    return found


@contextlib.contextmanager
def signals(handler):
    """Handle the signals that stop a program, for as long as the context lasts.

    An ignored SIGHUP stays ignored, as ``nohup`` requires.  Outside the main thread, which alone
    receives signals, nothing is changed.  In a job, the signals are ignored afterwards, because its
    processes wait for each other before they exit.
    """
    ours = [n for n in STOPPING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    before = [signal.signal(number, handler) for number in ours]
    try:
        yield
    finally:
        for number, earlier in zip(ours, before, strict=True):
            signal.signal(number, signal.SIG_IGN if os.environ.get(ROLE) in ROLES else earlier)


def serve():
    """Run as scheduler or server, until all workers are done."""
    mine = os.environ.pop(ROLE)  # with it, `import mxnet` would serve, without a heartbeat check
    from d2l_gru.mxnet._import import mxnet

    os.environ[ROLE] = mine
    with signals(signal.SIG_IGN), _watched("dist") as store:  # the workers end a job
        mxnet.kvstore.kvstore_server.KVStoreServer(store).run()


@contextlib.contextmanager
def member():
    """Join the job as a worker: yield the store that sums over all workers, None outside a job."""
    if role() is None:
        yield None
        return
    with _watched("dist_sync") as store:
        yield store


@contextlib.contextmanager
def _watched(name):
    from d2l_gru.mxnet._import import mxnet

    os.environ["PS_HEARTBEAT_INTERVAL"] = str(HEARTBEAT)
    os.environ["PS_HEARTBEAT_TIMEOUT"] = str(PATIENCE)
    store, over = mxnet.kv.create(name), threading.Event()
    thread = threading.Thread(target=_watch, args=(store, over), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        over.set()
        thread.join()


def _watch(store, over):
    while not over.wait(HEARTBEAT):
        if missing := _missing(store):
            whom = f"{missing} of its processes" if role() == "scheduler" else "its scheduler"
            said = f"error: {role()}: no heartbeat from {whom} for {PATIENCE} seconds"
            with contextlib.suppress(OSError):  # the launcher, which would read it, may be gone
                print(said, file=sys.stderr)
            os._exit(1)


def _missing(store):
    from mxnet.base import _LIB, check_call

    number = ctypes.c_int()
    check_call(
        _LIB.MXKVStoreGetNumDeadNode(
            store.handle, ctypes.c_int(_EVERYONE), ctypes.byref(number), ctypes.c_int(PATIENCE)
        )
    )
    return number.value


def leave(status):
    """End this process; in a job, do not wait for the others, which cannot go on without it."""
    if os.environ.get(ROLE) in ROLES:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
