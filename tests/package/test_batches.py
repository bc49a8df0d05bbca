"""Minibatches of both frameworks, cut from corpora in which every token says where it stands."""

import random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import d2l_gru as d2l
from d2l_gru import batches

pytestmark = pytest.mark.usefixtures("seeded")
orders = pytest.mark.parametrize("use_random_iter", [False, True])


@st.composite
def cuts(draw):
    """Draw (length, batch_size, num_steps, seed) of a corpus that fills at least a minibatch."""
    batch_size, num_steps = draw(st.integers(1, 9)), draw(st.integers(1, 12))
    length = batch_size * num_steps + 1 + draw(st.integers(0, 150))
    return length, batch_size, num_steps, draw(seeds)


def cut(corpus, *sizes, use_random_iter=False, d2l=d2l):
    """Return Xs and Ys, arrays (number of minibatches, batch_size, num_steps)."""
    pairs = list(d2l.SeqDataLoader(corpus, *sizes, use_random_iter))
    return [numpy.stack([numpy.array(ids) for ids in side]) for side in zip(*pairs, strict=True)]


def epoch(sample, cut):
    """Return the same of the corpus 0, 1, 2, …, as NumPy draws them."""
    length, batch_size, num_steps, seed = cut
    random.seed(seed)
    pairs = list(sample(numpy.arange(length), batch_size, num_steps))
    Xs, Ys = (numpy.stack(side) for side in zip(*pairs, strict=True))
    assert Xs.shape == Ys.shape == (len(pairs), batch_size, num_steps)
    numpy.testing.assert_array_equal(Ys, Xs + 1)
    return Xs, Ys


@given(cuts())
def test_consecutive_sampling_uses_each_token_of_its_rows_once_and_in_order(cut):
    length, batch_size, num_steps, _ = cut
    Xs, _ = epoch(batches.consecutive, cut)
    offset = Xs[0, 0, 0]
    assert 0 <= offset < num_steps
    row_length = (length - 1 - offset) // batch_size
    used = row_length // num_steps * num_steps
    for row in range(batch_size):
        first = offset + row * row_length
        numpy.testing.assert_array_equal(Xs[:, row].ravel(), numpy.arange(first, first + used))


@given(cuts())
def test_random_sampling_uses_each_subsequence_once(cut):
    length, batch_size, num_steps, _ = cut
    Xs, _ = epoch(batches.shuffled, cut)
    subsequences = Xs.reshape(-1, num_steps)
    numpy.testing.assert_array_equal(numpy.diff(subsequences), 1)
    starts = subsequences[:, 0]
    (offset,) = {*starts % num_steps}
    number = (length - 1 - offset) // num_steps
    possible = {offset + i * num_steps for i in range(number)}
    assert set(starts) <= possible and len(set(starts)) == len(starts)
    assert len(starts) == number // batch_size * batch_size  # less than a minibatch is left out


@given(cuts(), st.booleans())
def test_a_loader_gives_the_same_minibatches_in_each_framework(framework, sizes, use_random_iter):
    expected = epoch(batches.shuffled if use_random_iter else batches.consecutive, sizes)
    random.seed(sizes[-1])
    found = cut(range(sizes[0]), *sizes[1:3], use_random_iter=use_random_iter, d2l=framework.d2l)
    numpy.testing.assert_array_equal(found, expected)


@orders
def test_a_minibatch_is_the_reader_s_own(use_random_iter):
    pairs = iter(d2l.SeqDataLoader(range(100), 2, 6, use_random_iter))
    X, _ = next(pairs)  # which was made in a block with others
    X[:] = -1
    assert (next(pairs)[0].asnumpy() >= 0).all()


@orders
def test_every_offset_below_num_steps_occurs_and_none_that_leaves_no_minibatch(use_random_iter):
    for length, possible in ((101, {0, 1, 2, 3, 4}), (12, {0, 1}), (11, {0})):
        firsts = [cut(range(length), 2, 5, use_random_iter=use_random_iter)[0].min() % 5
                  for _ in range(60)]  # fmt: skip
        assert {*firsts} == possible


def test_random_subsequences_come_in_random_order():
    first, again = (cut(range(1001), 4, 10, use_random_iter=True)[0][:, :, 0] for _ in range(2))
    assert (numpy.diff(first.ravel()) == 10).mean() < 0.1  # hardly ever the neighbour
    assert (first.ravel() // 10 != again.ravel() // 10).mean() > 0.9


@orders
def test_a_seed_reproduces_epochs_and_each_is_drawn_anew(framework, use_random_iter):
    loader = framework.d2l.SeqDataLoader(range(200), 2, 8, use_random_iter)
    runs = []
    for seed in (1, 1, 2):
        framework.d2l.set_seed(seed)
        runs.append([[X.tolist() for X, _ in loader] for _ in range(5)])
    assert runs[0] == runs[1] != runs[2] and any(other != runs[0][0] for other in runs[0])


def test_load_data_gives_8_minibatches_of_the_first_10000_characters(framework, text):
    d2l = framework.d2l
    text("the time machine\n" * 700)  # 11,200 characters
    ids, whole = d2l.load_corpus_time_machine()
    for how, length, order, shapes in [
        ((32, 35), 10_000, False, [(32, 35)] * 8),
        ((2, 5, True, 55), 55, True, [(2, 5)] * 5),
    ]:
        train_iter, vocab = d2l.load_data_time_machine(*how)
        assert train_iter.corpus.tolist() == ids[:length] and train_iter.use_random_iter is order
        assert [X.shape for X, _ in train_iter] == shapes
        assert vocab.token_freqs == whole.token_freqs and train_iter.vocab is vocab
        assert (train_iter.batch_size, train_iter.num_steps) == how[:2]
        iters = d2l.seq_data_iter_sequential, d2l.seq_data_iter_random
        assert train_iter.data_iter_fn is iters[order]
    assert d2l.seq_data_iter_sequential is d2l.seq_data_iter_consecutive


@orders
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_a_memory_mapped_corpus_stays_in_its_file(use_random_iter, dtype, tmp_path):
    ids = numpy.random.default_rng(0).integers(0, 28, 200).astype(dtype)
    (tmp_path / "ids").write_bytes(ids.tobytes())
    mapped = numpy.memmap(tmp_path / "ids", dtype, mode="r")
    loader = d2l.SeqDataLoader(mapped, 3, 7, use_random_iter)
    assert numpy.shares_memory(loader.corpus, mapped)
    random.seed(0)
    expected = cut(ids.tolist(), 3, 7, use_random_iter=use_random_iter)
    random.seed(0)
    pairs = list(loader)
    assert {numpy.dtype(array.dtype).name for pair in pairs for array in pair} == {"int32"}
    assert {str(array.ctx) for pair in pairs for array in pair} == {"cpu(0)"}
    found = [[array.asnumpy() for array in side] for side in zip(*pairs, strict=True)]
    numpy.testing.assert_array_equal(found, expected)


@orders
def test_ids_are_kept_up_to_the_largest_int32_and_checked_where_a_memory_map_is_cut(
    use_random_iter, tmp_path
):
    for largest in cut([2**31 - 1] * 3, 1, 2, use_random_iter=use_random_iter):
        assert largest.tolist() == [[[2**31 - 1] * 2]]
    ids = numpy.arange(200)
    for bad in (-3, 2**31):
        ids[150] = bad
        mapped = numpy.memmap(tmp_path / "ids", "int64", mode="w+", shape=200)
        mapped[:] = ids
        loader = d2l.SeqDataLoader(mapped, 1, 7, use_random_iter)
        with pytest.raises(ValueError, match=rf"in \[0, 2\*\*31\), but corpus holds {bad}$"):
            list(loader)
