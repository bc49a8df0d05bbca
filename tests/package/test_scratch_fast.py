"""The fast loop stands for the book's: the same values, gradients, training and errors."""

import types

import mxnet
import numpy
import pytest
import reference_gru as ref
from mxnet import autograd, cpu

import d2l_gru
import d2l_gru.torch as on_torch

pytestmark = pytest.mark.usefixtures("torch", "seeded")

V, H = 5, 4  # vocab_size, num_hiddens


def on_mxnet(values, dtype, grad="write"):
    array = mxnet.np.array(values, dtype=dtype)
    array.attach_grad(grad)
    return array


def in_torch(values, dtype, grad="write"):
    import torch

    return torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=grad != "null")


FRAMEWORKS = {
    "mxnet": types.SimpleNamespace(d2l=d2l_gru, array=on_mxnet, device=cpu()),
    "torch": types.SimpleNamespace(d2l=on_torch, array=in_torch, device="cpu"),
}


@pytest.fixture(params=FRAMEWORKS.values(), ids=FRAMEWORKS)
def framework(request):
    return request.param


def numbers(array):
    return array.asnumpy() if hasattr(array, "asnumpy") else array.detach().numpy()


def passes(framework, loop, arrays, last, dtype):
    """Return the logits and the state of a loop, and the gradients of the arrays.

    The gradients are those of a sum, with weights, of logits and, if it is the `last`, of the
    state; frozen arrays have none.
    """
    inputs, H0, *params = arrays
    weights = numpy.random.default_rng(3).normal(size=(inputs.shape[0] * inputs.shape[1], V))
    with autograd.record():
        Y_hat, (H1,) = loop(inputs, (H0,), params)
        loss = (Y_hat * framework.array(weights, dtype, "null")).sum()
        if last:
            loss = loss + (H1 * H1).sum()
    loss.backward()
    grads = [None if array.grad is None else numbers(array.grad).copy() for array in arrays]
    for array in arrays:
        if framework.d2l is on_torch:
            array.grad = None  # it would be added to
    return numbers(Y_hat), numbers(H1), *grads


def case(framework, batch_size, num_steps, kind="one-hot", dtype="float32", frozen=()):
    """Return inputs, a first state and the parameters, all with gradients but the `frozen`."""
    rng = numpy.random.default_rng(1)
    inputs = ref.one_hot(rng.integers(0, V, (batch_size, num_steps)), V)
    if kind == "any numbers":
        inputs = rng.normal(size=inputs.shape)
    values = [inputs, rng.normal(size=(batch_size, H)), *ref.random_params(V, H).values()]
    return [
        framework.array(value, dtype, "null" if i in frozen else "write")
        for i, value in enumerate(values)
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("batch_size", "num_steps", "kind", "frozen", "last"),
    [
        (3, 6, "one-hot", (0,), False),
        (3, 6, "any numbers", (), True),
        (1, 1, "any numbers", (), True),
        (2, 3, "one-hot", (0, 1, 3, 5, 11), True),
    ],
)
def test_values_and_gradients_are_those_of_the_loop_of_the_book(
    framework, batch_size, num_steps, kind, frozen, last, dtype
):
    arrays = case(framework, batch_size, num_steps, kind, dtype, frozen)
    plain = passes(framework, framework.d2l.gru, arrays, last, dtype)
    fast = passes(framework, framework.d2l.fast_gru, arrays, last, dtype)
    names = ["logits", "state", "inputs", "H0", *ref.NAMES]
    for name, expected, found in zip(names, plain, fast, strict=True):
        assert (expected is None) == (found is None), name
        if expected is not None:
            atol = 1e-12 if dtype == "float64" else 1e-5
            numpy.testing.assert_allclose(found, expected, rtol=atol, atol=atol, err_msg=name)


def test_two_sequences_may_wait_for_their_backward_passes(framework):
    """The second leaves alone what the first keeps for its own."""
    arrays, others = case(framework, 3, 6), case(framework, 3, 6, "any numbers")
    both = []
    for loop in (framework.d2l.gru, framework.d2l.fast_gru):
        with autograd.record():
            losses = [(loop(X, (H0,), p)[0] ** 2).sum() for X, H0, *p in (arrays, others)]
        for loss in losses:
            loss.backward()
        both.append([numbers(array.grad).copy() for array in arrays + others])
        for array in arrays + others:
            array.grad[:] = 0
    for expected, found in zip(*both, strict=True):
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def model(framework, loop):
    d2l = framework.d2l
    d2l.set_seed(0)
    size = len(d2l_gru.load_corpus_time_machine()[1]), 16, framework.device
    return d2l.RNNModelScratch(*size, d2l.get_params, d2l.init_gru_state, loop)


def test_it_trains_the_same_model_which_completes_and_has_a_twin(framework):
    d2l = framework.d2l
    models = [model(framework, loop) for loop in (d2l.gru, d2l.fast_gru)]
    train_iter, vocab = d2l.load_data_time_machine(4, 10, max_tokens=1000)
    histories = []
    for each in models:
        d2l.set_seed(1)
        histories.append(d2l.train(each, train_iter, 1, 2, framework.device).perplexity)
    numpy.testing.assert_allclose(*histories, rtol=1e-4)
    texts = [d2l.predict("time", 20, each, vocab, framework.device) for each in models]
    assert texts[0] == texts[1]
    to, other = (on_torch.to_mxnet, d2l_gru) if d2l is on_torch else (on_torch.to_torch, on_torch)
    assert [to(each).forward_fn for each in models] == [other.gru, other.fast_gru]


def test_arguments_that_do_not_fit_are_refused_as_by_the_loop_of_the_book(framework):
    inputs, H0, *params = case(framework, 3, 6)
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
    inputs, H0, *params = case(FRAMEWORKS["torch"], 1, 2)
    loss = (on_torch.fast_gru(inputs, (H0,), params)[0] ** 2).sum()
    (grad,) = torch.autograd.grad(loss, H0, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
