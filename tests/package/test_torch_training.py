"""PyTorch's training and completing, against MXNet's from the same start."""

import re
import time

import numpy
import pytest
import reference_gru as ref
from mxnet import cpu
from mxnet.gluon import rnn
from tools_of_the_build import ROOT

import d2l_gru
import d2l_gru.torch as d2l

pytestmark = pytest.mark.usefixtures("torch", "seeded")
IDS = numpy.random.default_rng(0).integers(1, 7, 400).cumsum() % 9
V = 9


def twins(kind, vocab_size=V, num_hiddens=8, seed=0):
    """Return a model of MXNet and its twin, both as drawn for training."""
    d2l_gru.set_seed(seed)
    if kind == "scratch":
        functions = d2l_gru.get_params, d2l_gru.init_gru_state, d2l_gru.gru
        model = d2l_gru.RNNModelScratch(vocab_size, num_hiddens, cpu(), *functions)
    else:
        layer = rnn.GRU(num_hiddens, input_size=vocab_size)
        model = d2l_gru.RNNModel(layer, vocab_size)
        model.prepare(cpu())
        model.dense(layer(*_zeros(model))[0].reshape(-1, num_hiddens))  # fixes all shapes
    return model, d2l.to_torch(model)


def _zeros(model):
    from mxnet import np

    return np.zeros((1, 1, model.vocab_size)), model.begin_state(1, cpu())


def values(model):
    return [param.detach().numpy().copy() for param in model.parameters()]


each_kind = pytest.mark.parametrize("kind", ["scratch", "concise"])
each_order = pytest.mark.parametrize("use_random_iter", [False, True])


@each_kind
@each_order
@pytest.mark.parametrize("clip", [0.05, None])
def test_the_same_start_gives_the_same_history(kind, use_random_iter, clip):
    on_mxnet, on_torch = twins(kind)
    d2l.set_seed(1)
    loader = d2l_gru.SeqDataLoader(IDS, 4, 7, use_random_iter)
    theirs = d2l_gru.train(on_mxnet, loader, 0.5, 5, cpu(), clip=clip)
    d2l.set_seed(1)
    loader = d2l.SeqDataLoader(IDS, 4, 7, use_random_iter)
    ours = d2l.train(on_torch, loader, 0.5, 5, "cpu", clip=clip)
    numpy.testing.assert_allclose(ours.perplexity, theirs.perplexity, rtol=1e-5)
    numpy.testing.assert_allclose(ours.gradient_norm, theirs.gradient_norm, rtol=1e-4)
    assert min(theirs.gradient_norm) > 0.05  # clipping acts
    assert theirs.perplexity[-1] < theirs.perplexity[0]
    for a, b in zip(values(on_torch), on_mxnet.parameters(), strict=True):
        shift = 0
        if a.shape == (V,):  # of the logits, all alike: no probability feels it, rounding decides
            shift = a.mean() - b.asnumpy().mean()
        numpy.testing.assert_allclose(a - shift, b.asnumpy(), rtol=0, atol=1e-5)


def train_reference(p, reset, batches, lr, clip):
    """Train in float64 NumPy, in place, for one epoch; return the mean loss."""
    H, losses = None, []
    for X, Y in batches:
        inputs = ref.one_hot(X.numpy(), V)
        H = numpy.zeros((len(X), 8)) if H is None else H
        logits, last, _ = ref.forward(inputs, H, p, reset)
        losses.append(ref.mean_loss(logits, Y.numpy()))
        grads = ref.gradients(inputs, H, p, reset, Y.numpy())
        # Both biases of a gate have its gradient, and both are clipped and take the step.
        twice = ("b_z", "b_r") if reset == "after" else ()
        norm = ref.joint_norm([*grads.values(), *(grads[name] for name in twice)])
        for name, grad in grads.items():
            p[name] -= lr * min(1, clip / norm) * grad * (2 if name in twice else 1)
        H = last
    return numpy.mean(losses)


@pytest.mark.slow
@each_kind
def test_fifty_epochs_agree_with_float64(kind):
    on_mxnet, on_torch = twins(kind)
    if kind == "scratch":
        read = [param.asnumpy().astype("float64") for param in on_mxnet.params]
        p, reset = dict(zip(ref.NAMES, read, strict=True)), "before"
    else:
        p, reset = ref.from_gluon(on_mxnet.rnn, on_mxnet.dense), "after"
    loader = d2l.SeqDataLoader(IDS, 4, 7)
    d2l.set_seed(1)
    ours = d2l.train(on_torch, loader, 1, 50, "cpu", clip=0.3)
    d2l.set_seed(1)
    theirs = [train_reference(p, reset, loader, 1, 0.3) for _ in range(50)]
    numpy.testing.assert_allclose(numpy.log(ours.perplexity), theirs, rtol=0, atol=1e-3)
    assert theirs[-1] < theirs[0] - 0.3 and max(ours.gradient_norm) > 0.3


@pytest.mark.slow
def test_fifty_epochs_of_the_book_agree(real_corpus):
    on_mxnet, on_torch = twins("concise", 28, 256)
    theirs = train_as_the_book(d2l_gru, on_mxnet, cpu())
    ours = train_as_the_book(d2l, on_torch, "cpu")
    numpy.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)
    assert theirs[-1] < 2.5


@pytest.mark.slow
def test_fifty_epochs_agree_with_those_of_the_chapter(real_corpus):
    """The chapter's run starts from the same weights, and is tested by running it again."""
    ours = train_as_the_book(d2l, twins("scratch", 28, 256)[1], "cpu")
    chapter = (ROOT / "book" / "gru-scratch.ipynb").read_text()
    theirs = re.findall(r"epoch +(\d+), perplexity +([\d.]+): time", chapter)
    assert [int(epoch) for epoch, _ in theirs] == [1, 10, 20, 30, 40, 50]
    for epoch, perplexity in theirs:
        assert ours[int(epoch) - 1] == pytest.approx(numpy.log(float(perplexity)), abs=1e-3)


def train_as_the_book(package, model, device):
    """Return the losses of fifty epochs."""
    package.set_seed(0)
    loader, _ = package.load_data_time_machine(32, 35)
    return numpy.log(package.train(model, loader, 1, 50, device).perplexity)


@each_kind
@each_order
@pytest.mark.parametrize("clip", [0.05, None])
def test_a_captured_update_does_what_training_does(kind, use_random_iter, clip):
    """Here its operations run one by one, since there is no GPU; a graph replays the same ones."""
    _, plain = twins(kind)
    _, captured = twins(kind)
    histories = []
    for train, model in ((d2l.train, plain), (d2l.train_captured, captured)):
        d2l.set_seed(1)
        loader = d2l.SeqDataLoader(IDS, 4, 7, use_random_iter)
        histories.append(train(model, loader, 0.5, 4, "cpu", clip=clip))
    assert histories[0].perplexity == pytest.approx(histories[1].perplexity, rel=1e-6)
    assert histories[0].gradient_norm == pytest.approx(histories[1].gradient_norm, rel=1e-6)
    for a, b in zip(values(plain), values(captured), strict=True):
        numpy.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.gpu
@each_kind
def test_a_graph_does_what_training_does_on_a_gpu(torch, kind):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU, and PyTorch finds none here")
    histories = []
    for train in (d2l.train, d2l.train_captured):
        model = d2l.to_torch(twins(kind)[0], "cuda")
        d2l.set_seed(1)
        histories.append(train(model, d2l.SeqDataLoader(IDS, 4, 7), 0.5, 4, "cuda"))
    assert histories[0].perplexity == pytest.approx(histories[1].perplexity, rel=1e-4)


def test_what_was_summed_up_begins_anew_with_each_epoch():
    _, model = twins("scratch")
    step = d2l.CapturedStep(model, 4, 7, 0.5, "cpu")
    X, Y = next(iter(d2l.SeqDataLoader(IDS, 4, 7)))
    step(X, Y)
    step(X, Y)
    assert step.total > 28 and step.largest > 0 and step.state[0].any()
    step.begin_sequence()
    assert step.total > 28 and not step.state[0].any()
    step.begin()
    assert step.total == 0 and step.largest == 0


@pytest.mark.parametrize("given", [lambda loader: loader, list])
def test_the_state_goes_on_and_its_gradient_does_not(torch, given):
    """The record of each loss ends at its own minibatch."""
    _, model = twins("scratch")
    seen = []

    def spy(inputs, state, params):
        seen.append((state[0].clone(), state[0].requires_grad))
        Y_hat, state = d2l.gru(inputs, state, params)
        seen.append((state[0].detach().clone(), None))
        return Y_hat, state

    model.forward_fn = spy
    d2l.train_epoch(model, given(d2l.SeqDataLoader(IDS, 4, 7)), 0.5, "cpu")
    assert len(seen) > 4 and not any(grad for _, grad in seen[::2])
    for (out, _), (into, _) in zip(seen[1::2], seen[2::2], strict=False):
        assert torch.equal(out, into) and into.any()


def test_clipping_and_a_step_of_descent(torch):
    a, b = (torch.zeros(3, requires_grad=True) for _ in range(2))
    (3 * a.sum() + 4 * b.sum()).backward()
    norm = float(numpy.sqrt(3 * 9 + 3 * 16))
    assert float(d2l.gradient_norm([a, b])) == pytest.approx(norm)
    before = a.grad.clone()
    assert float(d2l.grad_clipping([a, b], 100)) == pytest.approx(norm)
    assert torch.equal(a.grad, before)
    d2l.grad_clipping([a, b], 0.5)
    assert float(d2l.gradient_norm([a, b])) == pytest.approx(0.5)
    d2l.sgd([a], 2)
    assert torch.allclose(a, -2 * a.grad)


def linear(torch):
    """Return a Module with gradients: a frozen bias, an unused parameter, and a trained weight."""
    module = torch.nn.Linear(3, 2)
    module.unused = torch.nn.Parameter(torch.ones(1))
    module.bias.requires_grad_(False)
    module(torch.ones(1, 3)).sum().backward()
    return module


@pytest.mark.parametrize(
    "given",
    [
        lambda module: module.parameters(),
        lambda module: (param for param in module.parameters()),
        lambda module: dict(module.named_parameters()),
        lambda module: dict(module.named_parameters()).values(),
        lambda module: module,
        lambda module: list(module.parameters()),
        lambda module: module.weight,
    ],
)
def test_parameters_are_given_in_any_form(torch, given):
    module = linear(torch)
    before = {name: param.detach().clone() for name, param in module.named_parameters()}
    assert float(d2l.gradient_norm(given(module))) == pytest.approx(6**0.5)
    assert float(d2l.grad_clipping(given(module), 0.5)) == pytest.approx(6**0.5)
    d2l.sgd(given(module), 2)
    moved = {
        name: (before[name] - param.detach()).norm() for name, param in module.named_parameters()
    }
    assert moved == {"weight": pytest.approx(1), "bias": 0, "unused": 0}


@pytest.mark.parametrize("size", [1e19, 3e30, 1e-25])
def test_a_norm_neither_overflows_nor_vanishes(torch, size):
    params = [torch.zeros(2, requires_grad=True), torch.zeros(1, 1, requires_grad=True)]
    params[0].grad, params[1].grad = torch.tensor([3.0, -4.0]), torch.tensor([[12.0]])
    for param in params:
        param.grad *= size
    assert float(d2l.gradient_norm(params)) == pytest.approx(13 * size, rel=1e-6)
    d2l.grad_clipping(params, 6.5 * size)
    numpy.testing.assert_allclose(params[0].grad, [1.5 * size, -2 * size], rtol=1e-6)


@pytest.mark.parametrize("value", [numpy.inf, numpy.nan])
def test_a_gradient_that_is_no_number_is_seen(torch, value):
    a = torch.zeros(2, requires_grad=True)
    a.grad = torch.tensor([value, 1])
    assert not numpy.isfinite(float(d2l.grad_clipping([a], 1))) and a.grad[0].isnan()
    for train in (d2l.train, d2l.train_captured):
        _, model = twins("scratch")
        model.params[-1].data[0] = value  # a run that diverged
        history = train(model, one_minibatch(), 1, 2, "cpu")
        assert numpy.isnan(history.perplexity[-1]) and numpy.isnan(history.gradient_norm[-1])


@each_kind
@pytest.mark.parametrize("train", ["train", "train_captured"])
@pytest.mark.parametrize("clip", [1.0, None])
def test_frozen_and_unused_parameters_stay_and_the_others_are_trained(torch, kind, train, clip):
    _, model = twins(kind)
    params = list(model.parameters())
    unused = torch.nn.Parameter(torch.ones(3))
    model.parameters = lambda: iter([unused, *params])
    for param in params[2:]:
        param.requires_grad_(False)
    params[2].grad = torch.ones_like(params[2])  # of earlier training
    before = values(model)
    history = getattr(d2l, train)(model, one_minibatch(), 0.5, 1, "cpu", clip=clip)
    assert history.gradient_norm[0] > 0
    same = [(a == b).all() for a, b in zip(before, values(model), strict=True)]
    assert same == [True, False, False] + [True] * (len(params) - 2)
    for param in [unused, *params]:
        param.requires_grad_(False)
    with pytest.raises(ValueError, match="params holds no tensor to train"):
        getattr(d2l, train)(model, one_minibatch(), 0.5, 1, "cpu")


def test_a_device_by_another_name_is_the_same(torch):
    for device in ("cpu:0", torch.device("cpu", 0)):
        functions = d2l.get_params, d2l.init_gru_state, d2l.gru
        loader, vocab = d2l.SeqDataLoader(IDS, 4, 7), d2l.Vocab(list("abcdefgh"))
        for model in (
            d2l.RNNModelScratch(V, 8, device, *functions),
            d2l.RNNModel(torch.nn.GRU(V, 8), V),
        ):
            for train in (d2l.train, d2l.train_captured):
                assert train(model, loader, 0.5, 1, device).perplexity[0] > 1
            assert d2l.train_epoch(model, loader, 0.5, device)[0] > 1
            assert len(d2l.predict("a", 3, model, vocab, device)) == 4
            d2l.CapturedStep(model, 4, 7, 1, device)(*next(iter(loader)))


def test_ids_may_be_of_any_whole_type(torch):
    for dtype in (torch.int32, torch.uint8):
        for kind in ("scratch", "concise"):
            _, model = twins(kind)
            X, Y = (ids.to(dtype) for ids in next(iter(one_minibatch())))
            expected = d2l.train_epoch(twins(kind)[1], one_minibatch(), 0.5, "cpu")
            assert d2l.train_epoch(model, [(X, Y)], 0.5, "cpu")[0] == pytest.approx(expected[0])
            d2l.CapturedStep(model, 4, 7, 0.5, "cpu")(X, Y)
            assert model(X, model.begin_state(4))[0].shape == (28, V)


def test_the_same_weights_write_the_same_text():
    vocab = d2l.Vocab(list("time traveller, and so on"))
    on_mxnet, on_torch = twins("concise", len(vocab))
    for param in on_mxnet.parameters():
        param *= 60
    on_torch = d2l.to_torch(on_mxnet)
    for temperature in (0, 0.7):
        d2l.set_seed(2)
        theirs = d2l_gru.predict("time", 30, on_mxnet, vocab, cpu(), temperature)
        d2l.set_seed(2)
        assert d2l.predict("time", 30, on_torch, vocab, "cpu", temperature) == theirs
    assert len(set(theirs)) > 3
    assert d2l.predict_ch8("time", 4, on_torch, vocab, "cpu") == d2l.predict(
        "time", 4, on_torch, vocab, "cpu"
    )


def test_a_seed_repeats_a_run(torch):
    runs = []
    for _ in range(2):
        d2l.set_seed(5)
        model = d2l.RNNModel(torch.nn.GRU(V, 8), V)
        runs.append(d2l.train(model, d2l.SeqDataLoader(IDS, 4, 7), 0.5, 2, "cpu").perplexity)
    assert runs[0] == runs[1]


def test_training_as_in_2019_prints_what_it_printed(torch, capsys):
    vocab = d2l.Vocab(list("time traveller"))
    model = d2l.RNNModel(torch.nn.GRU(len(vocab), 4), len(vocab))
    ids = vocab[list("time traveller" * 9)]
    history = d2l.train_ch8(model, d2l.SeqDataLoader(ids, 2, 5), vocab, 1, 2, "cpu")
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Perplexity \d+\.\d, \d+ tokens/sec on cpu", first)
    assert [len(line) for line in rest] == [64, 59] and len(history.perplexity) == 2


def test_where_is_as_the_caller_says_or_as_try_gpu_says(monkeypatch):
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    _, model = twins("scratch")
    vocab, loader = d2l.Vocab(list("abcdefgh")), d2l.SeqDataLoader(IDS, 4, 7)
    assert len(d2l.predict("a", 3, model, vocab)) == 4
    for train in (d2l.train, d2l.train_captured):
        assert len(train(model, loader, 0.5, 1).perplexity) == 1
    for call in (
        lambda: d2l.predict("a", 3, model, vocab, "meta"),
        lambda: d2l.predict_ch8("a", 3, model, vocab, "meta"),
        lambda: d2l.train(model, loader, 0.5, 1, "meta"),
        lambda: d2l.train_captured(model, loader, 0.5, 1, "meta"),
    ):
        with pytest.raises(ValueError, match="on cpu, but meta is asked for"):
            call()


def test_nothing_is_made_elsewhere_than_on_the_device_that_is_asked_for(torch):
    """What is made without a word about its device is on "meta" here, and has no values."""
    concise, vocab = d2l.RNNModel(torch.nn.GRU(V, 8), V), d2l.Vocab(list("abcdefgh"))
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    with torch.device("meta"):
        scratch = d2l.RNNModelScratch(V, 8, "cpu", *functions)
        for model in (scratch, concise):
            made = [*model.parameters(), *model.begin_state(2, "cpu")]
            for train in (d2l.train, d2l.train_captured):
                assert train(model, one_minibatch(), 0.5, 1, "cpu").perplexity[0] > 1
            assert {tensor.device.type for tensor in made} == {"cpu"}
            assert len(d2l.predict("a", 3, model, vocab, "cpu")) == 4


@pytest.mark.slow
def test_an_update_waits_for_nothing(torch):
    """A tensor on "meta" has no values, so that whatever waits for one raises.

    The first product there loads half of PyTorch.
    """
    from d2l_gru.torch.training import train_step

    X, Y = next(iter(d2l.SeqDataLoader(IDS, 4, 2)))
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    model = d2l.RNNModelScratch(V, 8, "meta", *functions)
    for clip in (0.5, None):
        loss, norm, state = train_step(model, X, Y, None, 0.5, "meta", clip)
        step = d2l.CapturedStep(model, 4, 2, 0.5, "meta", clip)
        step(X.to("meta"), Y.to("meta"))
        made = [loss, norm, *state, *step.state, step.X, step.Y, step.total, step.largest]
        assert {tensor.device.type for tensor in [*made, *model.params]} == {"meta"}
        assert loss.shape == norm.shape == step.total.shape == step.largest.shape == ()


def one_minibatch():
    return d2l.SeqDataLoader(IDS[: 4 * 7 + 1], 4, 7)


each_train = pytest.mark.parametrize("train", ["train", "train_captured"])


@pytest.mark.parametrize(
    "update",
    [
        lambda model: d2l.train_epoch(model, one_minibatch(), 0.1, "cpu"),
        lambda model: d2l.train(model, one_minibatch(), 0.1, 1, "cpu"),
        lambda model: d2l.train_captured(model, one_minibatch(), 0.1, 1, "cpu"),
        lambda model: d2l.CapturedStep(model, 4, 7, 0.1, "cpu")(*next(iter(one_minibatch()))),
    ],
)
def test_gradients_are_clipped_at_1_unless_told_otherwise(torch, update):
    from d2l_gru.torch.training import train_step

    _, model = twins("scratch")
    with torch.no_grad():
        for param in model.params:
            param.normal_(std=3)
    before = values(model)
    X, Y = next(iter(one_minibatch()))
    _, norm, _ = train_step(model, X, Y, None, 1e-30, "cpu", None)
    assert norm > 2.5
    update(model)
    moved = [old - new for old, new in zip(before, values(model), strict=True)]
    assert ref.joint_norm(moved) == pytest.approx(0.1, rel=1e-4)


@each_train
def test_a_history_has_an_entry_for_each_epoch(train):
    seen = []

    def on_epoch(epoch, history):
        seen.append((epoch, len(history.perplexity), history))

    _, model = twins("scratch")
    history = getattr(d2l, train)(model, one_minibatch(), 0.5, 3, "cpu", on_epoch=on_epoch)
    assert len(history.tokens_per_second) == len(history.gradient_norm) == 3
    assert seen == [(n, n, history) for n in (1, 2, 3)]


@each_train
def test_the_speed_is_in_tokens_per_second(train):
    _, model = twins("scratch")
    start = time.perf_counter()
    history = getattr(d2l, train)(model, one_minibatch(), 0.5, 1, "cpu")
    assert history.tokens_per_second[0] >= 4 * 7 / (time.perf_counter() - start)


def test_a_gpu_is_waited_for_by_its_name(torch, monkeypatch):
    from d2l_gru.torch.training import wait

    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    for device in ("cpu", "cuda:1", torch.device("cuda", 0)):
        wait(device)
    assert waited == ["cuda:1", torch.device("cuda", 0)]
