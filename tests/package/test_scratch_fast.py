"""The fast loop stands for the book's: the same values, gradients, training and errors."""

import contextlib
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
    on_mxnet = framework.name == "mxnet"
    with framework.mxnet.autograd.record() if on_mxnet else contextlib.nullcontext():
        results = [loop(inputs, (H0,), params) for inputs, H0, *params in cases]
        losses = [(Y_hat**2).sum() + (H1**2).sum() * last for Y_hat, (H1,) in results]
    for loss in losses:
        loss.backward()
    found = [framework.numpy(array) for Y_hat, (H1,) in results for array in (Y_hat, H1)]
    for array in itertools.chain.from_iterable(cases):
        found.append(None if array.grad is None else framework.grad(array).copy())
        if not on_mxnet:
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


def test_it_trains_the_same_model_which_completes_and_has_a_twin(framework, torch):
    import d2l_gru
    import d2l_gru.torch as on_torch

    d2l, cpu = framework.d2l, framework.cpu
    train_iter, vocab = d2l.load_data_time_machine(4, 10, max_tokens=1000)
    models, histories, texts = [], [], []
    for loop in (d2l.gru, d2l.fast_gru):
        d2l.set_seed(0)
        size = len(vocab), 16, cpu
        models.append(d2l.RNNModelScratch(*size, d2l.get_params, d2l.init_gru_state, loop))
        histories.append(d2l.train(models[-1], train_iter, 1, 2, cpu).perplexity)
        texts.append(d2l.predict("time", 20, models[-1], vocab, cpu))
    numpy.testing.assert_allclose(*histories, rtol=1e-4)
    assert texts[0] == texts[1]
    if d2l is d2l_gru:
        to, other = on_torch.to_torch, on_torch
    else:
        to, other = on_torch.to_mxnet, d2l_gru
    assert [to(model).forward_fn for model in models] == [other.gru, other.fast_gru]


def test_arguments_that_do_not_fit_are_refused_as_by_the_loop_of_the_book(framework):
    inputs, H0, *params = case(framework, 3, 6, "one-hot")
    for arguments in (
        (inputs, (), params),
        (inputs, (H0,), params[1:]),
        (inputs[0], (H0,), params),
        (inputs, (H0[:2],), params),
    ):
        said = []
        for loop in (framework.d2l.gru, framework.d2l.fast_gru):
            with pytest.raises(ValueError, match="must ") as caught:
                loop(*arguments)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_a_gradient_of_a_gradient_is_refused(torch):
    framework = frameworks.of("torch")
    inputs, H0, *params = case(framework, 1, 2, "one-hot")
    loss = (framework.d2l.fast_gru(inputs, (H0,), params)[0] ** 2).sum()
    (grad,) = torch.autograd.grad(loss, H0, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
