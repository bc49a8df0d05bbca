"""Cells of the notebooks beside the GRU one: language models, the RNN, the LSTM, deep networks.

They are written as in 2019 to 2021, with the reader's own functions, and call the package as those
notebooks call ``d2l``.
"""

import dataclasses
import pickle

import frameworks
import matplotlib
import numpy
import pytest
from mxnet import gluon, init, np, npx
from mxnet.gluon import rnn

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


def made(framework, name, vocab, size=8):
    """Return a network of these chapters, with the parameters that a seed draws."""
    package, device = framework.d2l, framework.d2l.try_gpu()
    package.set_seed(1)
    kind, own = name.removeprefix("own "), name.startswith("own ")
    if kind == "from scratch":
        return framework.drawn("scratch", len(vocab), size, device)
    if own:
        model = framework.own(kind, len(vocab), size)
    else:
        deep = {"num_layers": 2} if kind == "deep" else {}
        layer = framework.layer("LSTM" if deep else kind, len(vocab), size, **deep)
        model = package.RNNModel(layer, vocab_size=len(vocab))
    if framework.name == "mxnet":
        model.initialize(force_reinit=True, ctx=device)
    return model


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_random_sampling_starts_each_minibatch_at_zero(framework, use_random_iter, capsys):
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    begun, sizes = [], []
    updater = lambda batch_size: sizes.append(batch_size)  # noqa: E731
    count = lambda *size: begun.append(size[0]) or package.init_gru_state(*size)  # noqa: E731
    functions = package.get_params, count, package.gru
    model = package.RNNModelScratch(len(vocab), 4, device, *functions)
    package.train_ch8(model, train_iter, vocab, 1, 1, device, use_random_iter=use_random_iter)
    before = begun.count(8)
    package.train_epoch_ch8(model, train_iter, loss_of(framework), updater,
                            device, use_random_iter=use_random_iter)  # fmt: skip
    assert set(sizes) == {1}
    assert (before, begun.count(8) - before) == ((12, 12) if use_random_iter else (1, 1))


@pytest.mark.parametrize(
    "name", ["from scratch", "RNN", "GRU", "LSTM", "deep", "own RNN", "own GRU", "own LSTM"]
)
def test_each_network_is_trained_and_completes(framework, name, capsys, monkeypatch):
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    model, curves = made(framework, name, vocab), []
    net, where = ("model", "ctx") if framework.name == "mxnet" else ("net", "device")
    how = {net: model, where: device}
    begun = package.predict_ch8("time traveller", num_predicts=10, vocab=vocab, **how)
    assert begun == package.predict("time traveller", 10, model, vocab, device)
    of_today = d2l.PerplexityCurve

    def curve(*args):
        curves.append(of_today(*args))
        return curves[0]

    monkeypatch.setattr("d2l_gru.plotting.PerplexityCurve", curve)
    history = package.train_ch8(model, train_iter, vocab, lr=1, num_epochs=3, **{where: device})
    ppl, speed = history.perplexity, history.tokens_per_second[-1]
    assert curves[0].line.get_xydata().tolist() == [[1, ppl[0]], [2, ppl[1]], [3, ppl[2]]]
    first, *completions = capsys.readouterr().out.splitlines()
    assert first == f"Perplexity {ppl[-1]:.1f}, {speed:.0f} tokens/sec on {device}"
    prefixes = "time traveller", "traveller"
    assert completions == [package.predict(text, 50, model, vocab, device) for text in prefixes]
    assert 14 < ppl[-1] < 27
    if framework.name == "torch" or name == "from scratch":  # with a Block, it starts anew
        again = package.train(made(framework, name, vocab), train_iter, 1, 3, device)
        assert again.perplexity == ppl
    assert pickle.loads(pickle.dumps(history)) == history
    assert {*dataclasses.asdict(history)} == {"perplexity", "tokens_per_second", "gradient_norm"}


# Old names.


def loss_of(framework):
    if framework.name == "torch":
        return framework.torch.nn.CrossEntropyLoss()
    return gluon.loss.SoftmaxCrossEntropyLoss()


@pytest.mark.parametrize("name", ["from scratch", "LSTM", "own GRU", "own LSTM"])
@pytest.mark.parametrize("optimizer", [False, True])
def test_an_epoch_with_the_reader_s_loss_and_updater(framework, name, optimizer):
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    ours = package.train(made(framework, name, vocab), train_iter, 0.5, 3, device).perplexity
    model = made(framework, name, vocab)
    updater = lambda batch_size: package.sgd(model, 0.5, batch_size)  # noqa: E731
    if optimizer and framework.name == "torch":
        updater = framework.torch.optim.SGD(model.parameters(), lr=0.5)
    elif optimizer and isinstance(model, gluon.Block):
        params = model.collect_params()
        updater = gluon.Trainer(params, "sgd", {"learning_rate": 0.5}).step
    how = train_iter, loss_of(framework), updater, device
    epochs = [package.train_epoch_ch8(model, *how) for _ in range(3)]
    numpy.testing.assert_allclose([ppl for ppl, _ in epochs], ours, rtol=1e-4)
    assert min(speed for _, speed in epochs) > 0


def test_a_second_call_starts_anew_with_a_block_and_goes_on_with_all_else(framework, capsys):
    """As it was then; `train` goes on with any."""
    package, device = framework.d2l, framework.d2l.try_gpu()
    train_iter, vocab = data(package)
    block = frameworks.of("mxnet").own("GRU", len(vocab), 8)
    block.initialize(force_reinit=True, ctx=d2l.try_gpu(), init=init.Normal(3))
    other = made(framework, "from scratch" if framework.name == "mxnet" else "GRU", vocab)
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
    with pytest.raises(AttributeError, match="'train_ch3'; of Dive into Deep Learning it provides"):
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


def test_an_accumulator_sums_up(framework):
    metric = d2l.Accumulator(2)
    metric.add(1, framework.leaf(2.5))
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
    names = [f"curve {i}" for i in range(len(curves))]
    d2l.plot(*args, xlabel="x", xlim=[0, 9], yscale="log", legend=names)
    axes = d2l.plt.gca()
    assert [line.get_xydata().tolist() for line in axes.lines] == curves
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()) == ("x", "", (0, 9))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names


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
        (lambda: d2l.plot([X] * 3, [X] * 2), ValueError, "X must hold 1 curve or 2, .* 3"),
        (
            lambda: d2l.train_epoch_ch8(0, [], 0, 0, d2l.try_gpu()),
            ValueError,
            "yielded no minibatch",
        ),
        (lambda: d2l.download("airfoil"), ValueError, "'time_machine', .* not 'airfoil'"),
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
