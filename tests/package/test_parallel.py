"""Several devices give what one gives, and several workers what one with a larger batch gives.

Real workers are in tests/jobs; here a store repeats the only one.
"""

import itertools

import frameworks
import mxnet
import numpy
import pytest
from mxnet import cpu, np

import d2l_gru as d2l
from d2l_gru.mxnet.parallel import DataParallel, train_epoch_parallel

MXNET = frameworks.of("mxnet")
V, H, BATCH = 6, 5, 12
IDS = [0, 1, 2, 5, 3, 4, 1, 1, 2, 0, 5] * 20


def scratch(number):
    return MXNET.drawn("scratch", V, H, cpu(number))


def loader(use_random_iter=False, batch_size=BATCH):
    return d2l.SeqDataLoader(IDS, batch_size, 3, use_random_iter)


@pytest.mark.parametrize(
    ("kind", "use_random_iter", "count", "clip"),
    [("scratch", False, 2, 0.05), ("scratch", True, 3, None),
     ("concise", True, 2, 0.05), ("concise", False, 3, None)],
)  # fmt: skip
def test_several_devices_are_as_one(kind, use_random_iter, count, clip):
    one, first, *others = (MXNET.drawn(kind, V, H, cpu(i)) for i in (0, *range(count)))
    pair = DataParallel([MXNET.large(first), *others])
    MXNET.large(one)
    for model in pair.models:  # they start as the first
        assert {param.ctx for param in model.parameters()} == {model.parameters()[0].grad.ctx}
        for a, b in zip(MXNET.values(one), MXNET.values(model), strict=True):
            numpy.testing.assert_array_equal(a, b)
    assert pair.devices == [cpu(i) for i in range(count)]
    before = MXNET.values(one)
    for _ in range(2):
        d2l.set_seed(3)
        alone = d2l.train_epoch(one, loader(use_random_iter), 0.5, cpu(0), clip)
        d2l.set_seed(3)
        split = train_epoch_parallel(pair, loader(use_random_iter), 0.5, clip)
        assert split[0] == pytest.approx(alone[0], rel=1e-5)
        assert split[2] == pytest.approx(alone[2], rel=1e-4)
        assert clip is None or alone[2] > clip  # it has something to do
    for model in pair.models:
        for a, b in zip(MXNET.values(one), MXNET.values(model), strict=True):
            numpy.testing.assert_allclose(a, b, atol=1e-5)
    assert max(abs(a - b).max() for a, b in zip(before, MXNET.values(one), strict=True)) > 0.01


def test_gradients_are_clipped_at_1_and_minibatches_go_on_unless_told_otherwise():
    d2l.set_seed(0)
    batches = list(loader())
    one, first = MXNET.large(scratch(0), 5), MXNET.large(scratch(0), 5)
    pair = DataParallel([first, scratch(1)])
    before = MXNET.values(one)
    (_, _, norm) = train_epoch_parallel(pair, batches[:1], 1e-30)
    assert norm > 1.2
    train_epoch_parallel(pair, batches[:1], 0.1)
    moved = [a - b for a, b in zip(before, MXNET.values(first), strict=True)]
    assert numpy.sqrt(sum((a**2).sum() for a in moved)) == pytest.approx(0.1, rel=1e-4)

    d2l.train_epoch(one, batches[:1], 0.1, cpu())
    alone = d2l.train_epoch(one, batches, 0.1, cpu())
    split = train_epoch_parallel(pair, batches, 0.1)
    assert (split[0], split[2]) == pytest.approx((alone[0], alone[2]), rel=1e-4)


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
    return DataParallel([MXNET.large(scratch(0)), scratch(1)], Echo())


def test_what_workers_sum_up_keeps_its_shape(job):
    before = MXNET.values(job.models[0])
    for own, summed in [(5, 10), ([1, 2], [2, 4]), ([[1, 2]], [[2, 4]]), ([2, 1], [4, 2])]:
        found = job.sum_over_workers(own)
        assert found.dtype == "float32" and found.tolist() == summed
    for key, value in enumerate(before):  # its sums have keys of their own
        held = np.zeros(value.shape)
        job.store.pull(key, out=held)
        numpy.testing.assert_array_equal(held.asnumpy(), value)
    alone = DataParallel([scratch(0)]).sum_over_workers([1, 2])
    assert alone.dtype == "float32" and alone.tolist() == [1, 2]


def test_two_workers_with_the_same_rows_are_as_one(job, monkeypatch):
    one = MXNET.large(scratch(0))
    (X, Y), *_ = loader()
    alone = d2l.train_epoch(one, [(X[6:], Y[6:])], 0.5, cpu(), None)
    clock = itertools.count(10.0, 2.0)
    monkeypatch.setattr("d2l_gru.history.time.perf_counter", lambda: next(clock))
    ppl, speed, norm = train_epoch_parallel(job, [(X, Y)], 0.5, None)
    assert speed == Y.size / (next(clock) - 2 - 10)  # of both, by the last time that was read
    assert (ppl, norm) == pytest.approx((alone[0], alone[2]), rel=1e-5)
    for a, b in zip(MXNET.values(one), MXNET.values(job.models[1]), strict=True):
        numpy.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(("rank", "layers"), [(0, ()), (1, ()), (1, (2,))])
def test_states_are_joined_over_workers_and_split_again(rank, layers):
    job = DataParallel([scratch(0), scratch(1)], Echo(rank))
    whole, mine = numpy.zeros((*layers, 12, H), "float32"), slice(6 * rank, 6 * rank + 6)
    whole[..., mine, :] = numpy.random.default_rng(0).normal(size=(*layers, 6, H))
    states = job.split_state([whole, 2 * whole])
    for i, state in enumerate(states):
        first = 6 * rank + 3 * i
        for H0, expected in zip(state, [whole, 2 * whole], strict=True):
            assert H0.ctx == job.devices[i]
            numpy.testing.assert_array_equal(H0.asnumpy(), expected[..., first : first + 3, :])
    for found, expected in zip(job.join_states(states), [whole, 2 * whole], strict=True):
        assert found.dtype == "float32"
        numpy.testing.assert_array_equal(found, 2 * expected)


def epoch(train_iter, lr=1, **more):
    pair = DataParallel([scratch(0), scratch(1)], mxnet.kv.create("local"))
    return train_epoch_parallel(pair, train_iter, lr, **more)


@pytest.mark.parametrize(
    "call",
    [
        lambda X, Y: DataParallel([]),
        lambda X, Y: DataParallel([scratch(0), scratch(0)]),
        lambda X, Y: DataParallel([scratch(0), MXNET.drawn("concise", V, H, cpu(1))]),
        lambda X, Y: DataParallel([scratch(0)], "post"),
        lambda X, Y: DataParallel([scratch(0)]).rows(0),
        lambda X, Y: epoch(loader(batch_size=5)),
        lambda X, Y: epoch([]),
        lambda X, Y: epoch(loader(), 0),
        lambda X, Y: epoch(loader(), clip=0),
        lambda X, Y: epoch([(X, Y[:, :2])]),
        lambda X, Y: epoch([(X, Y + V)]),
    ],
)
def test_bad_input_is_named(call, snapshot):
    d2l.set_seed(0)
    with pytest.raises(ValueError) as caught:
        call(*next(iter(loader())))
    assert str(caught.value) == snapshot
