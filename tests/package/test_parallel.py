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
from d2l_gru.mxnet.parallel import DataParallel, train_epoch_parallel

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


class Echo:
    """A store on this machine that calls itself that of a worker of 2, who both say the same."""

    num_workers = 2

    def __init__(self, rank=1):
        self.rank = rank
        self.local = mxnet.kv.create("local")
        self.init, self.pull = self.local.init, self.local.pull

    def push(self, key, value, priority=0):
        self.local.push(key, 2 * (value if isinstance(value, list) else [value]), priority)


@pytest.fixture
def job():
    """Two devices of that worker."""
    return DataParallel([large(scratch(cpu(0))), scratch(cpu(1))], Echo())


def test_what_workers_sum_up_keeps_its_shape(job):
    before = values(job.models[0])
    for own, summed in [(5, 10), ([1, 2], [2, 4]), ([[1, 2]], [[2, 4]]), ([2, 1], [4, 2])]:
        found = job.sum_over_workers(own)
        assert found.dtype == "float32" and found.tolist() == summed
    for key, value in enumerate(before):  # its sums have keys of their own
        held = np.zeros(value.shape)
        job.store.pull(key, out=held)
        numpy.testing.assert_array_equal(held.asnumpy(), value)
    alone = DataParallel([scratch(cpu(0))]).sum_over_workers([1, 2])
    assert alone.dtype == "float32" and alone.tolist() == [1, 2]


def test_two_workers_with_the_same_rows_are_as_one(job):
    one = large(scratch(cpu()))
    (X, Y), *_ = loader()
    alone = d2l.train_epoch(one, [(X[6:], Y[6:])], 0.5, cpu(), None)
    start = time.perf_counter()
    ppl, speed, norm = train_epoch_parallel(job, [(X, Y)], 0.5, None)
    assert speed >= Y.size / (time.perf_counter() - start)  # of both
    assert (ppl, norm) == pytest.approx((alone[0], alone[2]), rel=1e-5)
    for a, b in zip(values(one), values(job.models[1]), strict=True):
        numpy.testing.assert_allclose(a, b, atol=1e-5)


def test_gradients_are_clipped_at_1_and_minibatches_go_on_unless_told_otherwise():
    d2l.set_seed(0)
    one, batches = large(scratch(cpu())), list(loader())
    first = large(scratch(cpu()))
    for param in [*one.params, *first.params]:
        param *= 5
    pair = DataParallel([first, scratch(cpu(1))])
    before = values(one)
    (_, _, norm) = train_epoch_parallel(pair, batches[:1], 1e-30)
    assert norm > 1.2
    train_epoch_parallel(pair, batches[:1], 0.1)
    moved = [a - b for a, b in zip(before, values(pair.models[0]), strict=True)]
    assert numpy.sqrt(sum((a**2).sum() for a in moved)) == pytest.approx(0.1, rel=1e-4)

    d2l.train_epoch(one, batches[:1], 0.1, cpu())
    alone = d2l.train_epoch(one, batches, 0.1, cpu())
    split = train_epoch_parallel(pair, batches, 0.1)
    assert (split[0], split[2]) == pytest.approx((alone[0], alone[2]), rel=1e-4)


def test_the_first_worker_s_states_come_first():
    first = DataParallel([scratch(cpu(0))], Echo(rank=0))
    mine = numpy.ones((6, H), "float32")
    (joined,) = first.join_states([[np.array(mine)]])
    numpy.testing.assert_array_equal(joined, numpy.concatenate([2 * mine, 0 * mine]))


@pytest.mark.parametrize("layers", [(), (2,)])
def test_states_are_joined_over_workers_and_split_again(job, layers):
    whole = numpy.zeros((*layers, 12, H), "float32")
    whole[..., 6:, :] = numpy.random.default_rng(0).normal(size=(*layers, 6, H))
    states = job.split_state([whole, 2 * whole])
    for i, state in enumerate(states):
        for H0, expected in zip(state, [whole, 2 * whole], strict=True):
            assert H0.ctx == job.devices[i]
            numpy.testing.assert_array_equal(H0.asnumpy(), expected[..., 6 + 3 * i : 9 + 3 * i, :])
    for found, expected in zip(job.join_states(states), [whole, 2 * whole], strict=True):
        assert found.dtype == "float32"
        numpy.testing.assert_array_equal(found, 2 * expected)


def epoch(train_iter, lr=1, **more):
    pair = DataParallel([scratch(cpu(0)), scratch(cpu(1))], mxnet.kv.create("local"))
    return train_epoch_parallel(pair, train_iter, lr, **more)


def minibatch():
    return next(iter(loader()))


@pytest.mark.parametrize(
    "call",
    [
        lambda: DataParallel([]),
        lambda: DataParallel([scratch(cpu(0)), scratch(cpu(0))]),
        lambda: DataParallel([scratch(cpu(0)), concise(cpu(1))]),
        lambda: DataParallel([scratch(cpu(0))], "post"),
        lambda: DataParallel([scratch(cpu(0))]).rows(0),
        lambda: epoch(loader(batch_size=5)),
        lambda: epoch([]),
        lambda: epoch(loader(), 0),
        lambda: epoch(loader(), clip=0),
        lambda: epoch([(minibatch()[0], minibatch()[1][:, :2])]),
        lambda: epoch([(minibatch()[0], minibatch()[1] + V)]),
    ],
)
def test_bad_input_is_named(call, snapshot):
    d2l.set_seed(0)
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == snapshot


def test_one_row_is_enough():
    assert DataParallel([scratch(cpu(0))]).rows(1) == [slice(0, 1)]


WORKER = """
import sys, numpy
import d2l_gru as d2l
from mxnet import cpu
from d2l_gru.mxnet.parallel import DataParallel, train_epoch_parallel

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
