"""Cells of the notebooks beside the GRU one: language models, the RNN, the LSTM, deep networks.

They are written in the idioms of 2019 and 2020, with the reader's own functions, and call the
package as those notebooks call ``d2l``.  A PyTorch notebook's cells are in test_torch_series.
"""

import dataclasses
import itertools
import math
import pickle

import matplotlib
import numpy
import pytest
from mxnet import autograd, gluon, init, np, npx
from mxnet.gluon import nn, rnn

import d2l_gru as d2l
import d2l_gru.torch as twin

npx.set_np()
pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    """The sample story as corpus, and Matplotlib's settings as they were."""
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    with matplotlib.rc_context():
        yield
    d2l.plt.close("all")


def printed(capsys):
    """Return perplexity and completions that `train_ch8` printed."""
    first, *completions = capsys.readouterr().out.splitlines()
    return float(first.split()[1].rstrip(",")), completions


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


def train_as_the_reader(model, train_iter, lr, num_epochs, ctx, animator):
    """The loop of the chapter on the RNN from scratch, with what it takes from d2l."""
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
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


def test_rnn_from_scratch(capsys):
    train_iter, vocab = d2l.load_data_time_machine(8, 10, max_tokens=1000)
    ctx = d2l.try_gpu()

    def model():
        d2l.set_seed(1)
        how = get_rnn_params, init_rnn_state, rnn_forward
        return d2l.RNNModelScratch(len(vocab), 16, ctx, *how)

    X = np.arange(10).reshape(2, 5)
    Y, new_state = model()(X.as_in_ctx(ctx), model().begin_state(X.shape[0], ctx))
    assert Y.shape == (10, 28) and new_state[0].shape == (2, 16)
    completed = d2l.predict_ch8(
        "time traveller ", num_predicts=5, model=model(), vocab=vocab, ctx=ctx
    )
    assert len(completed) == 20
    animator = d2l.Animator("epoch", "perplexity", legend=["train"], xlim=[1, 3])
    theirs = train_as_the_reader(model(), train_iter, 1, 3, ctx, animator)
    ours = d2l.train(model(), train_iter, 1, 3, ctx).perplexity
    numpy.testing.assert_allclose(theirs, ours, rtol=1e-4)
    own, loss = model(), gluon.loss.SoftmaxCrossEntropyLoss()
    updater = lambda batch_size: d2l.sgd(own.params, 1, batch_size)  # noqa: E731
    epochs = [d2l.train_epoch_ch8(own, train_iter, loss, updater, ctx, False) for _ in range(3)]
    numpy.testing.assert_allclose([ppl for ppl, _ in epochs], ours, rtol=1e-4)
    assert min(speed for _, speed in epochs) > 0
    shown = d2l.train_ch8(model(), train_iter, vocab, lr=1, num_epochs=3, ctx=ctx)
    assert shown.perplexity == ours and printed(capsys)[0] == round(ours[-1], 1)


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_random_sampling_starts_each_minibatch_at_zero(use_random_iter, capsys):
    train_iter, vocab = d2l.load_data_time_machine(8, 10, max_tokens=1000)
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


def lstm_params(vocab_size, num_hiddens, ctx):
    return [
        param for _ in range(4) for param in get_rnn_params(vocab_size, num_hiddens, ctx)[:3]
    ] + get_rnn_params(vocab_size, num_hiddens, ctx)[3:]


def init_lstm_state(batch_size, num_hiddens, ctx):
    return init_rnn_state(batch_size, num_hiddens, ctx) * 2


def lstm(inputs, state, params):
    *gates, W_hq, b_q = params
    H, C = state
    outputs = []
    for X in inputs:
        i, f, o, c = (
            np.dot(X, W_x) + np.dot(H, W_h) + b
            for W_x, W_h, b in zip(gates[::3], gates[1::3], gates[2::3], strict=True)
        )
        C = npx.sigmoid(f) * C + npx.sigmoid(i) * np.tanh(c)
        H = npx.sigmoid(o) * np.tanh(C)
        outputs.append(np.dot(H, W_hq) + b_q)
    return np.concatenate(outputs, axis=0), (H, C)


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


def from_scratch(vocab, ctx):
    return d2l.RNNModelScratch(len(vocab), 8, ctx, lstm_params, init_lstm_state, lstm)


@pytest.mark.parametrize(
    "make",
    [
        from_scratch,
        lambda vocab, ctx: d2l.RNNModel(rnn.RNN(8), len(vocab)),
        lambda vocab, ctx: d2l.RNNModel(rnn.LSTM(8), len(vocab)),
        lambda vocab, ctx: d2l.RNNModel(rnn.LSTM(8, 2), vocab_size=len(vocab)),
        lambda vocab, ctx: OwnBlock(rnn.RNN(8), len(vocab)),
        lambda vocab, ctx: OwnScratch(len(vocab), 8, ctx),
    ],
    ids=["LSTM from scratch", "RNN", "LSTM", "deep", "own RNN", "own scratch"],
)
def test_the_other_networks(make, capsys):
    train_iter, vocab = d2l.load_data_time_machine(batch_size=8, num_steps=10, max_tokens=1000)
    model, ctx = make(vocab, d2l.try_gpu()), d2l.try_gpu()
    if isinstance(model, gluon.Block):
        model.initialize(force_reinit=True, ctx=ctx)
    assert d2l.predict_ch8("time traveller", 10, model, vocab, ctx).startswith("time traveller")
    d2l.train_ch8(model, train_iter, vocab, 1, 3, ctx)
    ppl, completions = printed(capsys)
    assert 15 < ppl < 27
    assert [len(completion) for completion in completions] == [64, 59]
    if isinstance(model, gluon.Block):
        updater = gluon.Trainer(model.collect_params(), "sgd", {"learning_rate": 1}).step
    else:
        updater = lambda batch_size: d2l.sgd(model.params, 1, batch_size)  # noqa: E731
    how = train_iter, gluon.loss.SoftmaxCrossEntropyLoss(), updater, ctx
    assert d2l.train_epoch_ch8(model, *how)[0] < ppl + 0.5
    assert model.begin_state(batch_size=2, ctx=ctx)[0].shape[-2:] == (2, 8)


def test_a_second_call_starts_anew_with_a_block_and_goes_on_with_arrays(capsys):
    """As in 2019; `train` goes on with either."""
    train_iter, vocab = d2l.load_data_time_machine(8, 10, max_tokens=1000)
    ctx = d2l.try_gpu()
    block = OwnBlock(rnn.GRU(8), len(vocab))
    block.initialize(force_reinit=True, ctx=ctx, init=init.Normal(3))
    arrays = d2l.RNNModelScratch(len(vocab), 8, ctx, get_rnn_params, init_rnn_state, rnn_forward)
    for model, anew in ((block, True), (arrays, False)):
        first, second = (
            d2l.train_ch8(model, train_iter, vocab, 1, 3, ctx).perplexity for _ in range(2)
        )
        assert first[0] > first[-1] + 2 and (abs(second[0] - first[0]) < 1) is anew
    assert d2l.train(block, train_iter, 1, 1, ctx).perplexity[0] < first[0] - 2


def test_words_are_completed_as_words(capsys):
    corpus, vocab = d2l.load_corpus_time_machine(1000, "word")
    model = d2l.RNNModel(rnn.GRU(8), len(vocab))
    d2l.train_ch8(model, d2l.SeqDataLoader(corpus, 8, 10), vocab, 1, 1, d2l.try_gpu())
    _, (first, second) = printed(capsys)
    assert first.split(" ")[:2] == ["time", "traveller"] and second.startswith("traveller ")
    assert len(first.split(" ")) == 52 and len(second.split(" ")) == 51
    assert {*first.split(" ")} <= {*vocab.idx_to_token}
    text = d2l.predict("  the  time ", 2, model, vocab)
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
    assert len(completions) == len(prefixes)
    for prefix, completion in zip(prefixes, completions, strict=True):
        assert completion.startswith(prefix)


def test_a_history_is_one_line():
    assert repr(d2l.History()) == "History(0 epochs)"
    assert repr(d2l.History([1.0])) == "History(1 epoch, perplexity 1)"
    long = d2l.History(list(numpy.linspace(28, 1.0625, 500)), [9e4] * 500, [1.0] * 500)
    assert repr(long) == "History(500 epochs, perplexity 1.062)"


def test_what_train_ch8_returns_can_be_kept(capsys):
    train_iter, vocab = d2l.load_data_time_machine(8, 10, max_tokens=1000)
    model = d2l.RNNModel(rnn.GRU(4), len(vocab))
    history = d2l.train_ch8(model, train_iter, vocab, 1, 1, d2l.try_gpu())
    assert pickle.loads(pickle.dumps(history)) == history
    assert dataclasses.asdict(history).keys() == {
        "perplexity",
        "tokens_per_second",
        "gradient_norm",
    }


OLD = sorted(
    name for of in (d2l._OLD_SHARED, d2l._OLD_EACH) for names in of.values() for name in names
)


@pytest.mark.parametrize("package", [d2l, twin], ids=["mxnet", "torch"])
def test_names_for_old_cells_are_there_but_not_in_the_list_of_names(package):
    if package is twin:
        pytest.importorskip("torch")
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
