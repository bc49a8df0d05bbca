"""Completions, greedy and sampled, and the readers in NumPy, against the float64 reference."""

import math
import random
import re
import sys

import mxnet
import numpy
import pytest
import reference_gru as ref
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from mxnet import cpu, np
from mxnet.gluon import rnn
from strategies import seeds

import d2l_gru as d2l
from d2l_gru import generate
from d2l_gru.mxnet import generate as on_mxnet

pytestmark = pytest.mark.usefixtures("seeded")

VOCAB = d2l.Vocab(list("abcdef"))
V, H = len(VOCAB), 6
IDS = [3, 1, 4, 1, 5, 0, 6, 2]


def scratch(p=None, device=None, gru=d2l.gru):
    size = V, H, device or cpu()
    model = d2l.RNNModelScratch(*size, d2l.get_params, d2l.init_gru_state, gru)
    for param, name in zip(model.params, ref.NAMES if p else (), strict=bool(p)):
        param[:] = p[name]
    return model


def concise(num_layers=1, layer=rnn.GRU):
    model = d2l.RNNModel(layer(H, num_layers=num_layers), V)
    model.initialize(mxnet.init.Normal(0.7), ctx=cpu())
    model.prepare(cpu())
    for name, param in model.collect_params().items():
        if name.endswith("bias"):
            param.set_data(np.random.normal(size=param.shape))
    return model


def arrays(model):
    return [param.data().asnumpy() for param in model.collect_params().values()]


@pytest.fixture
def params():
    return ref.random_params(V, H, seed=4, scale=2)


def greedy(prefix, num_preds, p):
    """Take the reference's likeliest character each time, from the whole text so far."""
    ids = VOCAB[list(prefix)]
    for _ in range(num_preds):
        logits, _, _ = ref.forward(ref.one_hot([ids], V), numpy.zeros((1, H)), p, "before")
        ids.append(int(logits[-1].argmax()))
    return "".join(VOCAB.to_tokens(ids))


@pytest.mark.parametrize("prefix", ["a", "fade", "cab"])
def test_greedy_completion_takes_the_likeliest_each_time_and_draws_nothing(params, prefix):
    state, model = random.getstate(), scratch(params)
    text = d2l.predict(prefix, 40, model, VOCAB, cpu())
    assert text == greedy(prefix, 40, params) == d2l.predict_ch8(prefix, 40, model, VOCAB, cpu())
    assert len(set(text)) > 3  # the case is no trivial one
    assert random.getstate() == state
    for temperature in (1e-4, 1e-300):
        assert d2l.predict(prefix, 40, model, VOCAB, cpu(), temperature=temperature) == text


def test_the_two_models_complete_alike():
    model = concise()
    model.rnn.l0_i2h_bias.data()[:H] = 50  # reset gate at 1: the two GRU are one
    p = ref.from_gluon(model.rnn, model.dense)
    p["b_h"] = p["b_h"] + p.pop("c_h")
    assert d2l.predict("bad", 40, model, VOCAB, cpu()) == greedy("bad", 40, p)


def test_a_model_reads_the_prefix_and_then_each_character_as_int32_ids(params):
    model, read = scratch(params), []

    class Watched:
        prepare, begin_state = model.prepare, model.begin_state

        def __call__(self, X, state):
            read.append((X.dtype, X.asnumpy().tolist()))
            return model(X, state)

    text = d2l.predict("bad", 3, Watched(), VOCAB, cpu())
    ids = VOCAB[list(text)]
    assert read == [(numpy.int32, [part]) for part in (ids[:3], ids[3:4], ids[4:5])]


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


@given(logits, seeds, st.floats(0, 1e-5))
def test_a_temperature_towards_0_takes_the_likeliest(logits, seed, temperature):
    second, first = numpy.sort(logits)[-2:]
    assume(first - second > 1e-3)  # 1e-3 / 1e-5: the other has a chance of exp(-100)
    random.seed(seed)
    assert complete(logits, 5, temperature) == complete(logits, 5, 0)
    assert complete(logits, 1, 0) == "a" + VOCAB.to_tokens(int(logits.argmax()))


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


def test_resetting_before_the_product():
    p = ref.random_params(V, H, seed=1)
    read = generate.read_reset_before([p[name] for name in ref.NAMES])
    expected, _, _ = ref.forward(ref.one_hot([IDS], V), numpy.zeros((1, H)), p, "before")
    found = [read(IDS[:3]), *(read([i]) for i in IDS[3:])]
    numpy.testing.assert_allclose(found, expected[2:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_resetting_after_the_product(num_layers):
    model = concise(num_layers)
    read = generate.read_reset_after(arrays(model))
    expected, _ = model(np.array([IDS], dtype="int32"), model.begin_state(1, cpu()))
    found = [read(IDS[:3]), *(read([i]) for i in IDS[3:])]
    numpy.testing.assert_allclose(found, expected.asnumpy()[2:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_do_not_overflow_and_digits_are_those_of_the_parameters(dtype):
    for read, params in (
        (generate.read_reset_before, ref.random_params(V, H).values()),
        (generate.read_reset_after, arrays(concise(2))),
    ):
        with numpy.errstate(all="raise", under="ignore"):
            found = read([1e4 * p.astype(dtype) for p in params])([1, 2, 3])
        assert numpy.isfinite(found).all() and found.dtype == dtype


@pytest.mark.parametrize(
    ("make", "called"),
    [
        (scratch, False),
        (lambda: concise(2), False),
        (lambda: concise(1, rnn.LSTM), True),
        (lambda: scratch(device=cpu(1), gru=lambda *args: d2l.gru(*args)), True),
    ],
)
def test_the_package_s_own_models_are_read_in_numpy_and_others_called(make, called, monkeypatch):
    model, calls = make(), []
    reader = on_mxnet._reader
    monkeypatch.setattr(on_mxnet, "_reader", lambda *args: calls.append(args) or reader(*args))
    device = model.parameters()[0].ctx
    assert len(d2l.predict("bad", 5, model, VOCAB, device)) >= 8 and len(calls) == called


def test_frozen_parameters_are_read_too():
    model = concise()
    text = d2l.predict("bad", 20, model, VOCAB, cpu())
    model.rnn.l0_i2h_weight.grad_req = "null"
    assert d2l.predict("bad", 20, model, VOCAB, cpu()) == text


@pytest.mark.parametrize("kind", ["scratch", "GRU", "GRU without biases", "RNN"])
def test_pytorch(torch, kind):
    import d2l_gru.torch as d2l
    from d2l_gru.torch import generate

    d2l.set_seed(0)
    if kind == "scratch":
        model = d2l.RNNModelScratch(V, H, "cpu", d2l.get_params, d2l.init_gru_state, d2l.gru)
    elif kind == "RNN":
        model = d2l.RNNModel(torch.nn.RNN(V, H), V, sigma=0.7)
    else:
        layer = torch.nn.GRU(V, H, num_layers=2, bias=kind == "GRU")
        model = d2l.RNNModel(layer, V, sigma=0.7)
    with torch.no_grad():
        for param in model.parameters():
            param += 0.3 * torch.randn(param.shape)
    read = generate._reader_in_numpy(model)
    assert (read is None) == (kind in ("RNN", "GRU without biases"))
    slow = generate._reader(model, "cpu")
    for ids in ([3, 1, 4], [1], [5], [0]):
        logits = slow(ids)
        if read is not None:
            numpy.testing.assert_allclose(read(ids), logits, rtol=0, atol=1e-5)
    assert abs(logits).max() > 0.1
