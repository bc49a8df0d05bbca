"""Readers in NumPy against the models that they stand for, in both frameworks."""

import mxnet
import numpy
import pytest
import reference_gru as ref
from mxnet import cpu, np
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import generate
from d2l_gru.mxnet import generate as mxnet_generate
from d2l_gru.mxnet.generate import predict

VOCAB = d2l.Vocab(list("abcdef"))
V, H = len(VOCAB), 6
pytestmark = pytest.mark.usefixtures("seeded")


def test_resetting_before_the_product():
    p = ref.random_params(V, H, seed=1)
    read = generate.read_reset_before([p[name] for name in ref.NAMES])
    ids = [3, 1, 4, 1, 5, 0, 6, 2]
    expected, _, _ = ref.forward(ref.one_hot([ids], V), numpy.zeros((1, H)), p, "before")
    numpy.testing.assert_allclose(read(ids[:3]), expected[2], rtol=0, atol=1e-12)
    for i, logits in zip(ids[3:], expected[3:], strict=True):
        numpy.testing.assert_allclose(read([i]), logits, rtol=0, atol=1e-12)


def concise(num_layers, layer=rnn.GRU):
    model = d2l.RNNModel(layer(H, num_layers=num_layers), V)
    model.initialize(mxnet.init.Normal(0.7), ctx=cpu())
    model.prepare(cpu())
    for name, param in model.collect_params().items():
        if name.endswith("bias"):
            param.set_data(np.random.normal(size=param.shape))
    return model


@pytest.mark.parametrize("num_layers", [1, 3])
def test_resetting_after_the_product(num_layers):
    model = concise(num_layers)
    read = generate.read_reset_after(
        [param.data().asnumpy() for param in model.collect_params().values()]
    )
    ids = [3, 1, 4, 1, 5, 0, 6, 2]
    expected, _ = model(np.array([ids], dtype="int32"), model.begin_state(1, cpu()))
    expected = expected.asnumpy()
    numpy.testing.assert_allclose(read(ids[:3]), expected[2], rtol=0, atol=1e-5)
    for i, logits in zip(ids[3:], expected[3:], strict=True):
        numpy.testing.assert_allclose(read([i]), logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("read", ["read_reset_before", "read_reset_after"])
def test_large_numbers_do_not_overflow(read):
    if read == "read_reset_before":
        params = [1e4 * p for p in ref.random_params(V, H).values()]
    else:
        params = [1e4 * p.data().asnumpy() for p in concise(1).collect_params().values()]
    with numpy.errstate(all="raise", under="ignore"):
        assert numpy.isfinite(getattr(generate, read)(params)([1, 2, 3])).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_computed_has_the_digits_of_the_parameters(dtype):
    before = [p.astype(dtype) for p in ref.random_params(V, H).values()]
    after = [p.data().asnumpy().astype(dtype) for p in concise(2).collect_params().values()]
    assert generate.read_reset_before(before)([1, 2]).dtype == dtype
    assert generate.read_reset_after(after)([1, 2]).dtype == dtype


def scratch():
    size = V, H, cpu()
    return d2l.RNNModelScratch(*size, d2l.get_params, d2l.init_gru_state, d2l.gru)


@pytest.mark.parametrize("make", [scratch, lambda: concise(2)])
def test_the_packages_own_models_are_read_in_numpy(make, monkeypatch):
    model = make()
    monkeypatch.setattr(
        mxnet_generate, "_reader", lambda *_: pytest.fail("the framework was asked")
    )
    assert len(predict("bad", 5, model, VOCAB, cpu())) >= 8


@pytest.mark.parametrize(
    "make",
    [
        lambda: concise(1, rnn.LSTM),
        lambda: d2l.RNNModelScratch(
            V, H, cpu(1), d2l.get_params, d2l.init_gru_state, lambda *args: d2l.gru(*args)
        ),
    ],
)
def test_other_models_are_read_by_their_framework(make, monkeypatch):
    model, calls = make(), []
    call = type(model).__call__
    monkeypatch.setattr(
        type(model), "__call__", lambda self, *args: calls.append(1) or call(self, *args)
    )
    device = model.parameters()[0].ctx
    assert len(predict("bad", 5, model, VOCAB, device)) >= 8 and len(calls) == 5


def test_frozen_parameters_are_read_too():
    model = concise(1)
    text = predict("bad", 20, model, VOCAB, cpu())
    model.rnn.l0_i2h_weight.grad_req = "null"
    assert predict("bad", 20, model, VOCAB, cpu()) == text


@pytest.mark.parametrize("kind", ["scratch", "GRU", "GRU without biases", "RNN"])
def test_pytorch(torch, kind, monkeypatch):
    import d2l_gru.torch as on_torch
    from d2l_gru.torch import generate

    on_torch.set_seed(0)
    if kind == "scratch":
        model = on_torch.RNNModelScratch(
            V, H, "cpu", on_torch.get_params, on_torch.init_gru_state, on_torch.gru
        )
    elif kind == "RNN":
        model = on_torch.RNNModel(torch.nn.RNN(V, H), V, sigma=0.7)
    else:
        layer = torch.nn.GRU(V, H, num_layers=2, bias=kind == "GRU")
        model = on_torch.RNNModel(layer, V, sigma=0.7)
    with torch.no_grad():
        for param in model.parameters():
            param += 0.3 * torch.randn(param.shape)
    read = generate._reader_in_numpy(model)
    assert (read is None) == (kind in ("RNN", "GRU without biases"))
    slow = generate._reader(model, "cpu")
    for ids in ([3, 1, 4], [1], [5], [0]):
        logits = slow(ids)
        if read is not None:
            numpy.testing.assert_allclose(read(ids), logits, rtol=0, atol=1e-5)
    assert abs(logits).max() > 0.1
