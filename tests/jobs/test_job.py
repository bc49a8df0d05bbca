"""A process of a job, alone: what it is, what it asks MXNet for, and how it ends."""

import contextlib
import os
import signal
import threading
import types

import pytest

from d2l_gru.cluster import process as job
from d2l_gru.mxnet import _import as _mxnet


class Store:
    handle = object()


class Ended(Exception):
    """In the place of `os._exit`, which would end the tests."""


@pytest.fixture
def exits(monkeypatch):
    statuses = []

    def leave(status):
        statuses.append(status)
        raise Ended

    monkeypatch.setattr(job.os, "_exit", leave)
    return statuses


@pytest.fixture
def store(monkeypatch):
    """Stand in for MXNet's store; return what it was asked for."""
    found = types.SimpleNamespace(asked=[], served=[], store=Store(), watched=None)

    def create(name):
        variables = {name: os.environ.get(name) for name in ("PS_HEARTBEAT_INTERVAL", job.ROLE)}
        found.asked.append((name, os.environ["PS_HEARTBEAT_TIMEOUT"], variables))
        return found.store

    def server(given):
        assert given is found.store
        handled = [signal.getsignal(number) for number in job.STOPPING]
        return types.SimpleNamespace(run=lambda: found.served.append(handled))

    def watch(given, over):
        found.watched = threading.current_thread().daemon, given, over.wait(5)

    fake = types.SimpleNamespace(
        kv=types.SimpleNamespace(create=create),
        kvstore=types.SimpleNamespace(kvstore_server=types.SimpleNamespace(KVStoreServer=server)),
    )
    monkeypatch.setattr(_mxnet, "mxnet", fake)
    monkeypatch.setattr(job, "_watch", watch)
    for name in ("PS_HEARTBEAT_INTERVAL", "PS_HEARTBEAT_TIMEOUT"):
        monkeypatch.setenv(name, "1")
    return found


@pytest.mark.parametrize("role", ["scheduler", "server", "worker"])
def test_a_process_is_what_it_was_told(monkeypatch, role):
    monkeypatch.setenv("DMLC_ROLE", role)
    assert job.role() == role


@pytest.mark.parametrize("role", ["", "Worker", "boss"])
def test_another_role_is_named(monkeypatch, exits, role):
    monkeypatch.setenv("DMLC_ROLE", role)
    with pytest.raises(ValueError) as error:
        job.role()
    said = f"DMLC_ROLE must be one of scheduler, server, worker, not {role!r}"
    assert str(error.value) == said
    assert job.leave(2) == 2 and not exits


def test_alone_there_is_no_store_and_no_hurry(monkeypatch, exits):
    monkeypatch.delenv("DMLC_ROLE", raising=False)
    assert job.role() is None
    with job.member() as store:
        assert store is None
    assert job.leave(3) == 3 and not exits


def test_a_worker_has_a_store_and_is_watched_until_it_is_done(monkeypatch, store):
    monkeypatch.setenv("DMLC_ROLE", "worker")
    with pytest.raises(ZeroDivisionError), job.member() as found:
        assert found is store.store and store.watched is None
        raise ZeroDivisionError
    assert store.watched == (True, store.store, True)
    variables = {"PS_HEARTBEAT_INTERVAL": "3", job.ROLE: "worker"}
    assert store.asked == [("dist_sync", "20", variables)]


def test_a_server_serves_with_its_role_and_leaves_signals_to_the_workers(monkeypatch, store):
    monkeypatch.setenv("DMLC_ROLE", "server")
    before = [signal.getsignal(number) for number in job.STOPPING]
    try:
        job.serve()
        after = [signal.getsignal(number) for number in job.STOPPING]
    finally:
        for number, handler in zip(job.STOPPING, before, strict=True):
            signal.signal(number, handler)
    assert os.environ["DMLC_ROLE"] == "server"
    assert store.served == [after] == [[signal.SIG_IGN] * 3]
    variables = {"PS_HEARTBEAT_INTERVAL": "3", job.ROLE: "server"}
    assert store.asked == [("dist", "20", variables)] and store.watched[2]


def test_a_lost_terminal_stops_a_program_unless_nohup_started_it():
    def handle(*_):
        pass

    with job.signals(handle):
        assert all(signal.getsignal(number) is handle for number in job.STOPPING)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with job.signals(handle):
            assert signal.getsignal(signal.SIGTERM) is handle
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("role", "whom"), [("scheduler", "2 of its processes"), ("worker", "its scheduler")]
)
def test_a_process_ends_when_it_hears_nothing(monkeypatch, exits, capsys, role, whom):
    monkeypatch.setenv("DMLC_ROLE", role)
    monkeypatch.setattr(job, "HEARTBEAT", 0.01)
    missing, asked = iter([0, 0, 2]), []
    monkeypatch.setattr(job, "_missing", lambda store: asked.append(store) or next(missing))
    with pytest.raises(Ended):
        job._watch("the store", threading.Event())
    assert exits == [1] and asked == ["the store"] * 3
    said = f"error: {role}: the job has not heard of {whom} for 20 seconds\n"
    assert capsys.readouterr() == ("", said)


def test_a_process_whose_reader_is_gone_ends_all_the_same(monkeypatch, exits):
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setenv("DMLC_ROLE", "worker")
    monkeypatch.setattr(job, "HEARTBEAT", 0.01)
    monkeypatch.setattr(job, "_missing", lambda store: 1)
    with contextlib.suppress(OSError), open(write, "w", buffering=1) as nowhere:
        monkeypatch.setattr(job.sys, "stderr", nowhere)
        with pytest.raises(Ended):
            job._watch(None, threading.Event())
    assert exits == [1]


def test_the_watch_ends_when_the_work_is_over(monkeypatch):
    over = threading.Event()
    over.set()
    monkeypatch.setattr(job, "_missing", lambda store: pytest.fail("it asked"))
    assert job._watch(None, over) is None


def test_mxnet_is_asked_how_many_of_all_were_silent_too_long(monkeypatch):
    from mxnet import base

    def count(handle, group, number, patience):
        assert handle is Store.handle
        number._obj.value = 10 * group.value + patience.value
        return 0

    monkeypatch.setattr(base, "_LIB", types.SimpleNamespace(MXKVStoreGetNumDeadNode=count))
    assert job._missing(Store()) == 10 * 7 + 20
    failing = {"MXKVStoreGetNumDeadNode": lambda *_: -1, "MXGetLastError": lambda: b"no store"}
    monkeypatch.setattr(base, "_LIB", types.SimpleNamespace(**failing))
    with pytest.raises(base.MXNetError, match="no store"):
        job._missing(Store())


def test_in_a_job_a_process_leaves_at_once_when_all_is_said(monkeypatch, exits):
    said = []
    stream = types.SimpleNamespace(flush=lambda: said.append(len(exits)))
    monkeypatch.setattr(job.sys, "stdout", stream)
    monkeypatch.setattr(job.sys, "stderr", stream)
    monkeypatch.setenv("DMLC_ROLE", "worker")
    with pytest.raises(Ended):
        job.leave(2)
    assert exits == [2] and said == [0, 0]
