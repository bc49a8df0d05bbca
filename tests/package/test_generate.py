"""Completions, greedy and sampled, and the readers in NumPy, against the float64 reference."""

import importlib
import math
import random
import re
import sys

import frameworks
import numpy
import pytest
import reference_gru as ref
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from strategies import seeds

import d2l_gru as d2l
from d2l_gru import generate

pytestmark = pytest.mark.usefixtures("seeded")

VOCAB = d2l.Vocab(list("abcdef"))
V, H = len(VOCAB), 6
IDS = [3, 1, 4, 1, 5, 0, 6, 2]


def greedy(prefix, num_preds, p):
    """Take the reference's likeliest character each time, from the whole text so far."""
    ids = VOCAB[list(prefix)]
    for _ in range(num_preds):
        logits, _, _ = ref.forward(ref.one_hot([ids], V), numpy.zeros((1, H)), p, "before")
        ids.append(int(logits[-1].argmax()))
    return "".join(VOCAB.to_tokens(ids))


@pytest.mark.parametrize("prefix", ["a", "fade", "cab"])
def test_greedy_completion_takes_the_likeliest_each_time_and_draws_nothing(framework, prefix):
    params = ref.random_params(V, H, seed=4, scale=2)
    state, arguments = random.getstate(), (framework.scratch(params), VOCAB, framework.cpu)
    text = framework.d2l.predict(prefix, 40, *arguments)
    assert text == greedy(prefix, 40, params) == framework.d2l.predict_ch8(prefix, 40, *arguments)
    assert len(set(text)) > 3  # the case is no trivial one
    assert random.getstate() == state
    for temperature in (1e-4, 1e-300):
        assert framework.d2l.predict(prefix, 40, *arguments, temperature=temperature) == text


@settings(max_examples=25)
@given(
    st.text("abcdef", min_size=1, max_size=5), st.integers(0, 8), seeds,
    st.just(0) | st.floats(0, 1e300),
)  # fmt: skip
def test_a_completion_has_its_length_and_known_characters_and_a_seed_decides_it(
    framework, prefix, num_preds, seed, temperature
):
    d2l = framework.d2l
    d2l.set_seed(seed)
    model = framework.drawn("scratch", V, 4)
    for param in model.params:
        framework.assign(param, framework.numpy(param) * 200)
    texts = []
    for _ in range(2):
        d2l.set_seed(seed)
        texts.append(d2l.predict(prefix, num_preds, model, VOCAB, framework.cpu, temperature))
    assert texts[0] == texts[1]
    assert re.fullmatch(rf"{prefix}(<unk>|[abcdef]){{{num_preds}}}", texts[0])


logits = arrays_of.arrays("float32", V, elements=st.floats(-20, 20, width=32))


def complete(logits, num_preds, temperature):
    return generate.complete("a", num_preds, VOCAB, temperature, lambda ids: logits)


@settings(max_examples=20)
@given(logits, seeds, st.floats(0.2, 5) | st.just(sys.float_info.max))
def test_frequencies_follow_the_softmax(logits, seed, temperature):
    random.seed(seed)
    n = 3000
    drawn = re.findall("<unk>|.", complete(logits, n, temperature))[1:]
    weights = numpy.exp((logits.astype("float64") - logits.max()) / temperature)
    for token, p in zip(VOCAB.idx_to_token, weights / weights.sum(), strict=True):
        # Five standard deviations of a binomial, and five where the normal bound does not hold.
        assert abs(drawn.count(token) - n * p) <= 5 * math.sqrt(n * p * (1 - p)) + 5


# The readers in NumPy


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_do_not_overflow_and_digits_are_those_of_the_parameters(dtype):
    mxnet = frameworks.of("mxnet")
    for read, params in (
        (generate.read_reset_before, ref.random_params(V, H).values()),
        (generate.read_reset_after, mxnet.values(mxnet.drawn("concise", V, H, num_layers=2))),
    ):
        with numpy.errstate(all="raise", under="ignore"):
            found = read([1e4 * p.astype(dtype) for p in params])([1, 2, 3])
        assert numpy.isfinite(found).all() and found.dtype == dtype


def fast(framework):
    functions = framework.d2l.get_params, framework.d2l.init_gru_state, framework.d2l.fast_gru
    return framework.d2l.RNNModelScratch(V, H, framework.cpu, *functions)


MODELS = {  # and whether they are read in NumPy
    "scratch": (lambda f: f.drawn("scratch", V, H), True),
    "fast loop": (fast, True),
    "GRU": (lambda f: f.drawn("concise", V, H), True),
    "three layers": (lambda f: f.drawn("concise", V, H, num_layers=3), True),
    "LSTM": (lambda f: f.drawn("concise", V, H, layer="LSTM"), False),
    "RNN": (lambda f: f.drawn("concise", V, H, layer="RNN"), False),
    "no biases": (lambda f: f.drawn("concise", V, H, bias=False), False),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_package_s_own_models_are_read_in_numpy_and_others_called(framework, name, monkeypatch):
    if (framework.name, name) == ("mxnet", "no biases"):
        pytest.skip("Gluon's GRU has biases")
    module, calls = importlib.import_module(f"d2l_gru.{framework.name}.generate"), []
    make, in_numpy = MODELS[name]
    model = framework.large(make(framework))
    read, slow = module._reader_in_numpy(model), module._reader(model, framework.cpu)
    assert (read is not None) == in_numpy
    for ids in (IDS[:3], *([i] for i in IDS[3:])) if in_numpy else ():
        numpy.testing.assert_allclose(read(ids), logits := slow(ids), rtol=0, atol=1e-5)
        assert abs(logits).max() > 0.1
    monkeypatch.setattr(module, "_reader", lambda *args: calls.append(args) or slow)
    text = framework.d2l.predict("bad", 20, model, VOCAB, framework.cpu)
    assert len(text) >= 23 and bool(calls) != in_numpy
    if framework.name == "mxnet" and hasattr(model, "rnn"):
        model.rnn.l0_i2h_weight.grad_req = "null"
    else:
        framework.freeze(next(iter(model.parameters())))
    if in_numpy:  # what is frozen is read as well
        assert framework.d2l.predict("bad", 20, model, VOCAB, framework.cpu) == text
