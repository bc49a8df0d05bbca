"""Bad input to any public function raises at once, and names the value and what is allowed."""

import inspect
import random
import re

import numpy
import pytest
from mxnet import cpu, np
from mxnet.gluon import rnn

import d2l_gru as d2l

CPU = cpu()
IDS = [0, 1, 2, 3, 4] * 20  # 100 tokens
VOCAB, LETTERS = d2l.Vocab(list("abcd")), d2l.Vocab(list("time traveller"))
WORDS = d2l.Vocab(["time", "machine", "a", "b"])
V, H = 5, 4
NAN, INF = float("nan"), float("inf")


def scratch(get_params=d2l.get_params):
    return d2l.RNNModelScratch(V, H, CPU, get_params, d2l.init_gru_state, d2l.gru)


def concise():
    return d2l.RNNModel(rnn.GRU(H), V)


def ready(make):
    model = make()
    model.prepare(CPU)
    return model


def run(make, X, batch_size=2):
    """Run a model on X, with a state for `batch_size` rows, or with none."""
    model = ready(make)
    return model(np.array(X), model.begin_state(batch_size, CPU) if batch_size else [])


def gru(inputs=(3, 2, V), state=(2, H), **replaced):
    """Run `gru` on zeros of these shapes; `replaced` maps names of parameters to shapes."""
    names = "W_xz W_hz b_z W_xr W_hr b_r W_xh W_hh b_h W_hq b_q".split()
    params = dict(zip(names, d2l.get_params(V, H, CPU), strict=True))
    params.update({name: np.zeros(shape) for name, shape in replaced.items()})
    state = (np.zeros(state),) if state else ()
    return d2l.gru(np.zeros(inputs), state, [p for p in params.values() if p.size])


def train(**changed):
    arguments = {"model": scratch(), "train_iter": d2l.SeqDataLoader(IDS, 2, 3), "lr": 1}
    return d2l.train(**{**arguments, "num_epochs": 1, "device": CPU, **changed})


def train_ch8(lr, num_epochs):
    d2l.train_ch8(scratch(), d2l.SeqDataLoader(IDS, 2, 3), LETTERS, lr, num_epochs, CPU)


def train_epoch(*batches, lr=1, clip=1.0):
    batches = [tuple(np.array(ids, dtype="int32") for ids in pair) for pair in batches]
    return d2l.train_epoch(scratch(), batches, lr, CPU, clip)


def predict(prefix="ab", num_preds=2, vocab=VOCAB, temperature=0):
    return d2l.predict(prefix, num_preds, scratch(), vocab, CPU, temperature)


def array(grad=True):
    a = np.ones(3)
    if grad:
        a.attach_grad()
    return a


def to_tokens(ids):
    return VOCAB.to_tokens(ids)


def begin_state(make, batch_size):
    return ready(make).begin_state(batch_size, CPU)


def without_gradients():
    return scratch(lambda *size: [param.copy() for param in d2l.get_params(*size)])


X = [[0, 1], [2, 3]]
SIZES = [  # of minibatches, of which not one is asked for: the call itself must raise
    (IDS, 0, 3), (IDS, 2, -1), (IDS, 2.0, 3), (IDS, 2, "3"), (IDS, 10, 10), ([], 1, 1),
    ([0.5, 1.5] * 4, 1, 2), (np.zeros((9, 2), dtype="int32"), 1, 2), ([2**31] * 9, 1, 2),
    ([0] * 8 + [-5], 1, 2), (numpy.full(9, -1), 1, 2),
    (32, 35, False),  # as the class of 2019 was called, with the sizes first
]  # fmt: skip
BAD = {  # the name of a public function, or of a function above: arguments, a tuple or a dict each
    "tokenize": [(["a"], "words"), (["a"], None)],
    "Vocab": [([],), ([[], []],), (["a"], -1), (["a"], 1.5), (["a"], 0, "<pad>")],
    "to_tokens": [(5,), ([0, -1],), (1.7,)],
    "ngram_perplexity": [("abc", 0), ("abc", 2.0), ("ab", 3)],
    "load_corpus_time_machine": [(0,), (-2,), (1.5,), (9, "x")],
    "load_data_time_machine": [(0, 3), (2, -3), (2, 3, False, 6), (2, 3, False, 0)],
    "seq_data_iter_consecutive": SIZES,
    "seq_data_iter_random": SIZES,
    "SeqDataLoader": SIZES,
    "get_params": [(0, 4, CPU), (4, -1, CPU), (4, "x", CPU)],
    "init_gru_state": [(0, 4, CPU), (2, 2.5, CPU)],
    "gru": [
        {"inputs": (2, V)}, {"inputs": (0, 2, V)}, {"inputs": (3, 2, 6)}, {"state": (3, H)},
        {"W_hr": (4, 3)}, {"b_h": (1,)}, {"b_q": (6,)}, {"W_hq": (3, V)}, {"W_hq": (H,)},
        {"W_hz": (H, 3)}, {"W_hz": (H,)}, {"b_z": (3,)}, {"b_q": 0}, {"state": None},
    ],
    "RNNModelScratch": [(0, H, CPU, None, None, None), (V, 0, CPU, None, None, None)],
    "RNNModel": [
        (rnn.GRU(H), 0), (rnn.GRU(H), "5"), (rnn.GRU(H, layout="NTC"), V), ("gru", V),
        (rnn.GRUCell(H), V), (rnn.GRU(H, input_size=9), V), (rnn.GRU(H, bidirectional=True), V),
        (rnn.LSTM(H, projection_size=2), V), (rnn.GRU(H, use_sequence_length=True), V),
    ],
    "begin_state": [(scratch, 0), (concise, 0)],
    "run": [
        (make, *more)
        for make in (scratch, concise)
        for more in ((X, 3), ([[0, 5], [1, 1]],), ([[0, -1], [1, 1]],), ([0, 1],), ([[], []],),
                     ([[0.5, 1], [1, 1]],), (X, 0))
    ],
    "perplexity": [("x",), (None,)],
    "set_seed": [(-1,), ([1],), (2**31,)],  # which MXNet would take as 0
    "sgd": [
        ([array()], 0), ([array()], NAN), ([array()], "x"), ([array(grad=False)], 1), ([], 1),
        ([5], 1), (without_gradients(), 1), ([array()], 1, 0), ([array()], 1, 0.5),
    ],
    "gradient_norm": [([array(grad=False)],)],
    "grad_clipping": [
        ([array()], 0), ([array()], -1), ([array()], NAN), ([array()], "1"),
        ([array(grad=False)], 1),
    ],
    "train_epoch": [
        (), {"lr": -1}, {"clip": 0}, ((X, numpy.add(X, -9)),), ((numpy.add(X, 9), X),),
        ((X, numpy.add(X, 9)),),        ((X, [[0], [2]]),), ((X, X), (X[:1], X[:1])),
    ],
    "train": [
        {"lr": 0}, {"lr": INF}, {"lr": "1"}, {"num_epochs": 0}, {"num_epochs": 1.5},
        {"num_epochs": True}, {"clip": 0}, {"clip": "x"}, {"device": "gpu"},
        {"device": "cpu", "model": concise()}, {"on_epoch": 5},
    ],
    "train_ch8": [(1, 0), (-1, 1), (1, 1)],
    "predict": [
        ("",), (None,), (5,), ("axb!",), ("ab", -1), ("ab", 1.5), {"temperature": -1},
        {"temperature": NAN}, {"temperature": INF}, {"temperature": 10**400},
        {"temperature": "x"}, (" ", 2, WORDS), ("time flies", 2, WORDS),
        ("ab", 2, d2l.Vocab(list("abcde"))), ("ab", 2, d2l.Vocab(list("ab"))),
    ],
    "predict_ch8": [("", 1, scratch(), VOCAB, CPU), ("a", -1, scratch(), VOCAB, CPU)],
    "try_gpu": [(-1,), ("0",)],
    "PerplexityCurve": [(0,), (1.5,), (3, {"a": "x"})],
}  # fmt: skip
# And test_scratch_fast says that fast_gru refuses what gru does.
NOTHING_TO_GET_WRONG = {"History", "fast_gru", "read_time_machine", "use_svg_display"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        pytest.param(name, given, id=f"{name}-{i}")
        for name, cases in BAD.items()
        for i, given in enumerate(cases)
    ],
)
def test_bad_input_raises_and_is_named(name, given, snapshot):
    call = globals().get(name) or getattr(d2l, name)
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        call(**given) if isinstance(given, dict) else call(*given)
    message = re.sub(r"gru\d+_", "gru_", str(caught.value))  # Gluon counts its layers
    assert f"{caught.type.__name__}: {message}" == snapshot


def test_every_public_function_has_bad_input_above():
    with_arguments = {
        name for name in d2l.__all__ if inspect.signature(getattr(d2l, name)).parameters
    }
    assert with_arguments - NOTHING_TO_GET_WRONG <= set(BAD)


def test_a_bad_seed_changes_nothing():
    state = random.getstate()
    for seed in (-1, 1.5, "x"):
        with pytest.raises((TypeError, ValueError)):
            d2l.set_seed(seed)
    assert random.getstate() == state


def test_a_model_without_parameters_is_told_what_to_do():
    X = np.zeros((2, 2), dtype="int32")
    with pytest.raises((ValueError, RuntimeError), match="prepare|initialize"):
        d2l.train_epoch(concise(), [(X, X)], 1, CPU)


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_diverged_model_says_so(temperature):
    model = scratch()
    model.params[-1][:] = NAN
    said = "^the model's logits are not finite: its training diverged$"
    with pytest.raises(ValueError, match=said):
        d2l.predict("ab", 1, model, VOCAB, CPU, temperature)
