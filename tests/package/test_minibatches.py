"""Consecutive and random sampling, on corpora in which every token says where it stands."""

import random

import numpy
import pytest

import d2l_gru as d2l

pytestmark = pytest.mark.usefixtures("seeded")

ITERS = [d2l.seq_data_iter_consecutive, d2l.seq_data_iter_random]
both = pytest.mark.parametrize("sample", ITERS)
sizes = pytest.mark.parametrize(
    ("length", "batch_size", "num_steps"),
    [(100, 2, 5), (101, 3, 7), (50, 1, 1), (64, 4, 1), (31, 1, 30), (997, 32, 10)],
)


def epoch(sample, length, batch_size, num_steps):
    """Return Xs and Ys (number of minibatches, batch_size, num_steps) of the corpus 0, 1, 2, …"""
    pairs = list(sample(list(range(length)), batch_size, num_steps))
    Xs, Ys = (numpy.stack([array.asnumpy() for array in side]) for side in zip(*pairs, strict=True))
    assert Xs.shape == Ys.shape == (len(pairs), batch_size, num_steps)
    return Xs, Ys


@both
@sizes
def test_targets_are_the_next_tokens(sample, length, batch_size, num_steps):
    for _ in range(20):
        Xs, Ys = epoch(sample, length, batch_size, num_steps)
        numpy.testing.assert_array_equal(Ys, Xs + 1)
        numpy.testing.assert_array_equal(numpy.diff(Xs, axis=2), 1)  # and each row is one piece


@both
@sizes
def test_no_token_is_seen_twice_and_few_are_left_out(sample, length, batch_size, num_steps):
    for _ in range(20):
        Xs, Ys = epoch(sample, length, batch_size, num_steps)
        assert len(numpy.unique(Xs)) == Xs.size
        assert Xs.min() >= 0 and Ys.max() < length
        # Left out: the offset, the last target, the ends of rows, and less than one minibatch.
        left_out = length - Xs.size
        assert left_out <= (num_steps - 1) + 1 + (batch_size - 1) + batch_size * num_steps - 1


@sizes
def test_consecutive_rows_go_on_in_the_next_minibatch(length, batch_size, num_steps):
    for _ in range(20):
        Xs, _ = epoch(d2l.seq_data_iter_consecutive, length, batch_size, num_steps)
        numpy.testing.assert_array_equal(Xs[1:, :, 0], Xs[:-1, :, -1] + 1)


@both
def test_minibatches_become_arrays_in_blocks(sample, monkeypatch):
    monkeypatch.setattr("d2l_gru.mxnet.minibatches.BLOCK", 3)
    random.seed(0)
    in_blocks = epoch(sample, 100, 2, 6)
    assert len(in_blocks[0]) == 8  # 3, 3 and 2
    monkeypatch.undo()
    random.seed(0)
    numpy.testing.assert_array_equal(in_blocks, epoch(sample, 100, 2, 6))
    pairs = iter(sample(list(range(100)), 2, 6))
    X, _ = next(pairs)
    X[:] = -1  # one's own
    assert (next(pairs)[0].asnumpy() >= 0).all()


def test_consecutive_rows_lie_side_by_side():
    Xs, _ = epoch(d2l.seq_data_iter_consecutive, 61, 3, 5)
    starts = Xs[0, :, 0]
    numpy.testing.assert_array_equal(numpy.diff(starts), (60 - starts[0]) // 3)


def test_random_subsequences_come_from_all_over_in_random_order():
    Xs, _ = epoch(d2l.seq_data_iter_random, 1001, 4, 10)
    starts = Xs[:, :, 0].ravel()
    assert len(set(starts)) == len(starts) >= 96
    assert len(set(starts % 10)) == 1  # one offset for the whole epoch
    assert (numpy.diff(starts) == 10).mean() < 0.1  # hardly ever the neighbour
    again, _ = epoch(d2l.seq_data_iter_random, 1001, 4, 10)
    assert (again[:, :, 0].ravel() // 10 != starts // 10).mean() > 0.9


def test_consecutive_rows_begin_at_the_offset():
    offsets = {int(epoch(d2l.seq_data_iter_consecutive, 101, 2, 5)[0][0, 0, 0]) for _ in range(100)}
    assert offsets == {0, 1, 2, 3, 4}


@both
def test_every_offset_below_num_steps_occurs(sample):
    offsets = {epoch(sample, 101, 2, 5)[0][0, 0, 0] % 5 for _ in range(100)}
    assert offsets == {0, 1, 2, 3, 4}


@both
def test_the_shortest_corpus_makes_exactly_one_minibatch(sample):
    for _ in range(20):
        Xs, Ys = epoch(sample, 13, 3, 4)
        assert sorted(Xs.ravel()) == list(range(12)) and Ys.max() == 12
    with pytest.raises(ValueError, match=r"12 tokens.*batch_size 3 \* num_steps 4 \+ 1 = 13"):
        list(sample(list(range(12)), 3, 4))


@both
def test_a_corpus_one_longer_still_makes_a_minibatch_at_each_offset(sample):
    assert {int(epoch(sample, 14, 3, 4)[0].min()) for _ in range(50)} == {0, 1}


@both
def test_minibatches_are_int32_on_the_cpu(sample):
    X, Y = next(iter(sample(numpy.arange(20), 2, 3)))
    assert X.dtype == Y.dtype == numpy.int32
    assert X.ctx.device_type == Y.ctx.device_type == "cpu"


@both
def test_a_seed_reproduces_an_epoch(sample):
    runs = []
    for seed in (1, 1, 2, 3):
        d2l.set_seed(seed)
        runs.append([epoch(sample, 200, 2, 8)[0].tolist() for _ in range(3)])
    assert runs[0] == runs[1] and runs[0] != runs[2] != runs[3]


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_a_loader_draws_each_epoch_anew(use_random_iter):
    loader = d2l.SeqDataLoader(list(range(200)), 2, 8, use_random_iter)
    assert loader.use_random_iter is use_random_iter
    epochs = [[X.asnumpy().tolist() for X, _ in loader] for _ in range(5)]
    assert all(len(rows) in (11, 12) for rows in epochs)
    assert any(rows != epochs[0] for rows in epochs[1:])
    state = random.getstate()
    drawn = [X.asnumpy().tolist() for X, _ in loader]
    random.setstate(state)
    expected = [X.asnumpy().tolist() for X, _ in ITERS[use_random_iter](loader.corpus, 2, 8)]
    assert drawn == expected


def test_a_loader_goes_in_order_unless_told_otherwise():
    loader = d2l.SeqDataLoader(range(100), 2, 5)
    Xs = numpy.stack([X.asnumpy() for X, _ in loader])
    assert loader.use_random_iter is False
    numpy.testing.assert_array_equal(Xs[1:], Xs[:-1] + 5)


def test_load_data_gives_an_epoch_of_eight_minibatches_of_the_first_10000_characters():
    train_iter, vocab = d2l.load_data_time_machine(32, 35)
    ids, _ = d2l.load_corpus_time_machine()
    assert list(train_iter.corpus) == ids[:10_000] and len(vocab) == 28
    assert train_iter.use_random_iter is False
    assert sum(X.size for X, _ in train_iter) == 8_960


def test_load_data_cuts_10000_characters_in_order_unless_told_otherwise(text):
    text("the time machine\n" * 700)  # 11,200 characters
    ids, whole = d2l.load_corpus_time_machine()
    train_iter, vocab = d2l.load_data_time_machine(32, 35)
    assert train_iter.corpus.tolist() == ids[:10_000] and train_iter.use_random_iter is False
    assert [X.shape for X, _ in train_iter] == [(32, 35)] * 8
    assert vocab.token_freqs == whole.token_freqs
    train_iter, vocab = d2l.load_data_time_machine(2, 5, use_random_iter=True, max_tokens=55)
    assert train_iter.corpus.tolist() == ids[:55] and train_iter.use_random_iter is True
    assert [X.shape for X, _ in train_iter] == [(2, 5)] * 5
    assert vocab.token_freqs == whole.token_freqs
    assert d2l.load_data_time_machine(2, 5, True, 50)[0].use_random_iter is True


@both
def test_the_largest_id_that_an_int32_holds_is_kept(sample):
    X, Y = next(iter(sample([2**31 - 1] * 3, 1, 2)))
    assert X.asnumpy().tolist() == Y.asnumpy().tolist() == [[2**31 - 1] * 2]


@both
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_a_memory_mapped_corpus_stays_in_its_file(sample, dtype, tmp_path):
    ids = numpy.random.default_rng(0).integers(0, 28, 200).astype(dtype)
    (tmp_path / "ids").write_bytes(ids.tobytes())
    mapped = numpy.memmap(tmp_path / "ids", dtype, mode="r")
    loader = d2l.SeqDataLoader(mapped, 3, 7, sample is d2l.seq_data_iter_random)
    assert numpy.shares_memory(loader.corpus, mapped)
    random.seed(0)
    expected = list(sample(ids.tolist(), 3, 7))
    random.seed(0)
    for ours, theirs in zip(loader, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype == "int32"
            numpy.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


@both
def test_ids_of_a_memory_map_are_checked_where_they_are_cut(sample, tmp_path):
    ids = numpy.arange(200)
    for bad in (-3, 2**31):
        ids[150] = bad
        mapped = numpy.memmap(tmp_path / "ids", "int64", mode="w+", shape=200)
        mapped[:] = ids
        loader = d2l.SeqDataLoader(mapped, 1, 7, sample is d2l.seq_data_iter_random)
        with pytest.raises(ValueError, match=rf"in \[0, 2\*\*31\), but corpus holds {bad}$"):
            list(loader)


def test_a_loader_has_the_attributes_of_2019():
    train_iter, vocab = d2l.load_data_time_machine(2, 5)
    assert train_iter.vocab is vocab and (train_iter.batch_size, train_iter.num_steps) == (2, 5)
    assert train_iter.data_iter_fn is d2l.seq_data_iter_consecutive is d2l.seq_data_iter_sequential
    train_iter.use_random_iter = True
    assert train_iter.data_iter_fn is d2l.seq_data_iter_random
