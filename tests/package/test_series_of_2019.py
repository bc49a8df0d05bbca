"""Cells of the notebooks beside the GRU one: language models, the RNN, the LSTM, deep networks.

They are written in the idioms of 2019 to 2021, with the reader's own functions, and call the
package as those notebooks call ``d2l``.
"""

import dataclasses
import itertools
import math
import pickle

import frameworks
import matplotlib
import numpy
import pytest
from mxnet import autograd, gluon, init, np, npx
from mxnet.gluon import nn, rnn

import d2l_gru as d2l
from d2l_gru import _lazy

npx.set_np()
pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    """The sample story as corpus, the CPU, and Matplotlib's settings as they were."""
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    with matplotlib.rc_context():
        yield
    d2l.plt.close("all")


def printed(capsys):
    """Return perplexity and completions that `train_ch8` printed."""
    first, *completions = capsys.readouterr().out.splitlines()
    return float(first.split()[1].rstrip(",")), completions


def data(package=d2l):
    return package.load_data_time_machine(batch_size=8, num_steps=10, max_tokens=1000)


def test_text_preprocessing():
    d2l.DATA_HUB["time_machine"] = (d2l.DATA_URL + "timemachine.txt", "090b5e7e70c2")
    with open(d2l.download("time_machine")) as f:
        assert len(f.readlines()) == len(d2l.read_time_machine())
    tokens = d2l.tokenize(d2l.read_time_machine(), token="word")
    vocab = d2l.Vocab(tokens, min_freq=2)
    assert d2l.count_corpus(tokens).most_common(1)[0] == vocab.token_freqs[0]
    assert vocab.to_tokens(vocab[["the", "zebra"]]) == ["the", "<unk>"]
    corpus, vocab = d2l.load_corpus_time_machine(max_tokens=50)
    assert len(corpus) == 50 and len(vocab) == 28


def test_language_model():
    tokens = d2l.tokenize(d2l.read_time_machine())
    freqs = [count for _, count in d2l.Vocab(tokens).token_freqs]
    d2l.plot(freqs, xlabel="token: x", ylabel="frequency: n(x)", xscale="log", yscale="log")
    axes = d2l.plt.gca()
    assert axes.lines[0].get_xydata()[:2].tolist() == [[0, freqs[0]], [1, freqs[1]]]
    assert (axes.get_xscale(), axes.get_ylabel()) == ("log", "frequency: n(x)")
    words = [word for line in tokens for word in line]
    pairs = d2l.Vocab(list(itertools.pairwise(words)))
    (first, second), count = pairs.token_freqs[0]
    assert " ".join(words).count(f" {first} {second} ") == count > 9
    d2l.plot([freqs, [n for _, n in pairs.token_freqs]], legend=["unigram", "bigram"])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["unigram", "bigram"]
    for sample in (
        d2l.seq_data_iter_random,
        d2l.seq_data_iter_consecutive,
        d2l.seq_data_iter_sequential,
    ):
        for X, Y in sample(list(range(30)), batch_size=2, num_steps=6):
            assert X.shape == (2, 6) and (Y == X + 1).all()


# MXNet, as in 2019.


def get_rnn_params(vocab_size, num_hiddens, ctx):
    shapes = [(vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,)]
    shapes += [(num_hiddens, vocab_size), (vocab_size,)]
    params = [np.random.normal(scale=0.01, size=shape, ctx=ctx) for shape in shapes]
    for param in params:
        param.attach_grad()
    return params


def init_rnn_state(batch_size, num_hiddens, ctx):
    return (np.zeros(shape=(batch_size, num_hiddens), ctx=ctx),)


def rnn_forward(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = np.tanh(np.dot(X, W_xh) + np.dot(H, W_hh) + b_h)
        outputs.append(np.dot(H, W_hq) + b_q)
    return np.concatenate(outputs, axis=0), (H,)


class OwnBlock(nn.Block):
    """The model of the concise chapter."""

    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        self.rnn, self.vocab_size, self.dense = rnn_layer, vocab_size, nn.Dense(vocab_size)

    def forward(self, inputs, state):
        X = npx.one_hot(inputs.T, self.vocab_size)
        Y, state = self.rnn(X, state)
        return self.dense(Y.reshape((-1, Y.shape[-1]))), state

    def begin_state(self, *args, **kwargs):
        return self.rnn.begin_state(*args, **kwargs)


class OwnScratch:
    """The model of the chapter on the RNN from scratch."""

    def __init__(self, vocab_size, num_hiddens, ctx):
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = get_rnn_params(vocab_size, num_hiddens, ctx)

    def __call__(self, X, state):
        return rnn_forward(npx.one_hot(X.T, self.vocab_size), state, self.params)

    def begin_state(self, batch_size, ctx):
        return init_rnn_state(batch_size, self.num_hiddens, ctx)


def train_on_mxnet(model, train_iter, lr, num_epochs, ctx):
    """The loop of the chapter on the RNN from scratch, with what it takes from d2l."""
    loss, animator = gluon.loss.SoftmaxCrossEntropyLoss(), d2l.Animator(legend=["train"])
    for epoch in range(num_epochs):
        state, timer, metric = None, d2l.Timer(), d2l.Accumulator(2)
        for X, Y in train_iter:
            if state is None:
                state = model.begin_state(X.shape[0], ctx)
            state = tuple(s.detach() for s in state)
            y = Y.T.reshape(-1)
            with autograd.record():
                py, state = model(X, state)
                l = loss(py, y).mean()
            l.backward()
            d2l.grad_clipping(model, 1)
            d2l.sgd(model.params, lr, 1)
            metric.add(l * y.size, y.size)
        animator.add(epoch + 1, [math.exp(metric[0] / metric[1])])
        assert metric[1] / timer.stop() > 0
    return animator.Y[0]


def mxnet_models(size):
    how = get_rnn_params, init_rnn_state, rnn_forward
    return {
        "RNN from scratch": lambda V, ctx: d2l.RNNModelScratch(V, size, ctx, *how),
        "RNN": lambda V, ctx: d2l.RNNModel(rnn.RNN(size), V),
        "LSTM": lambda V, ctx: d2l.RNNModel(rnn.LSTM(size), V),
        "deep": lambda V, ctx: d2l.RNNModel(rnn.LSTM(size, 2), vocab_size=V),
        "own RNN": lambda V, ctx: OwnBlock(rnn.RNN(size), V),
        "own scratch": lambda V, ctx: OwnScratch(V, size, ctx),
    }


# PyTorch, as in 2020 and 2021.


def train_on_torch(net, train_iter, lr, num_epochs, device):
    """The loop of the chapter on the RNN from scratch, whose gradients d2l's sgd sets to zero."""
    torch, twin = frameworks.of("torch").torch, frameworks.of("torch").d2l
    loss, animator = torch.nn.CrossEntropyLoss(), twin.Animator("epoch", "perplexity", xlim=[1, 3])
    for epoch in range(num_epochs):
        state, metric = None, twin.Accumulator(2)
        for X, Y in train_iter:
            if state is None:
                state = net.begin_state(batch_size=X.shape[0], device=device)
            else:
                # As there: a tensor for a Module around nn.GRU, a tuple for any other.
                bare = isinstance(net, torch.nn.Module) and not isinstance(state, tuple)
                for s in [state] if bare else state:
                    s.detach_()
            y = Y.T.reshape(-1)
            y_hat, state = net(X.to(device), state)
            l = loss(y_hat, y.long()).mean()
            l.backward()
            twin.grad_clipping(net, 1)
            twin.sgd(net.parameters(), lr, batch_size=1)
            metric.add(l * y.numel(), y.numel())
        animator.add(epoch + 1, [math.exp(metric[0] / metric[1])])
    return animator.Y[0]


def torch_models(size):
    torch, twin = frameworks.of("torch").torch, frameworks.of("torch").d2l
    nn, F = torch.nn, torch.nn.functional

    def get_params(vocab_size, num_hiddens, device):
        shapes = [(vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,)]
        shapes += [(num_hiddens, vocab_size), (vocab_size,)]
        params = [torch.randn(size=shape, device=device) * 0.01 for shape in shapes]
        for param in params:
            param.requires_grad_(True)
        return params

    def init_state(batch_size, num_hiddens, device):
        return (torch.zeros((batch_size, num_hiddens), device=device),)

    def forward(inputs, state, params):
        W_xh, W_hh, b_h, W_hq, b_q = params
        (H,) = state
        outputs = []
        for X in inputs:
            H = torch.tanh(torch.mm(X, W_xh) + torch.mm(H, W_hh) + b_h)
            outputs.append(torch.mm(H, W_hq) + b_q)
        return torch.cat(outputs, dim=0), (H,)

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
            shape = self.rnn.num_layers, batch_size, self.rnn.hidden_size
            zeros = torch.zeros(shape, device=device)
            return (zeros, zeros) if isinstance(self.rnn, nn.LSTM) else zeros

    class OwnScratch:
        """The model of the chapter on the RNN from scratch."""

        def __init__(self, vocab_size, device):
            self.vocab_size, self.params = vocab_size, get_params(vocab_size, size, device)

        def __call__(self, X, state):
            return forward(F.one_hot(X.T, self.vocab_size).float(), state, self.params)

        def begin_state(self, batch_size, device):
            return init_state(batch_size, size, device)

    how = get_params, init_state, forward
    return {
        "RNN from scratch": lambda V, device: twin.RNNModelScratch(V, size, device, *how),
        "RNN": lambda V, device: twin.RNNModel(nn.RNN(V, size), V),
        "GRU": lambda V, device: twin.RNNModel(nn.GRU(V, size), V).to(device),
        "LSTM": lambda V, device: twin.RNNModel(nn.LSTM(V, size), V),
        "deep": lambda V, device: twin.RNNModel(nn.LSTM(V, size, 2), V),
        "own GRU": lambda V, device: OwnModule(nn.GRU(V, size), V),
        "own LSTM": lambda V, device: OwnModule(nn.LSTM(V, size), V),
        "own scratch": lambda V, device: OwnScratch(V, device),
    }


def models(framework, size=8):
    """Return functions (vocab_size, device) that make the networks of those chapters."""
    return (mxnet_models if framework.name == "mxnet" else torch_models)(size)


def made(framework, name, vocab, size=8):
    """Return a network with the parameters that a seed draws."""
    framework.d2l.set_seed(1)
    model = models(framework, size)[name](len(vocab), framework.d2l.try_gpu())
    if isinstance(model, gluon.Block):
        model.initialize(force_reinit=True, ctx=d2l.try_gpu())
    return model


def test_rnn_from_scratch(framework, capsys):
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)

    def model():
        return made(framework, "RNN from scratch", vocab, 16)

    state = model().begin_state(2, device)
    Y, new_state = model()(framework.ids(numpy.arange(10).reshape(2, 5)), state)
    assert Y.shape == (10, 28) and new_state[0].shape == (2, 16)
    names = ("model", "ctx") if framework.name == "mxnet" else ("net", "device")
    how = dict(zip(names, (model(), device), strict=True))
    completed = package.predict_ch8("time traveller ", num_predicts=5, vocab=vocab, **how)
    assert len(completed) == 20
    ours = package.train(model(), train_iter, 1, 3, device).perplexity
    by_reader = train_on_mxnet if framework.name == "mxnet" else train_on_torch
    numpy.testing.assert_allclose(by_reader(model(), train_iter, 1, 3, device), ours, rtol=1e-4)
    shown = package.train_ch8(model(), train_iter, vocab, lr=1, num_epochs=3, **{names[1]: device})
    ppl, completions = printed(capsys)
    assert shown.perplexity == ours and ppl == round(ours[-1], 1) and len(completions) == 2


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_random_sampling_starts_each_minibatch_at_zero(use_random_iter, capsys):
    train_iter, vocab = data()
    begun = []

    def init_state(batch_size, num_hiddens, ctx):
        begun.append(batch_size)
        return init_rnn_state(batch_size, num_hiddens, ctx)

    how = d2l.try_gpu(), get_rnn_params, init_state, rnn_forward
    model = d2l.RNNModelScratch(len(vocab), 4, *how)
    d2l.train_ch8(model, train_iter, vocab, 1, 1, d2l.try_gpu(), use_random_iter=use_random_iter)
    count = begun.count(8)
    loss, sizes = gluon.loss.SoftmaxCrossEntropyLoss(), []
    d2l.train_epoch_ch8(model, train_iter, loss, lambda batch_size: sizes.append(batch_size),
                        ctx=d2l.try_gpu(), use_random_iter=use_random_iter)  # fmt: skip
    assert set(sizes) == {1}
    assert (count, begun.count(8) - count) == ((12, 12) if use_random_iter else (1, 1))


NETWORKS = ["RNN", "GRU", "LSTM", "deep", "own RNN", "own GRU", "own LSTM"]


@pytest.mark.parametrize("name", [*NETWORKS, "own scratch"])
def test_the_other_networks(framework, name, capsys):
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    if name not in models(framework):
        pytest.skip("the notebooks of the other framework have it")
    model = made(framework, name, vocab)
    begun = package.predict_ch8("time traveller", 10, model, vocab, device)
    assert begun.startswith("time traveller")
    ours = package.train_ch8(model, train_iter, vocab, 1, 3, device).perplexity
    _, completions = printed(capsys)
    assert 15 < ours[-1] < 27 and [len(text) for text in completions] == [64, 59]
    if hasattr(model, "linear"):
        theirs = train_on_torch(made(framework, name, vocab), train_iter, 1, 3, device)
        numpy.testing.assert_allclose(theirs, ours, rtol=1e-4)


@pytest.mark.parametrize("name", ["RNN from scratch", "LSTM", "GRU", "own GRU", "own LSTM"])
@pytest.mark.parametrize("optimizer", [False, True])
def test_an_epoch_with_the_reader_s_loss_and_updater(framework, name, optimizer):
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    if name not in models(framework):
        pytest.skip("the notebooks of the other framework have it")
    ours = package.train(made(framework, name, vocab), train_iter, 0.5, 3, device).perplexity
    model = made(framework, name, vocab)
    if framework.name == "torch":
        loss = framework.torch.nn.CrossEntropyLoss()
        optimiser = framework.torch.optim.SGD(model.parameters(), lr=0.5)
    else:
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        if optimizer and isinstance(model, gluon.Block):
            params = model.collect_params()
            optimiser = gluon.Trainer(params, "sgd", {"learning_rate": 0.5}).step
        elif optimizer:
            pytest.skip("Gluon's Trainer takes parameters of Blocks alone")
    by_sgd = lambda batch_size: package.sgd(model, 0.5, batch_size)  # noqa: E731
    how = train_iter, loss, optimiser if optimizer else by_sgd, device
    epochs = [package.train_epoch_ch8(model, *how) for _ in range(3)]
    numpy.testing.assert_allclose([ppl for ppl, _ in epochs], ours, rtol=1e-4)
    assert min(speed for _, speed in epochs) > 0


def test_sgd_divides_and_in_pytorch_then_forgets_the_gradients(framework):
    param = framework.leaf([1, 2], [4, 4])
    framework.d2l.sgd([param], 0.5, 2)
    kept = [4, 4] if framework.name == "mxnet" else [0, 0]
    assert framework.numpy(param).tolist() == [0, 1] and framework.grad(param).tolist() == kept


def test_a_second_call_starts_anew_with_a_block_and_goes_on_with_all_else(framework, capsys):
    """As it was then; `train` goes on with any."""
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    block = OwnBlock(rnn.GRU(8), len(vocab))
    block.initialize(force_reinit=True, ctx=d2l.try_gpu(), init=init.Normal(3))
    other = made(framework, "RNN from scratch" if framework.name == "mxnet" else "GRU", vocab)
    for model, anew in [(other, False), *([(block, True)] if framework.name == "mxnet" else [])]:
        first, second = (
            package.train_ch8(model, train_iter, vocab, 1, 3, device).perplexity for _ in range(2)
        )
        assert first[0] > first[-1] + 2 and (abs(second[0] - first[0]) < 1) is anew
    if framework.name == "mxnet":
        assert d2l.train(block, train_iter, 1, 1, device).perplexity[0] < first[0] - 2


def test_words_are_completed_as_words(framework, capsys):
    package, device = framework.d2l, framework.d2l.try_gpu()
    corpus, vocab = package.load_corpus_time_machine(1000, "word")
    model = framework.drawn("concise", len(vocab), 8)
    package.train_ch8(model, package.SeqDataLoader(corpus, 8, 10), vocab, 1, 1, device)
    _, (first, second) = printed(capsys)
    assert first.split(" ")[:2] == ["time", "traveller"] and second.startswith("traveller ")
    assert len(first.split(" ")) == 52 and len(second.split(" ")) == 51
    assert {*first.split(" ")} <= {*vocab.idx_to_token}
    text = package.predict("  the  time ", 2, model, vocab)
    assert text.split(" ")[:2] == ["the", "time"] and len(text.split(" ")) == 4


@pytest.mark.parametrize(
    ("tokens", "prefixes"),
    [
        (list("time traveller"), ["time traveller", "traveller"]),
        (list("a traveller, "), ["traveller"]),
        (list("  zzyx"), ["z"]),
        (["le", "le", "voyageur"], ["le"]),
        (["<unk>"], []),
    ],
)
def test_completions_begin_with_what_the_text_has(tokens, prefixes, capsys):
    vocab = d2l.Vocab(tokens)
    model = d2l.RNNModel(rnn.GRU(4), len(vocab))
    loader = d2l.SeqDataLoader(vocab[tokens] * 20, 1, 3)
    d2l.train_ch8(model, loader, vocab, 1, 1, d2l.try_gpu())
    _, completions = printed(capsys)
    for prefix, completion in zip(prefixes, completions, strict=True):
        assert completion.startswith(prefix)


def test_what_train_ch8_returns_can_be_kept(capsys):
    train_iter, vocab = data()
    model = d2l.RNNModel(rnn.GRU(4), len(vocab))
    history = d2l.train_ch8(model, train_iter, vocab, 1, 1, d2l.try_gpu())
    assert pickle.loads(pickle.dumps(history)) == history
    names = {"perplexity", "tokens_per_second", "gradient_norm"}
    assert dataclasses.asdict(history).keys() == names


OLD = sorted(_lazy.OLD)


def test_names_for_old_cells_are_there_but_not_in_the_list_of_names(framework):
    package = framework.d2l
    for name in OLD:
        value = getattr(package, name)
        assert name in dir(package) and name not in package.__all__
        if callable(value):
            assert value.__doc__.splitlines()[0].endswith(".")
        if name not in ("seq_data_iter_sequential", "train_epoch_ch8"):
            assert value is getattr(d2l, name)  # the same code for both
    with pytest.raises(AttributeError, match="'train_ch3'; of Dive into Deep Learning it has what"):
        _ = package.train_ch3


def test_a_timer_sums_up_its_runs(monkeypatch):
    clock = iter([10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    timer = d2l.Timer()
    with pytest.raises(ValueError, match=r"no average before its first stop\(\)"):
        timer.avg()
    assert timer.stop() == 2
    timer.start()
    assert timer.stop() == 3
    assert (timer.times, timer.sum(), timer.avg(), timer.cumsum()) == ([2, 3], 5, 2.5, [2, 5])


def test_an_accumulator_sums_up():
    metric = d2l.Accumulator(2)
    metric.add(1, np.array(2.5))
    metric.add(1, 1)
    assert (metric[0], metric[1], metric.data) == (2, 3.5, [2.0, 3.5])
    metric.reset()
    assert metric.data == [0, 0]


def test_curves_grow_point_by_point():
    animator = d2l.Animator("epoch", "loss", ["a", "b"], (0, 4), (1, 9), yscale="log", ncols=2)
    assert animator.fig.get_size_inches().tolist() == [3.5, 2.5] and len(animator.axes) == 2
    animator.add(1, [3, None])
    animator.add((2, 3), (4, np.array(5.0)))
    (a, b), axes = animator.axes[0].lines, animator.axes[0]
    assert (animator.X, animator.Y) == ([[1, 2], [3]], [[3, 4], [5]])
    assert a.get_xydata().tolist() == [[1, 3], [2, 4]] and b.get_xydata().tolist() == [[3, 5]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert (axes.get_xlim(), axes.get_yscale(), axes.get_xlabel()) == ((0, 4), "log", "epoch")
    assert a.get_linestyle() == "-" and b.get_linestyle() == "--"


def test_a_curve_of_numbers_without_limits_is_whole_in_view():
    animator = d2l.Animator()
    for epoch in range(5):
        animator.add(epoch, 10 * epoch)
    (low, high), axes = animator.axes[0].get_ylim(), animator.axes[0]
    assert low <= 0 and high >= 40 and axes.get_xlim()[1] >= 4 and axes.get_legend() is None


X = [1, 2, 3]


@pytest.mark.parametrize(
    ("args", "curves"),
    [
        (([5, 6],), [[[0, 5], [1, 6]]]),
        ((np.array([5, 6]),), [[[0, 5], [1, 6]]]),
        (([[5], [6, 7]],), [[[0, 5]], [[0, 6], [1, 7]]]),
        ((X, [4, 5, 6]), [[[1, 4], [2, 5], [3, 6]]]),
        (
            (X, [[4, 5, 6], np.array([7, 8, 9])]),
            [[[1, 4], [2, 5], [3, 6]], [[1, 7], [2, 8], [3, 9]]],
        ),
        (([X, [9]], [[4, 5, 6], [7]]), [[[1, 4], [2, 5], [3, 6]], [[9, 7]]]),
        (([], [[4], [5]]), [[[0, 4]], [[0, 5]]]),
        (([[1]] * 6,), [[[0, 1]]] * 6),  # more curves than formats
    ],
)
def test_plot_draws_each_curve(args, curves):
    d2l.plot(*args, xlabel="x", xlim=[0, 9])
    axes = d2l.plt.gca()
    assert [line.get_xydata().tolist() for line in axes.lines] == curves
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()) == ("x", "", (0, 9))


def test_plot_takes_axes_and_size():
    d2l.set_figsize((2, 3))
    figure, (left, right) = d2l.plt.subplots(1, 2)
    assert figure.get_size_inches().tolist() == [2, 3]
    d2l.plot([1, 2], axes=left, figsize=(4, 5))
    assert len(left.lines) == 1 and not right.lines
    assert d2l.plt.figure().get_size_inches().tolist() == [4, 5]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: d2l.Accumulator(0), ValueError, "n must be >= 1, not 0"),
        (lambda: d2l.Accumulator(2).add(1), ValueError, "add needs 2 values, not 1"),
        (lambda: animated([1, 2], [3]), ValueError, r"add needs 2 numbers, not x=1 and y=\[3\]"),
        (lambda: d2l.plot([X] * 3, [X] * 2), ValueError, "X must be of one curve or of 2, .* of 3"),
        (lambda: d2l.download("airfoil"), ValueError, "no other text than .*, not 'airfoil'"),
        (lambda: d2l.predict_ch8("a", 1, None, None, device=1, ctx=1), TypeError, "ctx is the old"),
        (lambda: d2l.series_of_2019.nonsense, AttributeError, "'nonsense'"),
    ],
)
def test_what_is_not_meant_is_refused_in_a_sentence(call, error, said):
    with pytest.raises(error, match=said):
        call()


def animated(*ys):
    animator = d2l.Animator()
    for y in ys:
        animator.add(1, y)


def test_an_epoch_of_nothing_is_refused():
    with pytest.raises(ValueError, match="train_iter yielded no minibatch"):
        d2l.train_epoch_ch8(None, [], None, None, d2l.try_gpu())
