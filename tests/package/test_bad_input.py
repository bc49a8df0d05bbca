"""Bad input to any public function raises at once, and names the value and what is allowed."""

import inspect
import random
import re
import time

import numpy
import pytest
from mxnet import cpu, np
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru._checks import check_token_ids

CPU = cpu()
IDS = [0, 1, 2, 3, 4] * 20  # 100 tokens
VOCAB = d2l.Vocab(list("abcd"))
LETTERS = d2l.Vocab(list("time traveller"))
V, H = 5, 4


def scratch(vocab_size=V, num_hiddens=H):
    return d2l.RNNModelScratch(
        vocab_size, num_hiddens, CPU, d2l.get_params, d2l.init_gru_state, d2l.gru
    )


def concise(layer=None, vocab_size=V):
    return d2l.RNNModel(layer or rnn.GRU(H), vocab_size)


def ids(rows):
    return np.array(rows, dtype="int32")


def ready(make):
    model = make()
    model.prepare(CPU)
    return model


def run(make, X, batch_size=2):
    """Run a model on X, with a state for `batch_size` rows."""
    model = ready(make)
    return model(X, model.begin_state(batch_size, CPU))


def gru(inputs=(3, 2, V), state=(2, H), **replaced):
    """Run `gru` on zeros of these shapes; `replaced` maps names of parameters to shapes."""
    names = "W_xz W_hz b_z W_xr W_hr b_r W_xh W_hh b_h W_hq b_q".split()
    params = dict(zip(names, d2l.get_params(V, H, CPU), strict=True))
    params.update({name: np.zeros(shape) for name, shape in replaced.items()})
    return d2l.gru(np.zeros(inputs), (np.zeros(state),), list(params.values()))


def train(**changed):
    arguments = {"model": scratch(), "train_iter": d2l.SeqDataLoader(IDS, 2, 3), "lr": 1}
    return d2l.train(**{**arguments, "num_epochs": 1, "device": CPU, **changed})


def epoch(batches, lr=1, clip=1.0, make=scratch):
    return d2l.train_epoch(ready(make), batches, lr, CPU, clip)


def predict(prefix="ab", num_preds=2, vocab=VOCAB, **more):
    return d2l.predict(prefix, num_preds, scratch(), vocab, CPU, **more)


def without_gradients():
    def get_params(*size):
        return [param.copy() for param in d2l.get_params(*size)]

    return d2l.RNNModelScratch(V, H, CPU, get_params, d2l.init_gru_state, d2l.gru)


def array(grad=True):
    a = np.ones(3)
    if grad:
        a.attach_grad()
    return a


X = ids([[0, 1], [2, 3]])
WORDS = d2l.Vocab(["time", "machine", "a", "b"])
NO_WHOLE = "must be a whole number"
CASES = {  # name: [(call, error, what the message must say)]
    "tokenize": [
        (lambda: d2l.tokenize(["a"], "words"), ValueError, ["'words'", "'word'", "'char'"]),
        (lambda: d2l.tokenize(["a"], None), ValueError, ["None", "'word'", "'char'"]),
    ],
    "Vocab": [
        (lambda: d2l.Vocab([]), ValueError, ["at least one token"]),
        (lambda: d2l.Vocab([[], []]), ValueError, ["at least one token"]),
        (lambda: d2l.Vocab(["a"], min_freq=-1), ValueError, ["min_freq", "-1", ">= 0"]),
        (lambda: d2l.Vocab(["a"], min_freq=1.5), TypeError, ["min_freq", "1.5", NO_WHOLE]),
        (lambda: d2l.Vocab(["a"], 0, "<pad>"), TypeError, ["reserved_tokens", "list", "'<pad>'"]),
        (lambda: VOCAB.to_tokens(5), IndexError, ["5", "[0, 5)"]),
        (lambda: VOCAB.to_tokens([0, -1]), IndexError, ["-1", "[0, 5)"]),
        (lambda: VOCAB.to_tokens(1.7), (TypeError, IndexError), ["1.7"]),
    ],
    "ngram_perplexity": [
        (lambda: d2l.ngram_perplexity("abc", 0), ValueError, ["n", "0", ">= 1"]),
        (lambda: d2l.ngram_perplexity("abc", 2.0), TypeError, ["n", "2.0", NO_WHOLE]),
        (lambda: d2l.ngram_perplexity("ab", 3), ValueError, ["2", "at least", "3"]),
    ],
    "load_corpus_time_machine": [
        (lambda: d2l.load_corpus_time_machine(0), ValueError, ["max_tokens", "-1", "0", ">= 1"]),
        (lambda: d2l.load_corpus_time_machine(-2), ValueError, ["max_tokens", "-2", ">= 1"]),
        (lambda: d2l.load_corpus_time_machine(1.5), TypeError, ["max_tokens", "1.5", NO_WHOLE]),
        (lambda: d2l.load_corpus_time_machine(9, "x"), ValueError, ["'x'", "'word'", "'char'"]),
    ],
    "load_data_time_machine": [
        (lambda: d2l.load_data_time_machine(0, 3), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: d2l.load_data_time_machine(2, -3), ValueError, ["num_steps", "-3", ">= 1"]),
        (lambda: d2l.load_data_time_machine(2, 3, False, 6), ValueError, ["6 tokens", "+ 1 = 7"]),
        (lambda: d2l.load_data_time_machine(2, 3, False, 0), ValueError, ["max_tokens", "0"]),
    ],
    "get_params": [
        (lambda: d2l.get_params(0, 4, CPU), ValueError, ["vocab_size", "0", ">= 1"]),
        (lambda: d2l.get_params(4, -1, CPU), ValueError, ["num_hiddens", "-1", ">= 1"]),
        (lambda: d2l.get_params(4, "x", CPU), TypeError, ["num_hiddens", "'x'", NO_WHOLE]),
    ],
    "init_gru_state": [
        (lambda: d2l.init_gru_state(0, 4, CPU), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: d2l.init_gru_state(2, 2.5, CPU), TypeError, ["num_hiddens", "2.5", NO_WHOLE]),
    ],
    "gru": [
        (lambda: gru(inputs=(2, V)), ValueError, ["inputs", "(2, 5)", "(num_steps, batch_size"]),
        (lambda: gru(inputs=(0, 2, V)), ValueError, ["inputs", "(0, 2, 5)"]),
        (lambda: gru(inputs=(3, 2, 6)), ValueError, ["W_xz", "(5, 4)", "(6, 4)"]),
        (lambda: gru(state=(3, H)), ValueError, ["H", "(3, 4)", "(2, 4)"]),
        (lambda: gru(W_hr=(4, 3)), ValueError, ["W_hr", "(4, 3)", "(4, 4)"]),
        (lambda: gru(b_h=(1,)), ValueError, ["b_h", "(1,)", "(4,)"]),
        (lambda: gru(b_q=(6,)), ValueError, ["b_q", "(6,)", "(5,)"]),
        (lambda: gru(W_hq=(3, V)), ValueError, ["W_hq", "(3, 5)", "(4, "]),
        (lambda: gru(W_hq=(H,)), ValueError, ["W_hq", "(4,)"]),
        (lambda: gru(W_hz=(H, 3)), ValueError, ["H", "(2, 3)", "(2, 4)"]),
        (lambda: gru(W_hz=(H,)), ValueError, ["W_hz", "(4,)", "(4, 4)"]),
        (lambda: gru(b_z=(3,)), ValueError, ["b_z", "(3,)", "(4,)"]),
        (
            lambda: d2l.gru(np.zeros((3, 2, V)), (np.zeros((2, H)),), [np.zeros(3)] * 10),
            ValueError,
            ["params", "11", "10"],
        ),
        (
            lambda: d2l.gru(np.zeros((3, 2, V)), (), d2l.get_params(V, H, CPU)),
            ValueError,
            ["state", "1", "0"],
        ),
    ],
    "RNNModelScratch": [
        (lambda: scratch(vocab_size=0), ValueError, ["vocab_size", "0", ">= 1"]),
        (lambda: scratch(num_hiddens=0), ValueError, ["num_hiddens", "0", ">= 1"]),
        (lambda: scratch().begin_state(0, CPU), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: run(scratch, X, batch_size=3), ValueError, ["H", "(3, 4)", "(2, 4)"]),
    ],
    "RNNModel": [
        (lambda: concise(vocab_size=0), ValueError, ["vocab_size", "0", ">= 1"]),
        (lambda: concise(vocab_size="5"), TypeError, ["vocab_size", "'5'", NO_WHOLE]),
        (lambda: concise(rnn.GRU(H, layout="NTC")), ValueError, ["layout", "'NTC'", "'TNC'"]),
        (lambda: concise("gru"), TypeError, ["rnn_layer", "'gru'", "rnn.GRU"]),
        (lambda: concise(rnn.GRUCell(H)), TypeError, ["rnn_layer", "GRUCell", "rnn.GRU"]),
        (lambda: concise(rnn.GRU(H, input_size=9)), ValueError, ["input_size", "5", "9"]),
        (lambda: concise(rnn.GRU(H, bidirectional=True)), ValueError, ["bidirectional"]),
        (lambda: concise(rnn.LSTM(H, projection_size=2)), ValueError, ["projection_size is 2"]),
        (lambda: concise(rnn.GRU(H, use_sequence_length=True)), ValueError, ["sequence_length"]),
        (lambda: ready(concise).begin_state(0, CPU), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: run(concise, X, batch_size=3), ValueError, ["state", "(1, 2, 4)", "(1, 3, 4)"]),
        (lambda: ready(concise)(X, []), ValueError, ["state", "length 1", "0"]),
    ],
    "perplexity": [
        (lambda: d2l.perplexity("x"), TypeError, ["'x'", "number"]),
        (lambda: d2l.perplexity(None), TypeError, ["None", "number"]),
    ],
    "set_seed": [
        (lambda: d2l.set_seed(-1), ValueError, ["seed", "-1", ">= 0"]),
        (lambda: d2l.set_seed([1]), TypeError, ["seed", "[1]", NO_WHOLE]),
        (lambda: d2l.set_seed(2**31), ValueError, ["seed", str(2**31)]),  # MXNet would take it as 0
    ],
    "sgd": [
        (lambda: d2l.sgd([array()], 0), ValueError, ["lr", "0", "> 0"]),
        (lambda: d2l.sgd([array()], float("nan")), ValueError, ["lr", "nan", "> 0"]),
        (lambda: d2l.sgd([array()], "x"), TypeError, ["lr", "'x'", "> 0"]),
        (lambda: d2l.sgd([array(grad=False)], 1), ValueError, ["gradient"]),
        (lambda: d2l.sgd([], 1), ValueError, ["no array", "once only"]),
        (lambda: d2l.sgd([5], 1), TypeError, ["arrays", "not int"]),
        (lambda: d2l.sgd(without_gradients(), 1), ValueError, ["no array to train", "attach_grad"]),
        (lambda: d2l.sgd([array()], 1, 0), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda: d2l.sgd([array()], 1, 0.5), TypeError, ["batch_size", "0.5", NO_WHOLE]),
    ],
    "gradient_norm": [
        (lambda: d2l.gradient_norm([array(grad=False)]), ValueError, ["gradient"]),
    ],
    "grad_clipping": [
        (lambda: d2l.grad_clipping([array()], 0), ValueError, ["theta", "0", "> 0"]),
        (lambda: d2l.grad_clipping([array()], -1), ValueError, ["theta", "-1", "> 0"]),
        (lambda: d2l.grad_clipping([array()], float("nan")), ValueError, ["theta", "nan", "> 0"]),
        (lambda: d2l.grad_clipping([array()], "1"), TypeError, ["theta", "'1'", "> 0"]),
        (lambda: d2l.grad_clipping([array(grad=False)], 1), ValueError, ["gradient"]),
    ],
    "train_epoch": [
        (lambda: epoch([]), ValueError, ["train_iter", "no minibatch"]),
        (lambda: epoch([(X, X)], lr=-1), ValueError, ["lr", "-1", "> 0"]),
        (lambda: epoch([(X, X)], clip=0), ValueError, ["0", "> 0"]),
        (lambda: epoch([(X + 9, X)]), ValueError, ["X holds 9", "[0, 5)"]),
        (lambda: epoch([(X, X + 9)]), ValueError, ["Y holds 9", "[0, 5)"]),
        (lambda: epoch([(X, X - 9)], make=concise), ValueError, ["-9", "[0, 5)"]),
        (lambda: epoch([(X, X[:, :1])]), ValueError, ["Y", "(2, 1)", "(2, 2)"]),
        (lambda: epoch([(X, X), (X[:1], X[:1])]), ValueError, ["(2, 4)", "(1, 4)"]),
    ],
    "train": [
        (lambda: train(lr=0), ValueError, ["lr", "0", "> 0"]),
        (lambda: train(lr=float("inf")), ValueError, ["lr", "inf", "finite"]),
        (lambda: train(lr="1"), TypeError, ["lr", "'1'", "> 0"]),
        (lambda: train(num_epochs=0), ValueError, ["num_epochs", "0", ">= 1"]),
        (lambda: train(num_epochs=1.5), TypeError, ["num_epochs", "1.5", NO_WHOLE]),
        (lambda: train(num_epochs=True), TypeError, ["num_epochs", "True", NO_WHOLE]),
        (lambda: train(clip=0), ValueError, ["clip", "0", "> 0", "None"]),
        (lambda: train(clip="x"), TypeError, ["clip", "'x'", "> 0", "None"]),
        (lambda: train(device="gpu"), TypeError, ["device", "'gpu'", "npx.cpu()"]),
        (lambda: train(device="cpu", model=concise()), TypeError, ["device", "'cpu'"]),
        (lambda: train(on_epoch=5), TypeError, ["on_epoch", "5"]),
    ],
    "train_ch8": [
        (
            lambda: d2l.train_ch8(scratch(), d2l.SeqDataLoader(IDS, 2, 3), LETTERS, 1, 0, CPU),
            ValueError,
            ["num_epochs", "0", ">= 1"],
        ),
        (
            lambda: d2l.train_ch8(scratch(), d2l.SeqDataLoader(IDS, 2, 3), LETTERS, -1, 1, CPU),
            ValueError,
            ["lr", "-1", "> 0"],
        ),
    ],
    "predict": [
        (lambda: predict(""), ValueError, ["prefix", "''", "at least one"]),
        (lambda: predict(None), TypeError, ["prefix", "None", "str"]),
        (lambda: predict(5), TypeError, ["prefix", "5", "str"]),
        (lambda: predict("axb!"), ValueError, ["'axb!'", "['!', 'x']", "vocab"]),
        (lambda: predict(num_preds=-1), ValueError, ["num_preds", "-1", ">= 0"]),
        (lambda: predict(num_preds=1.5), TypeError, ["num_preds", "1.5", NO_WHOLE]),
        (lambda: predict(temperature=-1), ValueError, ["temperature", "-1", ">= 0"]),
        (lambda: predict(temperature=float("nan")), ValueError, ["temperature", "nan", ">= 0"]),
        (lambda: predict(temperature=float("inf")), ValueError, ["temperature", "inf", "finite"]),
        (lambda: predict(temperature=10**400), ValueError, ["temperature", "finite"]),
        (lambda: predict(temperature="x"), TypeError, ["temperature", "'x'", ">= 0"]),
        (lambda: predict(" ", vocab=WORDS), ValueError, ["prefix", "' '", "one word"]),
        (lambda: predict("time flies", vocab=WORDS), ValueError, ["['flies']", "vocabulary"]),
        (lambda: predict("ab", vocab=d2l.Vocab(list("abcde"))), ValueError, ["5 tokens", "has 6"]),
        (lambda: predict("ab", vocab=d2l.Vocab(list("ab"))), ValueError, ["5 tokens", "has 3"]),
    ],
    "predict_ch8": [
        (lambda: d2l.predict_ch8("", 1, scratch(), VOCAB, CPU), ValueError, ["prefix"]),
        (lambda: d2l.predict_ch8("a", -1, scratch(), VOCAB, CPU), ValueError, ["-1", ">= 0"]),
    ],
    "try_gpu": [
        (lambda: d2l.try_gpu(-1), ValueError, ["i", "-1", ">= 0"]),
        (lambda: d2l.try_gpu("0"), TypeError, ["i", "'0'", NO_WHOLE]),
    ],
    "PerplexityCurve": [
        (lambda: d2l.PerplexityCurve(0), ValueError, ["num_epochs", "0", ">= 1"]),
        (lambda: d2l.PerplexityCurve(1.5), TypeError, ["num_epochs", "1.5", NO_WHOLE]),
        (lambda: d2l.PerplexityCurve(3, {"a": "x"}), TypeError, ["rulers", "'x'", "> 0"]),
    ],
}
NOTHING_TO_GET_WRONG = {"History", "read_time_machine", "use_svg_display"}

for name in ("seq_data_iter_consecutive", "seq_data_iter_random", "SeqDataLoader"):
    sample = getattr(d2l, name)
    CASES[name] = [
        # Not one minibatch is asked for: the call itself must raise.
        (lambda f=sample: f(IDS, 0, 3), ValueError, ["batch_size", "0", ">= 1"]),
        (lambda f=sample: f(IDS, 2, -1), ValueError, ["num_steps", "-1", ">= 1"]),
        (lambda f=sample: f(IDS, 2.0, 3), TypeError, ["batch_size", "2.0", NO_WHOLE]),
        (lambda f=sample: f(IDS, 2, "3"), TypeError, ["num_steps", "'3'", NO_WHOLE]),
        (lambda f=sample: f(IDS, 10, 10), ValueError, ["100 tokens", "+ 1 = 101"]),
        (lambda f=sample: f([], 1, 1), ValueError, ["0 tokens", "+ 1 = 2"]),
        (lambda f=sample: f([0.5, 1.5] * 4, 1, 2), (TypeError, ValueError), ["corpus", "0.5"]),
        (lambda f=sample: f(np.zeros((9, 2), dtype="int32"), 1, 2), ValueError, ["(9, 2)"]),
        (lambda f=sample: f([2**31] * 9, 1, 2), ValueError, [str(2**31), "2**31"]),
        (lambda f=sample: f([0] * 8 + [-5], 1, 2), ValueError, ["corpus holds -5", "[0, 2**31)"]),
        (lambda f=sample: f(numpy.full(9, -1), 1, 2), ValueError, ["corpus holds -1"]),
        # As the class of 2019 was called, with the sizes first.
        (lambda f=sample: f(32, 35, False), TypeError, ["corpus", "32", "load_data_time_machine"]),
    ]
for make in (scratch, concise):
    CASES["RNNModelScratch" if make is scratch else "RNNModel"] += [
        (lambda m=make: run(m, ids([[0, 5], [1, 1]])), ValueError, ["5", "[0, 5)"]),
        (lambda m=make: run(m, ids([[0, -1], [1, 1]])), ValueError, ["-1", "[0, 5)"]),
        (lambda m=make: run(m, ids([0, 1])), ValueError, ["(2,)", "(batch_size, num_steps)"]),
        (
            lambda m=make: run(m, np.zeros((2, 0))),
            ValueError,
            ["(2, 0)", "(batch_size, num_steps)"],
        ),
        (lambda m=make: run(m, np.array([[0.5, 1], [1, 1]])), (TypeError, ValueError), ["0.5"]),
    ]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        pytest.param(*case, id=f"{name}-{i}")
        for name, cases in CASES.items()
        for i, case in enumerate(cases)
    ],
)
def test_bad_input_raises_and_is_named(call, error, said, snapshot):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert not [part for part in said if part not in message], message
    assert re.sub(r"gru\d+_", "gru_", message) == snapshot  # Gluon counts its layers


def test_every_public_function_has_bad_input_above():
    with_arguments = {
        name for name in d2l.__all__ if inspect.signature(getattr(d2l, name)).parameters
    }
    assert with_arguments - NOTHING_TO_GET_WRONG == set(CASES)


def test_the_ids_of_a_large_minibatch_are_checked_at_once():
    start = time.process_time()
    check_token_ids("X", np.zeros((100, 1000), dtype="int32"), V)
    assert time.process_time() - start < 0.5  # and not one by one, which takes longer


def test_a_bad_seed_changes_nothing():
    state = random.getstate()
    for seed in (-1, 1.5, "x"):
        with pytest.raises((TypeError, ValueError)):
            d2l.set_seed(seed)
    assert random.getstate() == state


def test_a_vocabulary_that_is_not_the_model_s_is_refused_before_training():
    model = scratch()
    before = model.params[1].asnumpy()
    with pytest.raises(ValueError):
        d2l.train_ch8(model, d2l.SeqDataLoader(IDS, 2, 3), LETTERS, 1, 1, CPU)
    numpy.testing.assert_array_equal(model.params[1].asnumpy(), before)


def test_a_model_without_parameters_is_told_what_to_do():
    with pytest.raises((ValueError, RuntimeError), match="prepare|initialize"):
        d2l.train_epoch(concise(), [(X, X)], 1, CPU)


def test_a_diverged_model_says_so():
    model = scratch()
    model.params[-1][:] = float("nan")
    for temperature in (0, 1):
        with pytest.raises(
            ValueError, match="^the model's logits are not finite: its training diverged$"
        ):
            d2l.predict("ab", 1, model, VOCAB, CPU, temperature)
