"""Clipping, and rounding of weights, for any gradients and weights that hypothesis finds."""

import json
import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from strategies import both, package, values

from d2l_gru import export

finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
gradients = st.lists(
    arrays_of.arrays("float32", arrays_of.array_shapes(max_dims=3, max_side=4), elements=finite),
    min_size=1,
    max_size=4,
)


def with_gradients(framework, grads):
    """Return parameters of a framework with these gradients."""
    if framework == "mxnet":
        from mxnet import np

        params = [np.zeros(grad.shape) for grad in grads]
        for param, grad in zip(params, grads, strict=True):
            param.attach_grad()
            param.grad[:] = np.array(grad)
        return params
    import torch

    params = [torch.zeros(grad.shape, requires_grad=True) for grad in grads]
    for param, grad in zip(params, grads, strict=True):
        param.grad = torch.tensor(grad)
    return params


@both
@given(gradients, st.floats(1e-3, 1e4))
def test_clipping_shortens_to_theta_and_keeps_the_direction(framework, grads, theta):
    params = with_gradients(framework, grads)
    norm = float(package(framework).grad_clipping(params, theta))
    before = numpy.concatenate([grad.ravel() for grad in grads]).astype("float64")
    after = numpy.concatenate([values(param.grad).ravel() for param in params])
    true_norm = math.sqrt((before**2).sum())
    assert norm == pytest.approx(true_norm, rel=1e-5, abs=1e-12)
    assert numpy.linalg.norm(after.astype("float64")) <= theta * (1 + 1e-5)
    if norm <= theta:
        numpy.testing.assert_array_equal(after, before)
    else:
        numpy.testing.assert_allclose(after, before * (theta / true_norm), rtol=1e-5, atol=1e-30)


# Weights for the pages


@st.composite
def matrices(draw, shapes):
    """Draw a float32 array whose rows are as small or as large as a float32 can well be."""
    array = draw(arrays_of.arrays("float32", shapes, elements=st.floats(-1, 1, width=32)))
    exponents = arrays_of.arrays("int64", array.shape[:-1], elements=st.integers(-149, 100))
    return (array * 2.0 ** draw(exponents)[..., None]).astype("float32")


@given(matrices(arrays_of.array_shapes(max_dims=2, max_side=9)))
def test_rounding_is_within_half_a_step_of_the_row(array):
    rounded, scales = export.quantise(array)
    rows = numpy.atleast_2d(array).astype("float64")
    assert rounded.shape == rows.shape and scales.shape == (len(rows),)
    assert (scales <= numpy.maximum(1, abs(rows).max(axis=1))).all()
    error = abs(rounded * scales[:, None].astype("float64") - rows)
    assert (error <= scales[:, None] * (0.5 + 1e-4)).all()


@given(st.integers(1, 4), st.integers(1, 5), st.data())
def test_what_is_packed_is_unpacked(num_hiddens, vocab_size, data):
    sizes = export.shapes(num_hiddens, vocab_size)
    params = {name: data.draw(matrices(st.just(shape))) for name, shape in sizes.items()}
    text = export.pack(params)
    assert text == json.loads(json.dumps(text))
    found = export.unpack(text, num_hiddens, vocab_size)
    assert {name: array.shape for name, array in found.items()} == sizes
    for name, array in params.items():
        rounded, scales = export.quantise(array)
        expected = (rounded * scales[:, None]).reshape(array.shape)
        numpy.testing.assert_array_equal(found[name], expected)
