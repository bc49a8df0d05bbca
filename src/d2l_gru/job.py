"""One process of a job on several machines: the scheduler, a server or a worker.

MXNet's launchers start one command many times and tell each process its role in ``DMLC_ROLE``.  A
process that waits for a dead one would wait for ever.  So the scheduler ends when it misses the
heartbeat of a server or worker, and these end when they miss the scheduler's.
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
_EVERYONE = 7  # what MXNet calls the group of scheduler, servers and workers


def role():
    """Return the role of this process, or None outside of a job.

    Raises:
        ValueError: ``DMLC_ROLE`` is no role.
    """
    found = os.environ.get(ROLE)
    if found is not None and found not in ROLES:
        raise ValueError(f"{ROLE} must be one of {', '.join(ROLES)}, not {found!r}")
    return found


def serve():
    """Be the scheduler or a server, until all workers are done."""
    mine = os.environ.pop(ROLE)  # with it, `import mxnet` would serve, unwatched
    from d2l_gru._mxnet import mxnet

    os.environ[ROLE] = mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the workers end a job
    with _watched("dist") as store:
        mxnet.kvstore.kvstore_server.KVStoreServer(store).run()


@contextlib.contextmanager
def member():
    """Join the job as a worker: yield the store that adds up over all workers, None if alone."""
    if role() is None:
        yield None
        return
    with _watched("dist_sync") as store:
        yield store


@contextlib.contextmanager
def _watched(name):
    from d2l_gru._mxnet import mxnet

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
            said = f"error: {role()}: the job has not heard of {whom} for {PATIENCE} seconds"
            with contextlib.suppress(OSError):  # the launcher, who would read it, may be gone
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
    """End this process; in a job without waiting for the others, who cannot go on without it."""
    if role() is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
