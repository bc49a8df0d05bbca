"""Clipping, for any gradients."""

import math

import numpy
import pytest
import strategies  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
gradients = st.lists(
    arrays_of.arrays("float32", arrays_of.array_shapes(max_dims=3, max_side=4), elements=finite),
    min_size=1,
    max_size=4,
)


@given(gradients, st.floats(1e-3, 1e4))
def test_clipping_shortens_to_theta_and_keeps_the_direction(framework, grads, theta):
    params = [framework.leaf(numpy.zeros(grad.shape), grad) for grad in grads]
    norm = float(framework.d2l.grad_clipping(params, theta))
    before = numpy.concatenate([grad.ravel() for grad in grads]).astype("float64")
    after = numpy.concatenate([framework.grad(param).ravel() for param in params])
    true_norm = math.sqrt((before**2).sum())
    assert norm == pytest.approx(true_norm, rel=1e-5, abs=1e-12)
    assert numpy.linalg.norm(after.astype("float64")) <= theta * (1 + 1e-5)
    if norm <= theta:
        numpy.testing.assert_array_equal(after, before)
    else:
        numpy.testing.assert_allclose(after, before * (theta / true_norm), rtol=1e-5, atol=1e-30)
