"""The book's package, as its chapters use it, and with one saving at a time taken back."""

from mxnet import cpu, gluon, np
from mxnet.gluon import rnn
from target import from_nothing
from task import BATCH_SIZE, CLIP, EPOCHS, LR, NUM_HIDDENS, NUM_PREDS, NUM_STEPS, PREFIX, TOKENS

import d2l_gru as d2l
from d2l_gru.mxnet import generate, minibatches
from d2l_gru.mxnet import training as module
from d2l_gru.mxnet.concise import FastGRU

PACKAGES = ["mxnet", "numpy"]


def data():
    d2l.set_seed(0)
    return d2l.load_data_time_machine(BATCH_SIZE, NUM_STEPS)


def training(model, train_iter):
    model.prepare(cpu())

    def turn():
        for _ in range(EPOCHS):
            d2l.train_epoch(model, train_iter, LR, cpu(), CLIP)
        return TOKENS

    return turn


def _concise(vocab):
    return d2l.RNNModel(FastGRU(NUM_HIDDENS), len(vocab))


def epochs(seed):
    """Return a function that trains for an epoch and returns its perplexity."""
    d2l.set_seed(seed)
    train_iter, vocab = d2l.load_data_time_machine(BATCH_SIZE, NUM_STEPS)
    model = _concise(vocab)
    model.prepare(cpu())
    return lambda: d2l.train_epoch(model, train_iter, LR, cpu(), CLIP)[0]


def to_target():
    return from_nothing("ours")


def concise():
    train_iter, vocab = data()
    return training(_concise(vocab), train_iter)


def concise_without_rows():
    train_iter, vocab = data()
    return training(d2l.RNNModel(rnn.GRU(NUM_HIDDENS), len(vocab)), train_iter)


def concise_without_graphs():
    train_iter, vocab = data()
    model = _concise(vocab)
    model.hybridize(False)
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    module.summed_loss = lambda Y_hat, Y: loss(Y_hat, Y.T.reshape(-1)).sum()

    def norm(arrays):
        flat = [array.reshape(-1) for array in arrays]
        return np.sqrt(sum(np.dot(array, array) for array in flat))

    module.norm = norm
    return training(model, train_iter)


def concise_with_powers():
    module.norm = lambda arrays: np.sqrt(sum((array**2).sum() for array in arrays))
    return concise()


def concise_without_blocks():
    minibatches.BLOCK = 1
    return concise()


def _scratch(vocab):
    size = len(vocab), NUM_HIDDENS, cpu()
    return d2l.RNNModelScratch(*size, d2l.get_params, d2l.init_gru_state, d2l.gru)


def scratch():
    train_iter, vocab = data()
    return training(_scratch(vocab), train_iter)


def _writing(model, vocab):
    def turn():
        return len(d2l.predict(PREFIX, NUM_PREDS, model, vocab, cpu())) - len(PREFIX)

    return turn


def write_scratch():
    vocab = data()[1]
    return _writing(_scratch(vocab), vocab)


def write_concise():
    vocab = data()[1]
    return _writing(_concise(vocab), vocab)


def write_without_numpy():
    generate._reader_in_numpy = lambda model: None
    return write_scratch()
