"""What holds for any input: hypothesis looks for one for which it does not.

The examples are the same in every run, and none is kept on disk.
"""

import importlib
import importlib.util
import math
import random
import re
import tempfile
from collections import Counter
from pathlib import Path

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.extra import numpy as arrays_of
from tools_of_the_build import ROOT

from d2l_gru import batches, checkpoint, devices, generate
from d2l_gru.runs.run import read_text
from d2l_gru.text import Vocab, tokenize

set_hypothesis_home_dir(ROOT / "_build" / "hypothesis")  # a cache of Unicode's tables
settings.register_profile("book", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("book")

lacks_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch: pip install 'torch>=2.6'"
)
both = pytest.mark.parametrize("framework", ["mxnet", pytest.param("torch", marks=lacks_torch)])
seeds = st.integers(0, 2**31 - 1)
any_text = st.text(st.characters(exclude_categories=()))  # with halves of surrogate pairs, too


def package(framework):
    return importlib.import_module("d2l_gru" + (".torch" if framework == "torch" else ""))


def values(array):
    return array.asnumpy() if hasattr(array, "asnumpy") else array.numpy()


# Minibatches


@st.composite
def cuts(draw):
    """Draw (length, batch_size, num_steps, seed) of a corpus that fills at least a minibatch."""
    batch_size, num_steps = draw(st.integers(1, 9)), draw(st.integers(1, 12))
    length = batch_size * num_steps + 1 + draw(st.integers(0, 150))
    return length, batch_size, num_steps, draw(seeds)


def epoch(sample, cut):
    """Return Xs, Ys (number of minibatches, batch_size, num_steps) of the corpus 0, 1, 2, …"""
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


@both
@given(cuts(), st.booleans())
def test_a_loader_gives_the_same_minibatches_in_each_framework(framework, cut, use_random_iter):
    length, *sizes, seed = cut
    Xs, Ys = epoch(batches.shuffled if use_random_iter else batches.consecutive, cut)
    loader = package(framework).SeqDataLoader(range(length), *sizes, use_random_iter)
    random.seed(seed)
    pairs = [(values(X), values(Y)) for X, Y in loader]
    numpy.testing.assert_array_equal(pairs, numpy.stack([Xs, Ys], axis=1))


# Texts


@given(any_text.filter(len), any_text)
def test_any_text_becomes_ids_and_text_again(text, other):
    vocab = Vocab(list(text))
    ids = vocab[list(text)]
    assert "".join(vocab.to_tokens(ids)) == text
    assert all(0 < i < len(vocab) for i in ids)
    for token in other:
        assert vocab[token] == 0 if token not in text else vocab[token] > 0
    assert [n for _, n in vocab.token_freqs] == sorted(Counter(text).values(), reverse=True)


@given(st.lists(st.lists(any_text | st.just("<unk>"))), st.integers(0, 3))
def test_words_that_are_rare_or_unknown_are_0(lines, min_freq):
    counts = Counter(word for line in lines for word in line)
    assume(counts)
    vocab = Vocab(lines, min_freq)
    for word, count in counts.items():
        kept = count >= min_freq and word != "<unk>"
        assert vocab.to_tokens(vocab[word]) == (word if kept else "<unk>")
        assert (vocab[word] > 0) == kept


@given(st.lists(any_text))
def test_tokens_are_the_text_cut_up(lines):
    assert ["".join(line) for line in tokenize(lines, "char")] == lines
    words = tokenize(lines, "word")
    assert [line.split() for line in lines] == words and all(map(all, words))


@given(st.text(min_size=1), st.integers(1, 9))
def test_a_file_of_any_text_is_read_as_it_is(text, max_tokens):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text")
        path.write_bytes(text.encode("utf-8-sig"))  # with a byte order mark, which is no text
        ids, vocab, _ = read_text(path, -1)
        assert "".join(vocab.to_tokens(ids)) == text
        some, same_vocab, _ = read_text(path, max_tokens)
    assert some == ids[:max_tokens] and same_vocab.idx_to_token == vocab.idx_to_token


# Clipping


finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
gradients = st.lists(
    arrays_of.arrays("float32", arrays_of.array_shapes(max_dims=3, max_side=4), elements=finite),
    min_size=1,
    max_size=4,
)


def with_gradients(framework, grads):
    """Return parameters of a framework with these gradients."""
    if framework == "mxnet":
        from mxnet import np

        params = [np.zeros(grad.shape) for grad in grads]
        for param, grad in zip(params, grads, strict=True):
            param.attach_grad()
            param.grad[:] = np.array(grad)
        return params
    import torch

    params = [torch.zeros(grad.shape, requires_grad=True) for grad in grads]
    for param, grad in zip(params, grads, strict=True):
        param.grad = torch.tensor(grad)
    return params


@both
@given(gradients, st.floats(1e-3, 1e4))
def test_clipping_shortens_to_theta_and_keeps_the_direction(framework, grads, theta):
    params = with_gradients(framework, grads)
    norm = float(package(framework).grad_clipping(params, theta))
    before = numpy.concatenate([grad.ravel() for grad in grads]).astype("float64")
    after = numpy.concatenate([values(param.grad).ravel() for param in params])
    true_norm = math.sqrt((before**2).sum())
    assert norm == pytest.approx(true_norm, rel=1e-5, abs=1e-12)
    assert numpy.linalg.norm(after.astype("float64")) <= theta * (1 + 1e-5)
    if norm <= theta:
        numpy.testing.assert_array_equal(after, before)
    else:
        numpy.testing.assert_allclose(after, before * (theta / true_norm), rtol=1e-5, atol=1e-30)


# Completions


LETTERS = Vocab(list("abcdef"))
logits = arrays_of.arrays("float32", len(LETTERS), elements=st.floats(-20, 20, width=32))


def model_of(framework, seed):
    """Return a model from scratch with large random weights."""
    d2l = package(framework)
    if framework == "mxnet":
        from mxnet import cpu

        device = cpu()
    else:
        device = "cpu"
    d2l.set_seed(seed)
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    model = d2l.RNNModelScratch(len(LETTERS), 4, device, *functions)
    for param in model.params:
        param.requires_grad_(False) if framework == "torch" else None
        param[:] = param * 200
    return model, device


@both
@settings(max_examples=25)
@given(
    st.text("abcdef", min_size=1, max_size=5), st.integers(0, 8), seeds,
    st.just(0) | st.floats(0, 1e300),
)  # fmt: skip
def test_a_completion_has_its_length_and_known_characters(
    framework, prefix, num_preds, seed, temperature
):
    d2l = package(framework)
    model, device = model_of(framework, seed)
    texts = []
    for _ in range(2):
        d2l.set_seed(seed)
        texts.append(d2l.predict(prefix, num_preds, model, LETTERS, device, temperature))
    assert texts[0] == texts[1]
    assert re.fullmatch(rf"{prefix}(<unk>|[abcdef]){{{num_preds}}}", texts[0])


def complete(logits, num_preds, temperature):
    return generate.complete("a", num_preds, LETTERS, temperature, lambda ids: logits)


@given(logits, seeds, st.floats(0, 1e-5))
def test_a_temperature_towards_0_takes_the_likeliest(logits, seed, temperature):
    second, first = numpy.sort(logits)[-2:]
    assume(first - second > 1e-3)  # 1e-3 / 1e-5: the other has a chance of exp(-100)
    random.seed(seed)
    assert complete(logits, 5, temperature) == complete(logits, 5, 0)
    assert complete(logits, 1, 0) == "a" + LETTERS.to_tokens(int(logits.argmax()))


@settings(max_examples=20)
@given(logits, seeds, st.floats(0.2, 5))
def test_frequencies_follow_the_softmax(logits, seed, temperature):
    random.seed(seed)
    n = 3000
    drawn = re.findall("<unk>|.", complete(logits, n, temperature))[1:]
    weights = numpy.exp((logits.astype("float64") - logits.max()) / temperature)
    for token, p in zip(LETTERS.idx_to_token, weights / weights.sum(), strict=True):
        # Five standard deviations of a binomial, and five where the normal bound does not hold.
        assert abs(drawn.count(token) - n * p) <= 5 * math.sqrt(n * p * (1 - p)) + 5


# Checkpoints


dtypes = st.sampled_from(["float32", "int8", "uint8", "int16", "int32", "int64"])
shapes = arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4)
names = st.text().filter(lambda name: name != "__metadata__")
named_arrays = st.dictionaries(names, arrays_of.arrays(dtypes, shapes), max_size=4)
metas = st.dictionaries(
    any_text,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
        lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
        max_leaves=8,
    ),
    max_size=4,
)


@given(named_arrays, metas, st.integers(0, 10**12))
def test_what_is_loaded_is_what_was_saved(arrays, meta, number):
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint.save(folder, arrays, meta, number)
        loaded = checkpoint.load(path)
        latest = checkpoint.latest(folder)
    assert latest[0] == path
    for found, found_meta in (loaded, latest[1:]):
        assert found_meta == meta and set(found) == set(arrays)
        for name, array in arrays.items():
            assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
            assert found[name].tobytes() == array.tobytes()


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10), min_size=1, max_size=8))
def test_the_newest_three_of_a_run_are_kept(numbers):
    expected = []
    with tempfile.TemporaryDirectory() as folder:
        for at, number in enumerate(numbers):
            checkpoint.save(folder, {}, {"at": at}, number)
            before = [pair for pair in expected if pair[0] < number]  # later ones were another run
            expected = [(number, at), *before][: checkpoint.KEEP]
            kept = checkpoint.paths(folder)
            assert [int(path.name.split("-")[1]) for path in kept] == [n for n, _ in expected]
            assert [checkpoint.load(path)[1]["at"] for path in kept] == [a for _, a in expected]


# Devices


def parse(text, gpus=()):
    return devices.parse(text, "device", lambda: gpus, "a framework")


@given(st.sampled_from(["cpu", "gpu"]), st.integers(0, 9999))
def test_the_name_of_a_device_is_read(kind, number):
    assert parse(f"{kind}:{number}", [number]) == (kind, number)
    assert parse(kind, [0]) == (kind, 0)
    if kind == "gpu":
        with pytest.raises(ValueError, match=f"device is 'gpu:{number}', but a framework can use"):
            parse(f"gpu:{number}", [number + 1])


@given(any_text | st.from_regex(r"\A\s?[cg]pu:?\S{0,6}\s?\Z"))
def test_any_other_name_is_refused_and_named(text):
    assume(not re.fullmatch("[cg]pu(:[0-9]{1,4})?", text))
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse(text, range(10_000))
