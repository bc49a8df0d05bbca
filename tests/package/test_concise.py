"""The concise model: which function a library's GRU computes, and Gluon's model around it."""

import frameworks
import numpy
import pytest
import reference_gru as ref
from mxnet import autograd, cpu, init, np
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


def test_layers_reset_after_the_product_in_the_order_r_z_n(framework, case):
    X, Y, H0 = case
    model = framework.large(framework.drawn("concise", V, H), 0.7)
    p = ref.from_layer(framework.values(model), sum)
    expected, H_expected, _ = ref.forward(ref.one_hot(X, V), H0, p, "after")
    state = [framework.array(H0[None])]
    Y_hat, (H1,) = framework.loss(lambda: model(framework.ids(X), state), Y)
    numpy.testing.assert_allclose(Y_hat, expected, rtol=0, atol=1e-5)
    numpy.testing.assert_allclose(H1, H_expected, rtol=0, atol=1e-5)
    expected = ref.gradients(ref.one_hot(X, V), H0, p, "after", Y)
    # The two biases of a gate have the same gradient.
    for name, grad in ref.from_layer(framework.grads(model), lambda pair: pair[0]).items():
        assert abs(expected[name]).max() > 1e-3, f"{name} has no gradient to compare"
        numpy.testing.assert_allclose(grad, expected[name], atol=1e-4, err_msg=name)


def test_two_minibatches_in_turn_are_one_long_minibatch(model, case):
    """And the results of an update are arrays of their own: the next call leaves them alone."""
    X, _, H0 = case
    first, (H1,) = model(np.array(X[:, :3], dtype="int32"), [f32(H0[None])])
    second, (H2,) = model(np.array(X[:, 3:], dtype="int32"), [H1])
    whole, (H_whole,) = model(np.array(X, dtype="int32"), [f32(H0[None])])
    found = np.concatenate([first, second])
    numpy.testing.assert_allclose(found.asnumpy(), whole.asnumpy(), rtol=0, atol=1e-6)
    numpy.testing.assert_allclose(H2.asnumpy(), H_whole.asnumpy(), rtol=0, atol=1e-6)
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
