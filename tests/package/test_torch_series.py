"""Cells of the notebooks beside the GRU one, in PyTorch, in the idioms of 2020 and 2021."""

import math

import numpy
import pytest

import d2l_gru.torch as d2l

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'torch>=2.6'")
nn, F = torch.nn, torch.nn.functional
pytestmark = pytest.mark.usefixtures("seeded", "cpu")


@pytest.fixture
def cpu(monkeypatch):
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    monkeypatch.setenv("D2L_GRU_DATA", "sample")


def data():
    return d2l.load_data_time_machine(batch_size=8, num_steps=10, max_tokens=1000)


def get_params(vocab_size, num_hiddens, device):
    shapes = [(vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,)]
    shapes += [(num_hiddens, vocab_size), (vocab_size,)]
    params = [torch.randn(size=shape, device=device) * 0.01 for shape in shapes]
    for param in params:
        param.requires_grad_(True)
    return params


def init_rnn_state(batch_size, num_hiddens, device):
    return (torch.zeros((batch_size, num_hiddens), device=device),)


def rnn(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = torch.tanh(torch.mm(X, W_xh) + torch.mm(H, W_hh) + b_h)
        outputs.append(torch.mm(H, W_hq) + b_q)
    return torch.cat(outputs, dim=0), (H,)


def from_scratch(vocab):
    d2l.set_seed(1)
    return d2l.RNNModelScratch(len(vocab), 16, d2l.try_gpu(), get_params, init_rnn_state, rnn)


def concise(vocab):
    d2l.set_seed(1)
    net = d2l.RNNModel(nn.GRU(len(vocab), 16), len(vocab))
    return net.to(d2l.try_gpu())


def train_as_the_reader(net, train_iter, lr, num_epochs, device):
    """The loop of the chapter on the RNN from scratch, whose gradients d2l's sgd sets to zero."""
    loss, animator = nn.CrossEntropyLoss(), d2l.Animator("epoch", "perplexity", xlim=[1, 3])
    for epoch in range(num_epochs):
        state, metric = None, d2l.Accumulator(2)
        for X, Y in train_iter:
            if state is None:
                state = net.begin_state(batch_size=X.shape[0], device=device)
            else:
                # As there: a tensor for a Module around nn.GRU, a tuple for any other.
                bare = isinstance(net, nn.Module) and not isinstance(state, tuple)
                for s in [state] if bare else state:
                    s.detach_()
            y = Y.T.reshape(-1)
            y_hat, state = net(X.to(device), state)
            l = loss(y_hat, y.long()).mean()
            l.backward()
            d2l.grad_clipping(net, 1)
            d2l.sgd(net.parameters(), lr, batch_size=1)
            metric.add(l * y.numel(), y.numel())
        animator.add(epoch + 1, [math.exp(metric[0] / metric[1])])
    return animator.Y[0]


def test_rnn_from_scratch(capsys):
    (train_iter, vocab), device = data(), d2l.try_gpu()
    X, net = torch.arange(10).reshape((2, 5)), from_scratch(vocab)
    Y, new_state = net(X.to(device), net.begin_state(X.shape[0], device))
    assert Y.shape == (10, 28) and new_state[0].shape == (2, 16)
    assert len(d2l.predict_ch8("time traveller ", 5, net=net, vocab=vocab, device=device)) == 20
    ours = d2l.train(from_scratch(vocab), train_iter, 1, 3, device).perplexity
    theirs = train_as_the_reader(from_scratch(vocab), train_iter, 1, 3, device)
    numpy.testing.assert_allclose(theirs, ours, rtol=1e-4)
    shown = d2l.train_ch8(from_scratch(vocab), train_iter, vocab, 1, 3, device)
    assert shown.perplexity == ours
    first, *completions = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Perplexity {ours[-1]:.1f}, ") and len(completions) == 2


class OwnModule(nn.Module):
    """The model of the concise chapter: begin_state takes the device first."""

    def __init__(self, rnn_layer, vocab_size):
        super().__init__()
        self.rnn, self.vocab_size = rnn_layer, vocab_size
        self.linear = nn.Linear(rnn_layer.hidden_size, vocab_size)

    def forward(self, inputs, state):
        X = F.one_hot(inputs.T.long(), self.vocab_size).to(torch.float32)
        Y, state = self.rnn(X, state)
        return self.linear(Y.reshape((-1, Y.shape[-1]))), state

    def begin_state(self, device, batch_size=1):
        zeros = torch.zeros((self.rnn.num_layers, batch_size, self.rnn.hidden_size), device=device)
        return (zeros, zeros) if isinstance(self.rnn, nn.LSTM) else zeros


class OwnScratch:
    """The model of the chapter on the RNN from scratch."""

    def __init__(self, vocab_size, num_hiddens, device):
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = get_params(vocab_size, num_hiddens, device)

    def __call__(self, X, state):
        return rnn(F.one_hot(X.T, self.vocab_size).type(torch.float32), state, self.params)

    def begin_state(self, batch_size, device):
        return init_rnn_state(batch_size, self.num_hiddens, device)


def own_scratch(vocab):
    d2l.set_seed(1)
    return OwnScratch(len(vocab), 16, d2l.try_gpu())


def of(model, layer, *sizes):
    def make(vocab):
        d2l.set_seed(1)
        return model(layer(len(vocab), 8, *sizes), len(vocab))

    return make


MODELS = {
    "RNN": of(d2l.RNNModel, nn.RNN),
    "GRU": of(d2l.RNNModel, nn.GRU),
    "LSTM": of(d2l.RNNModel, nn.LSTM),
    "deep": of(d2l.RNNModel, nn.LSTM, 2),
    "own GRU": of(OwnModule, nn.GRU),
    "own LSTM": of(OwnModule, nn.LSTM),
}


@pytest.mark.parametrize("make", [*MODELS.values(), own_scratch], ids=[*MODELS, "own scratch"])
def test_the_other_networks(make, capsys):
    (train_iter, vocab), device = data(), d2l.try_gpu()
    net = make(vocab)
    assert d2l.predict_ch8("time traveller", 10, net, vocab, device).startswith("time traveller")
    ours = d2l.train_ch8(net, train_iter, vocab, 1, 3, device).perplexity
    _, *completions = capsys.readouterr().out.splitlines()
    assert 15 < ours[-1] < 27 and [len(text) for text in completions] == [64, 59]
    if isinstance(net, nn.Module):
        theirs = train_as_the_reader(make(vocab), train_iter, 1, 3, device)
        numpy.testing.assert_allclose(theirs, ours, rtol=1e-4)


@pytest.mark.parametrize("make", [from_scratch, concise, MODELS["own GRU"], MODELS["own LSTM"]])
@pytest.mark.parametrize("optimizer", [False, True])
def test_an_epoch_with_the_reader_s_loss_and_updater(make, optimizer):
    (train_iter, vocab), device = data(), d2l.try_gpu()
    ours = d2l.train(make(vocab), train_iter, 0.5, 3, device).perplexity
    net = make(vocab)
    params = list(net.parameters())
    if optimizer:
        updater = torch.optim.SGD(params, lr=0.5)
    else:
        updater = lambda batch_size: d2l.sgd(params, 0.5, batch_size)  # noqa: E731
    how = train_iter, nn.CrossEntropyLoss(), updater, device
    epochs = [d2l.train_epoch_ch8(net, *how) for _ in range(3)]
    numpy.testing.assert_allclose([ppl for ppl, _ in epochs], ours, rtol=1e-4)
    assert min(speed for _, speed in epochs) > 0


def test_sgd_divides_and_then_forgets_the_gradients():
    a = torch.tensor([1.0, 2.0]).requires_grad_()
    (a * 4).sum().backward()
    d2l.sgd([a], 0.5, 2)
    assert a.tolist() == [0, 1] and a.grad.tolist() == [0, 0]
    (a * 4).sum().backward()
    d2l.sgd([a], 0.5)
    assert a.tolist() == [-2, -1] and a.grad.tolist() == [4, 4]


def test_a_second_call_goes_on(capsys):
    (train_iter, vocab), device = data(), d2l.try_gpu()
    net = concise(vocab)
    first, second = (d2l.train_ch8(net, train_iter, vocab, 1, 3, device) for _ in range(2))
    assert second.perplexity[0] < first.perplexity[-1]


def test_words_are_completed_as_words():
    corpus, vocab = d2l.load_corpus_time_machine(1000, "word")
    net = concise(vocab)
    d2l.train(net, d2l.SeqDataLoader(corpus, 8, 10), 1, 1, d2l.try_gpu())
    text = d2l.predict_ch8("time traveller", 3, net, vocab, d2l.try_gpu())
    assert text.startswith("time traveller ") and len(text.split(" ")) == 5
