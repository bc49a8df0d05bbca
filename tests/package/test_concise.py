"""The concise model: which function Gluon's GRU computes, and the model around it."""

import frameworks
import numpy
import pytest
import reference_gru as ref
from mxnet import autograd, cpu, gluon, init, np, npx
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru.mxnet.concise import FastGRU

pytestmark = pytest.mark.usefixtures("seeded")

V, H, B, T = 5, 4, 3, 6


def f32(values):
    return np.array(values, dtype="float32")


@pytest.fixture
def model():
    """A model whose weights and biases are all random, and large enough to matter."""
    mxnet = frameworks.of("mxnet")
    return mxnet.large(mxnet.drawn("concise", V, H), 0.7)


@pytest.fixture
def case():
    rng = numpy.random.default_rng(1)
    X, Y = rng.integers(0, V, (2, B, T))
    return X, Y, rng.normal(size=(B, H))


def run(model, X, H0):
    Y_hat, (H1,) = model(np.array(X, dtype="int32"), [f32(H0[None])])
    return Y_hat.asnumpy(), H1.asnumpy()[0]


def test_gluon_resets_after_the_product_in_the_order_r_z_n(model, case):
    X, Y, H0 = case
    p = ref.from_gluon(model.rnn, model.dense)
    expected, H_expected, _ = ref.forward(ref.one_hot(X, V), H0, p, "after")
    with autograd.record():
        Y_hat, (H1,) = model(np.array(X, dtype="int32"), [f32(H0[None])])
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(Y_hat, np.array(Y.T.reshape(-1))).mean()
    loss.backward()
    numpy.testing.assert_allclose(Y_hat.asnumpy(), expected, rtol=0, atol=1e-5)
    numpy.testing.assert_allclose(H1.asnumpy()[0], H_expected, rtol=0, atol=1e-5)
    expected = ref.gradients(ref.one_hot(X, V), H0, p, "after", Y)
    for name, grad in ref.gradients_from_gluon(model.rnn, model.dense).items():
        assert abs(expected[name]).max() > 1e-3, f"{name} has no gradient to compare"
        numpy.testing.assert_allclose(grad, expected[name], atol=1e-4, err_msg=name)


def test_two_minibatches_in_turn_are_one_long_minibatch(model, case):
    """And the results of an update are arrays of their own: the next call leaves them alone."""
    X, _, H0 = case
    first, (H1,) = model(np.array(X[:, :3], dtype="int32"), [f32(H0[None])])
    second, (H2,) = model(np.array(X[:, 3:], dtype="int32"), [H1])
    whole, H_whole = run(model, X, H0)
    found = numpy.concatenate([first.asnumpy(), second.asnumpy()])
    numpy.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)
    numpy.testing.assert_allclose(H2.asnumpy()[0], H_whole, rtol=0, atol=1e-6)
    assert model._active  # a graph


def test_prepare_leaves_existing_parameters_and_another_initializer_alone(model):
    before = [param.asnumpy() for param in model.parameters()]
    model.prepare(cpu())
    for old, new in zip(before, model.parameters(), strict=True):
        numpy.testing.assert_array_equal(old, new.asnumpy())
    model = d2l.RNNModel(rnn.GRU(H), V)
    model.initialize(init.Constant(0.25), ctx=cpu())
    model.prepare(cpu())
    assert (model.dense.weight.data() == 0.25).all()


def test_frozen_parameters_are_not_trained(model):
    model.rnn.l0_i2h_weight.grad_req = "null"
    assert [param.grad is None for param in model.parameters()] == [False] * 5


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("layer", [rnn.GRU, rnn.LSTM, rnn.RNN])
def test_any_recurrent_layer_fits_and_computes_what_it_does_by_itself(layer, num_layers, case):
    X, _, _ = case
    plain = layer(H, num_layers=num_layers, input_size=V)
    plain.initialize(init.Normal(1))
    inputs = npx.one_hot(np.array(X.T), V)
    expected, _ = plain(inputs, plain.begin_state(batch_size=B))
    same = {"params": plain.collect_params(), "prefix": plain.prefix}
    model = d2l.RNNModel(layer(H, num_layers=num_layers, **same), V)
    state = model.begin_state(B, cpu())
    shapes = [(num_layers, B, H)] * (2 if layer is rnn.LSTM else 1)
    assert [h.shape for h in state] == shapes and not any(h.any() for h in state)
    states, _ = model.rnn(inputs, state)
    numpy.testing.assert_allclose(states.asnumpy(), expected.asnumpy(), rtol=0, atol=1e-6)
    assert abs(states.asnumpy()).max() > 0.1


@pytest.mark.parametrize(
    "how", [{}, {"num_layers": 2}, {"layout": "NTC"}, {"bidirectional": True}], ids=str
)
def test_the_fast_layer_computes_exactly_what_gluon_s_does(how):
    inputs, found = np.random.normal(size=(T, B, V)), []
    plain, fast = rnn.GRU(H, input_size=V, **how), FastGRU(H, input_size=V, **how)
    plain.initialize(init.Normal(0.7))
    fast.initialize()
    params = [list(layer.collect_params().values()) for layer in (plain, fast)]
    for to, param in zip(params[1], params[0], strict=True):
        to.set_data(param.data())
    for layer, arrays in zip((plain, fast), params, strict=True):
        state = layer.begin_state(T if "layout" in how else B)
        with autograd.record():
            outputs, (last,) = layer(inputs, state)
            (outputs * outputs).sum().backward()
        found.append([outputs, last, *(param.grad() for param in arrays)])
    for ours, theirs in zip(*found, strict=True):
        assert (ours == theirs).all() and ours.shape == theirs.shape


def test_no_method_of_the_reader_s_layer_is_replaced():
    layer = rnn.GRU(H)
    before = set(vars(layer))
    d2l.RNNModel(layer, V)
    assert set(vars(layer)) == before
