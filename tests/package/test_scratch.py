"""The GRU from scratch, against the float64 reference and where the answer is known."""

import numpy
import pytest
import reference_gru as ref
from mxnet import autograd, cpu, gluon, np, npx

import d2l_gru as d2l

pytestmark = pytest.mark.usefixtures("seeded")

V, H, B, T = 5, 4, 3, 6  # vocab_size, num_hiddens, batch_size, num_steps


def f32(values):
    return np.array(values, dtype="float32")


def arrays(p, dtype="float32"):
    params = [np.array(p[name], dtype=dtype, ctx=cpu()) for name in ref.NAMES]
    for param in params:
        param.attach_grad()
    return params


@pytest.fixture
def case():
    """Token ids, labels, a state and parameters."""
    rng = numpy.random.default_rng(1)
    X, Y = rng.integers(0, V, (2, B, T))
    return X, Y, rng.normal(size=(B, H)), ref.random_params(V, H)


def run(X, H0, p):
    Y_hat, (H1,) = d2l.gru(f32(ref.one_hot(X, V)), (f32(H0),), arrays(p))
    return Y_hat.asnumpy(), H1.asnumpy()


def close(a, b, atol):
    numpy.testing.assert_allclose(a, b, rtol=0, atol=atol)


def test_logits_and_state_agree_with_the_reference(case):
    X, _, H0, p = case
    Y_hat, H1 = run(X, H0, p)
    expected, H_expected, _ = ref.forward(ref.one_hot(X, V), H0, p, "before")
    assert Y_hat.shape == (T * B, V)
    close(Y_hat, expected, 1e-5)
    close(H1, H_expected, 1e-5)


def test_the_reset_gate_acts_before_the_product(case):
    X, _, H0, p = case
    after, _, _ = ref.forward(ref.one_hot(X, V), H0, p | {"c_h": numpy.zeros(H)}, "after")
    assert abs(run(X, H0, p)[0] - after).max() > 0.01


def test_gradients_agree_with_the_reference(case):
    X, Y, H0, p = case
    params = arrays(p)
    with autograd.record():
        Y_hat, _ = d2l.gru(f32(ref.one_hot(X, V)), (f32(H0),), params)
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(Y_hat, np.array(Y.T.reshape(-1))).mean()
    loss.backward()
    close(float(loss), ref.mean_loss(Y_hat.asnumpy(), Y), 1e-5)
    expected = ref.gradients(ref.one_hot(X, V), H0, p, "before", Y)
    for name, param in zip(ref.NAMES, params, strict=True):
        assert abs(expected[name]).max() > 1e-3, f"{name} has no gradient to compare"
        numpy.testing.assert_allclose(param.grad.asnumpy(), expected[name], atol=1e-4, err_msg=name)


def test_gradients_agree_with_finite_differences():
    p = ref.random_params(3, 2, seed=2)
    X, Y = numpy.array([[0, 2, 1]]), numpy.array([[2, 1, 1]])
    inputs, H0 = np.array(ref.one_hot(X, 3), dtype="float64"), np.ones((1, 2), dtype="float64")
    labels, params = np.array(Y[0], dtype="float64"), arrays(p, "float64")

    def loss():
        Y_hat, _ = d2l.gru(inputs, (H0,), params)
        return -(npx.pick(npx.log_softmax(Y_hat), labels)).mean()

    with autograd.record():
        l = loss()
    l.backward()
    grads = [param.grad.asnumpy() for param in params]
    slopes = ref.finite_differences(lambda: float(loss().asnumpy()), params)
    for name, grad, slope in zip(ref.NAMES, grads, slopes, strict=True):
        numpy.testing.assert_allclose(grad, slope, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_reference_itself_agrees_with_finite_differences(case, reset):
    X, Y, H0, p = case
    p = p | {"c_h": numpy.linspace(-1, 1, H)} if reset == "after" else p

    def loss():
        return ref.mean_loss(ref.forward(ref.one_hot(X, V), H0, p, reset)[0], Y)

    slopes = ref.finite_differences(loss, p.values())
    grads = ref.gradients(ref.one_hot(X, V), H0, p, reset, Y)
    for name, slope in zip(p, slopes, strict=True):
        numpy.testing.assert_allclose(grads[name], slope, atol=1e-8, err_msg=name)


def with_gates(p, Z=None, R=None):
    """Hold the gates at 0 or 1, whatever the inputs."""
    bias = {0: -50.0, 1: 50.0, None: 0.0}
    return p | {"b_z": p["b_z"] + bias[Z], "b_r": p["b_r"] + bias[R]}


def test_an_update_gate_at_1_keeps_the_state_exactly(case):
    X, _, H0, p = case
    _, H1 = run(X, H0, with_gates(p, Z=1))
    numpy.testing.assert_array_equal(H1, H0.astype("float32"))


def test_gates_at_0_forget_the_state_exactly(case):
    X, _, H0, p = case
    p = with_gates(p, Z=0, R=0)
    _, H1 = run(X, H0, p)
    _, H2 = run(X, -3 * H0, p)
    numpy.testing.assert_array_equal(H1, H2)
    close(H1, numpy.tanh(p["W_xh"][X[:, -1]] + p["b_h"]), 1e-6)


def test_update_0_and_reset_1_make_a_plain_recurrent_network(case):
    X, _, H0, p = case
    _, H1 = run(X, H0, with_gates(p, Z=0, R=1))
    expected = H0
    for ids in X.T:
        expected = numpy.tanh(p["W_xh"][ids] + expected @ p["W_hh"] + p["b_h"])
    close(H1, expected, 1e-5)


def test_a_constant_update_gate_averages(case):
    X, _, H0, p = case
    p = {name: numpy.zeros_like(value) for name, value in p.items()}
    p["b_z"] += numpy.log(3)  # Z = 3/4
    p["b_h"] += numpy.arctanh(0.5)  # H_tilde = 1/2
    _, H1 = run(X[:, :1], H0, p)
    close(H1, 0.75 * H0 + 0.25 * 0.5, 1e-6)


def test_parameters_are_drawn_as_documented():
    params = dict(zip(ref.NAMES, d2l.get_params(28, 256, cpu()), strict=True))
    assert sum(param.size for param in params.values()) == 226_076
    weights = []
    for name, param in params.items():
        assert param.shape == ref.random_params(28, 256)[name].shape, name
        assert param.ctx == cpu() and param.grad.shape == param.shape
        if name.startswith("b"):
            assert not param.any()
        else:
            weights.append(param.asnumpy().ravel())
            assert abs(weights[-1].std() - 0.01) < 0.0004, name
            assert abs(weights[-1].mean()) < 0.0005, name
    drawn = numpy.concatenate(weights)
    assert len(numpy.unique(drawn)) > 0.9 * len(drawn), "two matrices share their numbers"


def test_the_first_state_is_zero():
    (H0,) = d2l.init_gru_state(3, 4, cpu())
    assert H0.shape == (3, 4) and not H0.any()


def test_the_model_maps_ids_to_the_logits_of_the_reference(case):
    X, _, H0, p = case
    model = d2l.RNNModelScratch(V, H, cpu(), lambda *_: arrays(p), d2l.init_gru_state, d2l.gru)
    Y_hat, state = model(np.array(X, dtype="int32"), (f32(H0),))
    expected, H1, _ = ref.forward(ref.one_hot(X, V), H0, p, "before")
    close(Y_hat.asnumpy(), expected, 1e-5)
    close(state[0].asnumpy(), H1, 1e-5)


def test_the_model_keeps_the_protocol_of_both_models():
    model = d2l.RNNModelScratch(V, H, cpu(), d2l.get_params, d2l.init_gru_state, d2l.gru)
    (H0,) = model.begin_state(2, cpu())
    assert H0.shape == (2, H)
    assert model.prepare(cpu()) is None
    assert model.parameters() is model.params and len(model.params) == 11


def test_the_functions_given_to_the_model_are_the_ones_used():
    calls = []

    def get_params(*args):
        calls.append(args)
        return ["params"]

    def init_state(*args):
        calls.append(args)
        return ("state",)

    def forward_fn(inputs, state, params):
        calls.append((inputs.asnumpy().tolist(), state, params))
        return "logits", "new state"

    model = d2l.RNNModelScratch(3, 4, cpu(), get_params, init_state, forward_fn)
    state = model.begin_state(1, cpu())
    assert model(np.array([[2, 0]], dtype="int32"), state) == ("logits", "new state")
    one_hot = [[[0, 0, 1]], [[1, 0, 0]]]
    assert calls == [(3, 4, cpu()), (1, 4, cpu()), (one_hot, ("state",), ["params"])]
