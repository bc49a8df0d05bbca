"""Completions, greedy and sampled, against the float64 reference."""

import random
import sys
from collections import Counter

import numpy
import pytest
import reference_gru as ref
from mxnet import cpu, np
from mxnet.gluon import rnn

import d2l_gru as d2l

pytestmark = pytest.mark.usefixtures("seeded")

VOCAB = d2l.Vocab(list("abcdef"))
V, H = len(VOCAB), 6


def model_of(p):
    def get_params(vocab_size, num_hiddens, device):
        return [np.array(p[name], dtype="float32", ctx=device) for name in ref.NAMES]

    return d2l.RNNModelScratch(V, H, cpu(), get_params, d2l.init_gru_state, d2l.gru)


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
def test_greedy_completion_takes_the_likeliest_each_time(params, prefix):
    text = d2l.predict(prefix, 40, model_of(params), VOCAB, cpu())
    assert text == greedy(prefix, 40, params)
    assert len(set(text)) > 3  # the case is no trivial one
    assert text == d2l.predict_ch8(prefix, 40, model_of(params), VOCAB, cpu())


def test_the_whole_prefix_counts(params):
    model = model_of(params)
    texts = {d2l.predict(first + "ba", 30, model, VOCAB, cpu())[3:] for first in "abcdef"}
    assert len(texts) > 1


def test_the_two_models_complete_alike():
    model = d2l.RNNModel(rnn.GRU(H), V)
    model.prepare(cpu())
    model(np.zeros((1, 1), dtype="int32"), model.begin_state(1, cpu()))
    rng = numpy.random.default_rng(0)
    for param in model.parameters():
        param[:] = np.array(rng.normal(size=param.shape), dtype="float32")
    model.rnn.l0_i2h_bias.data()[:H] = 50  # reset gate at 1: the two GRU are one
    p = ref.from_gluon(model.rnn, model.dense)
    p["b_h"] = p["b_h"] + p.pop("c_h")
    assert d2l.predict("bad", 40, model, VOCAB, cpu()) == greedy("bad", 40, p)


def test_no_characters_may_be_asked_for(params):
    assert d2l.predict("abba", 0, model_of(params), VOCAB, cpu()) == "abba"


def test_a_model_reads_the_prefix_and_then_each_character_as_int32_ids(params):
    model, read = model_of(params), []

    class Watched:
        prepare, begin_state = model.prepare, model.begin_state

        def __call__(self, X, state):
            read.append((X.dtype, X.asnumpy().tolist()))
            return model(X, state)

    text = d2l.predict("bad", 3, Watched(), VOCAB, cpu())
    ids = VOCAB[list(text)]
    assert read == [(numpy.int32, [part]) for part in (ids[:3], ids[3:4], ids[4:5])]


def test_a_temperature_near_0_is_greedy(params):
    for temperature in (0, 1e-4, 1e-300):
        text = d2l.predict("a", 30, model_of(params), VOCAB, cpu(), temperature=temperature)
        assert text == greedy("a", 30, params)


def test_the_highest_temperature_draws_from_all_characters(params):
    hottest = sys.float_info.max
    text = d2l.predict("a", 50, model_of(params), VOCAB, cpu(), temperature=hottest)
    assert set("abcdef") < {*text}  # and parts of <unk>


WITH_DOT = d2l.Vocab(list("abcdef"))
WITH_DOT.idx_to_token[0] = "."  # so that <unk>, when drawn, is one character of the text
LOGITS = numpy.log([0.02, 0.4, 0.25, 0.15, 0.1, 0.05, 0.03])  # of every next character, always


@pytest.mark.parametrize("temperature", [1, 0.5, 2.5])
def test_frequencies_match_the_softmax(temperature):
    model = model_of(ref.random_params(V, H, scale=0) | {"b_q": LOGITS})
    text = d2l.predict("a", 1000, model, WITH_DOT, cpu(), temperature=temperature)
    weights = numpy.exp(LOGITS / temperature)
    expected = 1000 * weights / weights.sum()
    counts = Counter(WITH_DOT[list(text[1:])])
    chi_square = sum((counts[i] - e) ** 2 / e for i, e in enumerate(expected))
    assert chi_square < 22.5, counts  # 6 degrees of freedom: one seed in a thousand exceeds it


def test_a_seed_decides_the_sample(params):
    def sample(seed, temperature=1.5):
        d2l.set_seed(seed)
        return d2l.predict("a", 40, model_of(params), VOCAB, cpu(), temperature=temperature)

    assert sample(1) == sample(1) and len({sample(1), sample(2), sample(3)}) == 3


def test_greedy_completion_draws_no_random_number(params):
    state = random.getstate()
    d2l.predict("a", 5, model_of(params), VOCAB, cpu())
    assert random.getstate() == state


def test_a_higher_temperature_is_more_random():
    model = model_of(ref.random_params(V, H, scale=0) | {"b_q": LOGITS})

    def surprise(temperature):
        """Return how unlikely the model itself finds what was drawn, in nats per character."""
        text = d2l.predict("a", 300, model, WITH_DOT, cpu(), temperature=temperature)
        return -numpy.mean([LOGITS[i] for i in WITH_DOT[list(text[1:])]])

    assert surprise(0) < surprise(0.5) < surprise(1) < surprise(3) < surprise(100)
