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


def scratch(num_epochs):
    d2l.set_seed(0)
    train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)
    vocab_size, ctx = len(vocab), d2l.try_gpu()
    lr = 1
    model = d2l.RNNModelScratch(len(vocab), num_hiddens, ctx, get_params, init_gru_state, gru)
    assert vocab_size == 28
    d2l.train_ch8(model, train_iter, vocab, lr, num_epochs, ctx)
    return model


def concise(num_epochs):
    d2l.set_seed(0)
    train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)
    vocab_size, ctx = len(vocab), d2l.try_gpu()
    lr = 1
    gru_layer = rnn.GRU(num_hiddens)
    model = d2l.RNNModel(gru_layer, vocab_size)
    d2l.train_ch8(model, train_iter, vocab, lr, num_epochs, ctx)
    return model


def perplexity_in(printed):
    """Check the three lines that the notebook prints; return the perplexity."""
    first, *completions = printed.splitlines()
    match = re.fullmatch(r"Perplexity (\d+\.\d), \d+ tokens/sec on [cg]pu\(0\)", first)
    assert match, first
    for prefix, completion in zip(("time traveller", "traveller"), completions, strict=True):
        assert re.fullmatch(f"{prefix}[a-z ]{{50}}", completion), completion
    return float(match[1])


@pytest.mark.parametrize("notebook", [scratch, concise])
def test_one_epoch(notebook, capsys):
    notebook(1)
    # Of the first epoch the unigrams (17.2) are already half learned; 28 is chance.
    assert 17 < perplexity_in(capsys.readouterr().out) < 27.5


def test_the_notebook_s_gru_is_the_package_s():
    d2l.set_seed(3)
    params = get_params(6, 4, npx.cpu())
    for param in params:
        param *= 100
    d2l.set_seed(3)
    own = d2l.get_params(6, 4, npx.cpu())
    for param in own:
        param *= 100
    inputs = npx.one_hot(np.array([[0, 5], [1, 2], [3, 3]]), 6)
    Y_hat, (H,) = gru(inputs, init_gru_state(2, 4, npx.cpu()), params)
    Y_own, (H_own,) = d2l.gru(inputs, d2l.init_gru_state(2, 4, npx.cpu()), own)
    assert (Y_hat == Y_own).all() and (H == H_own).all() and abs(H).max() > 0.1


def as_in_the_chapter(notebook, num_epochs):
    """Train as the chapter does that grew out of these cells, for 50 epochs or 500."""
    d2l.set_seed(0)
    train_iter, vocab = d2l.load_data_time_machine(batch_size, num_steps)
    functions = (d2l.get_params, d2l.init_gru_state, d2l.gru)
    if notebook is scratch:
        model = d2l.RNNModelScratch(len(vocab), num_hiddens, d2l.try_gpu(), *functions)
    else:
        model = d2l.RNNModel(rnn.GRU(num_hiddens), len(vocab))
    d2l.train(model, train_iter, 1, num_epochs, d2l.try_gpu())
    return model


@pytest.mark.parametrize("notebook", [scratch, concise])
def test_it_comes_to_the_ends_of_the_chapters(notebook):
    """Bit for bit on the way there; what these ends are, the chapters' own outputs say."""
    ours, theirs = (model.parameters() for model in (notebook(3), as_in_the_chapter(notebook, 3)))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a == b).all()
