"""Weights cross over between the frameworks, and the same weights compute the same."""

import contextlib

import frameworks
import numpy
import pytest
import reference_gru as ref
from mxnet import cpu
from mxnet.gluon import rnn

import d2l_gru
import d2l_gru.torch as d2l

pytestmark = pytest.mark.usefixtures("torch", "seeded")
V, H, B, T = 5, 4, 3, 6


def concise(num_layers=1, vocab_size=V, num_hiddens=H, scale=0.7, **layer):
    model = d2l_gru.RNNModel(rnn.GRU(num_hiddens, num_layers, **layer), vocab_size)
    model.prepare(cpu())
    model(frameworks.of("mxnet").ids([[0]]), model.begin_state(1, cpu()))  # fixes all shapes
    rng = numpy.random.default_rng(3)
    for param in model.parameters():
        frameworks.of("mxnet").assign(param, rng.normal(scale=scale, size=param.shape))
    return model


def scratch(vocab_size=V, num_hiddens=H, scale=0.7):
    return frameworks.of("mxnet").scratch(ref.random_params(vocab_size, num_hiddens, scale=scale))


MODELS = {
    "scratch": scratch,
    "concise": concise,
    "two layers": lambda: concise(2),
    "the book's size, scratch": lambda: scratch(28, 256, 0.1),
    "the book's size, concise": lambda: concise(1, 28, 256, 0.1),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_twins_have_the_same_logits_state_and_gradients_and_give_the_weights_back(make):
    on_mxnet, found = make(), []
    on_torch = d2l.to_torch(on_mxnet)
    X, Y = numpy.random.default_rng(1).integers(0, on_mxnet.vocab_size, (2, B, T))
    for name, model in (("mxnet", on_mxnet), ("torch", on_torch)):
        framework = frameworks.of(name)
        state = model.begin_state(B, framework.cpu)
        Y_hat, last = framework.loss(lambda m=model, f=framework, s=state: m(f.ids(X), s), Y)
        found.append([Y_hat, last, *framework.grads(model)])
    for i, (a, b) in enumerate(zip(*found, strict=True)):
        numpy.testing.assert_allclose(a, b, rtol=0, atol=1e-5 if i < 2 else 1e-4)
    assert abs(found[0][0]).max() > 0.3  # the gates have something to do
    assert max(abs(grad).max() for grad in found[0][2:]) > 1e-2
    for device in (None, cpu(0), cpu(1)):
        back = d2l.to_mxnet(on_torch, device)
        assert type(back) is type(on_mxnet)
        for a, b in zip(back.parameters(), on_mxnet.parameters(), strict=True):
            assert a.ctx == a.grad.ctx == (device or cpu())
            numpy.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


def test_twins_write_the_same_text():
    vocab = d2l.Vocab(list("time traveller, and so on"))
    on_mxnet = concise(1, len(vocab))
    on_torch = d2l.to_torch(on_mxnet)
    for temperature in (0, 0.7):
        d2l.set_seed(2)
        theirs = d2l_gru.predict("time", 30, on_mxnet, vocab, cpu(), temperature)
        d2l.set_seed(2)
        assert d2l.predict("time", 30, on_torch, vocab, "cpu", temperature) == theirs
    assert len(set(theirs)) > 3
    short = "time", 4, on_torch, vocab, "cpu"
    assert d2l.predict_ch8(*short) == d2l.predict(*short)


def test_twins_share_dropout_and_what_is_frozen():
    model = concise(2, dropout=0.25)
    model.rnn.l1_h2h_weight.grad_req = "null"
    twin = d2l.to_torch(model)
    frozen = [name for name, param in twin.named_parameters() if not param.requires_grad]
    assert (twin.rnn.dropout, frozen) == (0.25, ["rnn.weight_hh_l1"])
    back = d2l.to_mxnet(twin)
    (frozen,) = [name for name, p in back.collect_params().items() if p.grad_req == "null"]
    assert back.rnn._dropout == 0.25 and frozen.endswith("l1_h2h_weight")
    twin = d2l.to_torch(scratch())
    twin.params[1].requires_grad_(False)
    back = d2l.to_mxnet(twin)
    before = back.params[1].asnumpy()
    d2l_gru.train(back, d2l_gru.SeqDataLoader([1, 2, 3] * 9, 2, 3), 1, 1, cpu())
    assert (back.params[1].asnumpy() == before).all()


def test_twins_have_the_same_loop(framework):
    for loop in ("gru", "fast_gru"):
        model = framework.drawn("scratch", V, H)
        model.forward_fn = getattr(framework.d2l, loop)
        to, other = (d2l.to_torch, d2l) if framework.name == "mxnet" else (d2l.to_mxnet, d2l_gru)
        assert to(model).forward_fn is getattr(other, loop)


def refused(name, layer=None, **more):
    """Return a model of this framework that has no twin: with this layer, or another function."""
    framework = frameworks.of(name)
    if layer:
        return framework.d2l.RNNModel(framework.layer(layer, V, H, **more), V)
    model = framework.drawn("scratch", V, H)
    model.forward_fn = max
    return model


FUNCTION = "its forward_fn must be d2l_gru.%s.scratch.gru or fast_gru, not <built-in function max>"
MUST_BE = "its layer must be an nn.GRU with biases, not "


@pytest.mark.parametrize(
    ("to", "make", "said"),
    [
        (d2l.to_torch, lambda: 5, "model must be one of d2l_gru, not 5"),
        (d2l.to_mxnet, lambda: 5, "model must be one of d2l_gru.torch, not 5"),
        (
            d2l.to_torch,
            lambda: refused("mxnet", "LSTM"),
            "its layer must be a gluon.rnn.GRU, not LSTM(-1 -> 4, TNC)",
        ),
        (d2l.to_mxnet, lambda: refused("torch", "RNN"), MUST_BE + "RNN(5, 4)"),
        (
            d2l.to_mxnet,
            lambda: refused("torch", "GRU", bias=False),
            MUST_BE + "GRU(5, 4, bias=False)",
        ),
        (d2l.to_torch, lambda: refused("mxnet"), FUNCTION % "mxnet"),
        (d2l.to_mxnet, lambda: refused("torch"), FUNCTION % "torch"),
    ],
)
def test_a_model_without_a_twin_is_refused(to, make, said):
    with pytest.raises((TypeError, ValueError)) as caught:
        to(make())
    assert str(caught.value).removeprefix("the model has no twin: ") == said


# What only PyTorch's concise model has.


def test_a_layer_is_drawn_anew_unless_told_otherwise(torch):
    layer = torch.nn.GRU(V, H)
    before = layer.weight_hh_l0.detach().clone()
    assert torch.equal(d2l.RNNModel(layer, V, sigma=None).rnn.weight_hh_l0, before)
    assert not torch.equal(d2l.RNNModel(layer, V).rnn.weight_hh_l0, before)


def test_a_new_model_moves_to_the_device_once(torch, monkeypatch):
    model, moved = d2l.RNNModel(torch.nn.GRU(V, H, 2), V), []
    monkeypatch.setattr(model, "to", moved.append)
    for device in ("cuda:0", "cpu", "cuda:0"):  # of which `to` says only that it was called
        with contextlib.suppress(ValueError):
            model.prepare(device)
    assert moved == [torch.device("cuda:0"), torch.device("cpu")]
    with pytest.raises(ValueError, match="the model is on cpu, but cuda:0 is asked for"):
        model.prepare("cuda:0")
