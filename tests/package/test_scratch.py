"""The GRU from scratch, against the float64 reference and where the answer is known.

The fast loop stands for the book's: the same values, gradients and errors.
"""

import itertools

import frameworks
import numpy
import pytest
import reference_gru as ref

pytestmark = pytest.mark.usefixtures("seeded")

V, H, B, T = 5, 4, 3, 6  # vocab_size, num_hiddens, batch_size, num_steps


@pytest.fixture
def case():
    """Token ids, labels, a state and parameters."""
    rng = numpy.random.default_rng(1)
    X, Y = rng.integers(0, V, (2, B, T))
    return X, Y, rng.normal(size=(B, H)), ref.random_params(V, H)


def close(a, b, atol):
    numpy.testing.assert_allclose(a, b, rtol=0, atol=atol)


def test_logits_state_and_gradients_agree_with_the_reference(framework, case):
    X, Y, H0, p = case
    model, inputs = framework.scratch(p), ref.one_hot(X, V)
    state = (framework.array(H0),)
    logits, (last,) = model(framework.ids(X), state)
    Y_hat, H1 = framework.loss(
        lambda: framework.d2l.gru(framework.array(inputs), state, model.params), Y
    )
    expected, H_expected, _ = ref.forward(inputs, H0, p, "before")
    assert Y_hat.shape == (T * B, V)
    for found in (Y_hat, framework.numpy(logits)):
        close(found, expected, 1e-5)
    for found in (H1, framework.numpy(last)):
        close(found, H_expected, 1e-5)
    after, _, _ = ref.forward(inputs, H0, p | {"c_h": numpy.zeros(H)}, "after")
    assert abs(Y_hat - after).max() > 0.01  # the reset gate acts before the product
    grads = ref.gradients(inputs, H0, p, "before", Y)
    for name, grad in zip(ref.NAMES, framework.grads(model), strict=True):
        assert abs(grads[name]).max() > 1e-3, f"{name} has no gradient to compare"
        numpy.testing.assert_allclose(grad, grads[name], atol=1e-4, err_msg=name)


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


@pytest.mark.parametrize(
    ("Z", "R", "candidate", "atol"),
    [
        (1, None, lambda p, X, H: H, 0),  # keep, exactly
        (0, 0, lambda p, X, H: numpy.tanh(X @ p["W_xh"] + p["b_h"]), 1e-6),  # forget
        (0, 1, lambda p, X, H: numpy.tanh(X @ p["W_xh"] + H @ p["W_hh"] + p["b_h"]), 1e-5),
    ],
)
def test_gates_that_are_held_open_or_shut(framework, case, Z, R, candidate, atol):
    X, _, H0, p = case
    bias = {0: -50, 1: 50, None: 0}
    model = framework.scratch(p | {"b_z": p["b_z"] + bias[Z], "b_r": p["b_r"] + bias[R]})
    _, (H1,) = model(framework.ids(X), (framework.array(H0),))
    H = H0.astype("float32")
    for inputs in ref.one_hot(X, V):
        H = candidate(p, inputs, H)
    close(framework.numpy(H1), H, atol)


@pytest.mark.parametrize(("kind", "count"), [("scratch", 226_076), ("concise", 226_844)])
def test_parameters_are_drawn_as_documented(framework, kind, count):
    values = framework.values(framework.drawn(kind, 28, 256))
    assert sum(value.size for value in values) == count
    weights = [value for value in values if value.ndim > 1]
    assert not any(value.any() for value in values if value.ndim == 1)
    for value in weights:
        assert abs(value.std() - 0.01) < 0.0004 and abs(value.mean()) < 0.0005
    drawn = numpy.concatenate([value.ravel() for value in weights])
    assert len(numpy.unique(drawn)) > 0.9 * len(drawn), "two matrices share their numbers"


def test_get_params_draws_by_the_seed_and_what_can_be_trained(framework):
    drawn = []
    for seed in (0, 0, 1):
        framework.d2l.set_seed(seed)
        params = framework.d2l.get_params(V, H, framework.cpu)
        drawn.append([framework.numpy(param).tolist() for param in params])
    assert drawn[0] == drawn[1] and drawn[1][0] != drawn[2][0]
    assert [tuple(param.shape) for param in params] == [
        value.shape for value in ref.random_params(V, H).values()
    ]
    for param in params:
        assert framework.device_of(param) == framework.cpu and framework.trains(param)


def test_all_is_made_on_the_device_that_is_asked_for(framework):
    model = framework.drawn("scratch", V, H, framework.elsewhere)
    made = [*model.parameters(), *model.begin_state(2)]
    assert {framework.device_of(array) for array in made} == {framework.elsewhere}
    with pytest.raises(ValueError, match="^X is on .*, but .* is needed$"):
        model(framework.ids([[0]]), model.begin_state(1))


@pytest.mark.parametrize("kind", ["scratch", "concise"])
def test_one_of_everything_is_enough(framework, kind):
    model = framework.drawn(kind, 1, 1)
    Y_hat, (H1,) = model(framework.ids([[0]]), model.begin_state(1, framework.cpu))
    assert Y_hat.shape == (1, 1) and framework.numpy(H1).size == 1


def test_the_functions_given_to_the_model_are_the_ones_used(framework):
    calls = []

    def get_params(*args):
        calls.append(args)
        return ["params"]

    def init_state(*args):
        calls.append(args)
        return ("state",)

    def forward_fn(inputs, state, params):
        calls.append((inputs.tolist(), state, params))
        return "logits", "new state"

    cpu = framework.cpu
    model = framework.d2l.RNNModelScratch(3, 4, cpu, get_params, init_state, forward_fn)
    assert model(framework.ids([[2, 0]]), model.begin_state(1, cpu)) == ("logits", "new state")
    one_hot = [[[0, 0, 1]], [[1, 0, 0]]]
    assert calls == [(3, 4, cpu), (1, 4, cpu), (one_hot, ("state",), ["params"])]


# The fast loop.

ARGUMENTS = ["inputs", "H0", *ref.NAMES]


def arrays_of(framework, batch_size, num_steps, kind, dtype="float32", frozen=()):
    """Return inputs, a first state and the parameters; all but the frozen have gradients."""
    rng = numpy.random.default_rng(1)
    inputs = ref.one_hot(rng.integers(0, V, (batch_size, num_steps)), V)
    if kind == "any numbers":
        inputs = rng.normal(size=inputs.shape)
    values = inputs, rng.normal(size=(batch_size, H)), *ref.random_params(V, H).values()
    arrays = [framework.leaf(value, dtype=dtype) for value in values]
    for name in frozen:
        framework.freeze(arrays[ARGUMENTS.index(name)])
    return arrays


def backward(framework, loop, cases, last=False):
    """Run a loop over all cases, then all backward passes; return results and gradients.

    The gradients are those of the logits' squares and, if it is the `last`, of the new state's.
    """
    with framework.record():
        results = [loop(inputs, (H0,), params) for inputs, H0, *params in cases]
        losses = [(Y_hat**2).sum() + (H1**2).sum() * last for Y_hat, (H1,) in results]
    for loss in losses:
        loss.backward()
    found = [framework.numpy(array) for Y_hat, (H1,) in results for array in (Y_hat, H1)]
    for array in itertools.chain.from_iterable(cases):
        found.append(None if array.grad is None else framework.grad(array).copy())
        if framework.name == "torch":
            array.grad = None  # PyTorch would add to it
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("batch_size", "num_steps", "kind", "frozen", "last"),
    [
        (3, 6, "one-hot", ("inputs",), False),
        (3, 6, "any numbers", (), True),
        (1, 1, "any numbers", (), True),
        (2, 3, "one-hot", ("inputs", "H0", "W_hz", "W_xh", "W_hq", "b_q"), True),
    ],
)
def test_values_and_gradients_are_those_of_the_loop_of_the_book(
    framework, batch_size, num_steps, kind, frozen, last, dtype
):
    arrays = arrays_of(framework, batch_size, num_steps, kind, dtype, frozen)
    loops = framework.d2l.gru, framework.d2l.fast_gru
    plain, fast = (backward(framework, loop, [arrays], last) for loop in loops)
    for name, expected, found in zip(["Y_hat", "H1", *ARGUMENTS], plain, fast, strict=True):
        assert (expected is None) == (found is None) == (name in frozen), name
        if expected is not None:
            tol = 1e-12 if dtype == "float64" else 1e-5
            numpy.testing.assert_allclose(found, expected, rtol=tol, atol=tol, err_msg=name)


def test_what_one_pass_keeps_for_its_backward_pass_the_next_leaves_alone(framework):
    cases = [arrays_of(framework, 3, 6, kind) for kind in ("one-hot", "any numbers")]
    loops = framework.d2l.gru, framework.d2l.fast_gru
    for expected, found in zip(*(backward(framework, loop, cases) for loop in loops), strict=True):
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_gradient_of_a_gradient_is_refused(torch):
    framework = frameworks.of("torch")
    inputs, H0, *params = arrays_of(framework, 1, 2, "one-hot")
    loss = (framework.d2l.fast_gru(inputs, (H0,), params)[0] ** 2).sum()
    (grad,) = torch.autograd.grad(loss, H0, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
