"""Several devices give what one gives, and several workers what one with a larger batch gives."""

import os
import socket
import subprocess
import sys
import time

import mxnet
import numpy
import pytest
from mxnet import cpu, np
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru.parallel import DataParallel, train_epoch_parallel

V, H = 6, 5
IDS = [0, 1, 2, 5, 3, 4, 1, 1, 2, 0, 5] * 20
BATCH = 12


def scratch(device):
    return d2l.RNNModelScratch(V, H, device, d2l.get_params, d2l.init_gru_state, d2l.gru)


def concise(device):
    model = d2l.RNNModel(rnn.GRU(H, input_size=V), V)
    model.prepare(device)
    model(next(iter(loader()))[0].as_in_ctx(device), model.begin_state(BATCH, device))
    return model


def loader(use_random_iter=False, batch_size=BATCH):
    return d2l.SeqDataLoader(IDS, batch_size, 3, use_random_iter)


def large(model, seed=0):
    """Give a model weights that make its gates matter and its gradients large."""
    rng = numpy.random.default_rng(seed)
    for param in model.parameters():
        param[:] = rng.normal(size=param.shape)
    return model


def values(model):
    return [param.asnumpy() for param in model.parameters()]


@pytest.mark.parametrize("make", [scratch, concise])
@pytest.mark.parametrize("use_random_iter", [False, True])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("clip", [0.05, None])
def test_several_devices_are_as_one(make, use_random_iter, count, clip):
    one, first = large(make(cpu(0))), large(make(cpu(0)))
    pair = DataParallel([first, *(make(cpu(i)) for i in range(1, count))])
    before = values(one)
    for _ in range(2):
        d2l.set_seed(3)
        alone = d2l.train_epoch(one, loader(use_random_iter), 0.5, cpu(0), clip)
        d2l.set_seed(3)
        split = train_epoch_parallel(pair, loader(use_random_iter), 0.5, clip)
        assert split[0] == pytest.approx(alone[0], rel=1e-5)
        assert split[2] == pytest.approx(alone[2], rel=1e-4)
        assert clip is None or alone[2] > clip  # it has something to do
    for model in pair.models:
        for a, b in zip(values(one), values(model), strict=True):
            numpy.testing.assert_allclose(a, b, atol=1e-5)
    moved = max(abs(a - b).max() for a, b in zip(before, values(one), strict=True))
    assert moved > 0.01


def test_replicas_start_as_the_first():
    first, second = large(scratch(cpu(0))), scratch(cpu(1))
    DataParallel([first, second])
    for a, b in zip(values(first), values(second), strict=True):
        numpy.testing.assert_array_equal(a, b)
    assert all(param.ctx == param.grad.ctx == cpu(1) for param in second.parameters())


def test_rows_go_to_workers_and_then_to_devices():
    pair = DataParallel([scratch(cpu(0)), scratch(cpu(1))])
    assert (pair.rank, pair.num_workers) == (0, 1)
    assert pair.rows(12) == [slice(0, 6), slice(6, 12)]
    pair.rank, pair.num_workers = 2, 3
    assert pair.rows(12) == [slice(8, 10), slice(10, 12)]


@pytest.fixture
def job():
    """Two devices of worker 1 of 3; of the others, a store on this machine hears nothing."""
    made = DataParallel([large(scratch(cpu(0))), scratch(cpu(1))], "local")
    made.rank, made.num_workers = 1, 3
    return made


def test_what_workers_sum_up_keeps_its_shape(job):
    before = values(job.models[0])
    for summed in (5, [1, 2], [[1, 2], [3, 4]], [3, 4], [7]):
        found = job.sum_over_workers(summed)
        assert found.dtype == "float32" and found.tolist() == summed
    for key, value in enumerate(before):  # its sums have keys of their own
        held = np.zeros(value.shape)
        job.store.pull(key, out=held)
        numpy.testing.assert_array_equal(held.asnumpy(), value)
    job.num_workers = 1
    assert job.sum_over_workers([1, 2]).tolist() == [1, 2]


def test_a_worker_tells_of_its_rows_and_of_the_speed_of_all(job):
    (X, Y), *_ = loader()
    alone = d2l.train_epoch(large(scratch(cpu())), [(X[4:8], Y[4:8])], 0.5, cpu(), None)
    start = time.perf_counter()
    ppl, speed, norm = train_epoch_parallel(job, [(X, Y)], 0.5, None)
    assert speed >= Y.size / (time.perf_counter() - start)
    assert ppl == pytest.approx(alone[0], rel=1e-5)
    assert norm == pytest.approx(alone[2] / 3, rel=1e-5)  # a share of the whole minibatch's


@pytest.mark.parametrize("layers", [(), (2,)])
def test_states_are_joined_over_workers_and_split_again(job, layers):
    whole = numpy.zeros((*layers, 12, H), "float32")
    whole[..., 4:8, :] = numpy.random.default_rng(0).normal(size=(*layers, 4, H))
    states = job.split_state([whole, 2 * whole])
    for i, state in enumerate(states):
        for H0, expected in zip(state, [whole, 2 * whole], strict=True):
            assert H0.ctx == job.devices[i]
            numpy.testing.assert_array_equal(H0.asnumpy(), expected[..., 4 + 2 * i : 6 + 2 * i, :])
    for found, expected in zip(job.join_states(states), [whole, 2 * whole], strict=True):
        assert found.dtype == "float32"
        numpy.testing.assert_array_equal(found, expected)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="at least one"):
        DataParallel([])
    with pytest.raises(ValueError, match=r"device of its own.*cpu\(0\), cpu\(0\)"):
        DataParallel([scratch(cpu(0)), scratch(cpu(0))])
    with pytest.raises(ValueError, match="differ in shape"):
        DataParallel([scratch(cpu(0)), concise(cpu(1))])
    with pytest.raises(ValueError, match="kvstore must be one of .*, not 'post'"):
        DataParallel([scratch(cpu(0))], "post")
    pair = DataParallel([scratch(cpu(0)), scratch(cpu(1))], mxnet.kv.create("local"))
    with pytest.raises(ValueError, match="5 rows cannot be dealt out evenly to 1 workers with 2"):
        train_epoch_parallel(pair, loader(batch_size=5), 1)
    with pytest.raises(ValueError, match="no minibatch"):
        train_epoch_parallel(pair, [], 1)
    with pytest.raises(ValueError, match="lr"):
        train_epoch_parallel(pair, loader(), 0)


WORKER = """
import sys, numpy
import d2l_gru as d2l
from mxnet import cpu
from d2l_gru.parallel import DataParallel, train_epoch_parallel

model = d2l.RNNModelScratch(6, 5, cpu(), d2l.get_params, d2l.init_gru_state, d2l.gru)
rng = numpy.random.default_rng(int(sys.argv[1]))
for param in model.params:
    param[:] = rng.normal(size=param.shape)
job = DataParallel([model], "dist_sync")
ids = [0, 1, 2, 5, 3, 4, 1, 1, 2, 0, 5] * 20
d2l.set_seed(3)
for _ in range(2):
    _, _, norm = train_epoch_parallel(job, d2l.SeqDataLoader(ids, 12, 3), 0.5, 0.05)
numpy.savez(sys.argv[2], *[param.asnumpy() for param in model.params])
print(job.rank, job.num_workers, norm > 0.05)
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.slow
def test_two_workers_are_as_one_with_twice_the_rows(tmp_path):
    job = os.environ | {
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(free_port()),
        "DMLC_NUM_WORKER": "2",
        "DMLC_NUM_SERVER": "1",
    }

    def start(role, *command):
        command = [sys.executable, "-c", *command]
        return subprocess.Popen(
            command, env=job | {"DMLC_ROLE": role}, stdout=subprocess.PIPE, text=True
        )

    # Scheduler and server need no more than the import.
    others = [start(role, "import d2l_gru, mxnet") for role in ("scheduler", "server")]
    workers = [start("worker", WORKER, str(i), tmp_path / f"{i}.npz") for i in range(2)]
    try:
        printed = [worker.communicate(timeout=120)[0] for worker in workers]
    finally:
        for process in [*workers, *others]:
            process.kill()
            process.communicate()
    assert sorted(printed) == ["0 2 True\n", "1 2 True\n"]

    one = large(scratch(cpu(0)), seed=printed.index("0 2 True\n"))  # all start as rank 0
    d2l.set_seed(3)
    for _ in range(2):
        d2l.train_epoch(one, loader(), 0.5, cpu(0), 0.05)
    for i in range(2):
        with numpy.load(tmp_path / f"{i}.npz") as found:
            for a, name in zip(values(one), found.files, strict=True):
                numpy.testing.assert_allclose(found[name], a, atol=1e-5)
