"""The fast loop stands for the book's: the same values, gradients, training and errors."""

import itertools

import frameworks
import numpy
import pytest
import reference_gru as ref

pytestmark = pytest.mark.usefixtures("seeded")

V, H = 5, 4  # vocab_size, num_hiddens
ARGUMENTS = ["inputs", "H0", *ref.NAMES]


def case(framework, batch_size, num_steps, kind, dtype="float32", frozen=()):
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
    arrays = case(framework, batch_size, num_steps, kind, dtype, frozen)
    loops = framework.d2l.gru, framework.d2l.fast_gru
    plain, fast = (backward(framework, loop, [arrays], last) for loop in loops)
    for name, expected, found in zip(["Y_hat", "H1", *ARGUMENTS], plain, fast, strict=True):
        assert (expected is None) == (found is None) == (name in frozen), name
        if expected is not None:
            tol = 1e-12 if dtype == "float64" else 1e-5
            numpy.testing.assert_allclose(found, expected, rtol=tol, atol=tol, err_msg=name)


def test_what_one_pass_keeps_for_its_backward_pass_the_next_leaves_alone(framework):
    cases = [case(framework, 3, 6, kind) for kind in ("one-hot", "any numbers")]
    loops = framework.d2l.gru, framework.d2l.fast_gru
    for expected, found in zip(*(backward(framework, loop, cases) for loop in loops), strict=True):
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_gradient_of_a_gradient_is_refused(torch):
    framework = frameworks.of("torch")
    inputs, H0, *params = case(framework, 1, 2, "one-hot")
    loss = (framework.d2l.fast_gru(inputs, (H0,), params)[0] ** 2).sum()
    (grad,) = torch.autograd.grad(loss, H0, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
