"""The cells of the notebook of July 2019 run unchanged, but for the name of the package.

The cells are written after the table in FACTS: the reader's own `get_params`, `init_gru_state` and
`gru`, in the idioms of that time.
"""

import re

import pytest
from mxnet import np, npx
from mxnet.gluon import rnn

import d2l_gru as d2l

npx.set_np()

batch_size, num_steps = 32, 35
num_hiddens = 256


def get_params(vocab_size, num_hiddens, ctx):
    num_inputs = num_outputs = vocab_size
    normal = lambda shape: np.random.normal(scale=0.01, size=shape, ctx=ctx)  # noqa: E731
    three = lambda: (  # noqa: E731
        normal((num_inputs, num_hiddens)),
        normal((num_hiddens, num_hiddens)),
        np.zeros(num_hiddens, ctx=ctx),
    )
    W_xz, W_hz, b_z = three()  # Update gate
    W_xr, W_hr, b_r = three()  # Reset gate
    W_xh, W_hh, b_h = three()  # Candidate state
    W_hq = normal((num_hiddens, num_outputs))
    b_q = np.zeros(num_outputs, ctx=ctx)
    params = [W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.attach_grad()
    return params


def init_gru_state(batch_size, num_hiddens, ctx):
    return (np.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


def gru(inputs, state, params):
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = npx.sigmoid(np.dot(X, W_xz) + np.dot(H, W_hz) + b_z)
        R = npx.sigmoid(np.dot(X, W_xr) + np.dot(H, W_hr) + b_r)
        H_tilda = np.tanh(np.dot(X, W_xh) + np.dot(R * H, W_hh) + b_h)
        H = Z * H + (1 - Z) * H_tilda
        Y = np.dot(H, W_hq) + b_q
        outputs.append(Y)
    return np.concatenate(outputs, axis=0), (H,)


def from_scratch(vocab_size, ctx):
    return d2l.RNNModelScratch(vocab_size, num_hiddens, ctx, get_params, init_gru_state, gru)


def of_today(vocab_size, ctx):
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    return d2l.RNNModelScratch(vocab_size, num_hiddens, ctx, *functions)


def concise(vocab_size, ctx):
    gru_layer = rnn.GRU(num_hiddens)
    return d2l.RNNModel(gru_layer, vocab_size)


def trained(make, train):
    d2l.set_seed(0)
    train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)
    vocab_size, ctx = len(vocab), d2l.try_gpu()
    lr, num_epochs = 1, 2
    model = make(vocab_size, ctx)
    if train is d2l.train_ch8:
        train(model, train_iter, vocab, lr, num_epochs, ctx)
    else:
        train(model, train_iter, lr, num_epochs, ctx)
    return model.parameters()


@pytest.mark.parametrize(
    ("model", "in_the_chapter"), [(from_scratch, of_today), (concise, concise)]
)
def test_it_prints_what_it_printed_and_comes_to_the_end_of_the_chapter(
    model, in_the_chapter, capsys
):
    """Bit for bit on the way there; what these ends are, the chapters' own outputs say."""
    ours = trained(model, d2l.train_ch8)
    first, *completions = capsys.readouterr().out.splitlines()
    match = re.fullmatch(r"Perplexity (\d+\.\d), \d+ tokens/sec on [cg]pu\(0\)", first)
    assert match and 14 < float(match[1]) < 25, first  # 17.2 is what the unigrams give
    for prefix, completion in zip(("time traveller", "traveller"), completions, strict=True):
        assert re.fullmatch(f"{prefix}[a-z ]{{50}}", completion), completion
    theirs = trained(in_the_chapter, d2l.train)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a == b).all()
