"""d2l 0.17.6 on MXNet, as Dive into Deep Learning uses it."""

import random

import numpy

numpy.bool = bool  # what MXNet 1.9.1 reads, and NumPy 1.23 warns of

from d2l import mxnet as d2l  # noqa: E402
from mxnet import cpu, gluon, init, np, npx  # noqa: E402
from mxnet.gluon import rnn  # noqa: E402
from target import from_nothing  # noqa: E402
from task import (  # noqa: E402
    BATCH_SIZE,
    EPOCHS,
    LR,
    NUM_HIDDENS,
    NUM_PREDS,
    NUM_STEPS,
    PREFIX,
    TOKENS,
)

import d2l_gru  # noqa: E402

PACKAGES = ["d2l", "mxnet", "numpy"]
npx.set_np()
train_iter, vocab = d2l.load_data_time_machine(BATCH_SIZE, NUM_STEPS)


def gru(inputs, state, params):
    """The loop of the chapter on GRUs, which is not in the library."""
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = npx.sigmoid(np.dot(X, W_xz) + np.dot(H, W_hz) + b_z)
        R = npx.sigmoid(np.dot(X, W_xr) + np.dot(H, W_hr) + b_r)
        H_tilda = np.tanh(np.dot(X, W_xh) + np.dot(R * H, W_hh) + b_h)
        H = Z * H + (1 - Z) * H_tilda
        outputs.append(np.dot(H, W_hq) + b_q)
    return np.concatenate(outputs, axis=0), (H,)


def _scratch():
    size = len(vocab), NUM_HIDDENS, cpu()
    return d2l.RNNModelScratch(*size, d2l_gru.get_params, d2l_gru.init_gru_state, gru)


def _concise():
    model = d2l.RNNModel(rnn.GRU(NUM_HIDDENS), len(vocab))
    model.initialize(ctx=cpu(), force_reinit=True, init=init.Normal(0.01))
    return model


def _training(model, updater):
    loss = gluon.loss.SoftmaxCrossEntropyLoss()

    def turn():
        for _ in range(EPOCHS):
            d2l.train_epoch_ch8(model, train_iter, loss, updater, cpu(), False)
        npx.waitall()
        return TOKENS

    return turn


def epochs(seed):
    """Return a function that trains for an epoch and returns its perplexity."""
    npx.random.seed(seed)
    random.seed(seed)
    model, loss = _concise(), gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(model.collect_params(), "sgd", {"learning_rate": LR})
    return lambda: d2l.train_epoch_ch8(model, train_iter, loss, trainer.step, cpu(), False)[0]


def to_target():
    return from_nothing("peer_d2l")


def scratch():
    model = _scratch()
    return _training(model, lambda batch_size: d2l.sgd(model.params, LR, batch_size))


def concise():
    model = _concise()
    trainer = gluon.Trainer(model.collect_params(), "sgd", {"learning_rate": LR})
    return _training(model, trainer.step)


def _writing(model):
    def turn():
        return len(d2l.predict_ch8(PREFIX, NUM_PREDS, model, vocab, cpu())) - len(PREFIX)

    return turn


def write_scratch():
    return _writing(_scratch())


def write_concise():
    return _writing(_concise())
