"""What a training run measured."""

import math

import numpy

import d2l_gru as d2l


def test_perplexity_is_the_exponential_of_the_loss():
    assert d2l.perplexity(0) == 1
    assert math.isclose(d2l.perplexity(math.log(28)), 28)
    assert d2l.perplexity(1e6) == math.inf
    assert math.isnan(d2l.perplexity(math.nan))


def test_a_history_is_one_line():
    assert repr(d2l.History()) == "History(0 epochs)"
    assert repr(d2l.History([1.0])) == "History(1 epoch, perplexity 1)"
    long = d2l.History(list(numpy.linspace(28, 1.0625, 500)), [9e4] * 500, [1.0] * 500)
    assert repr(long) == "History(500 epochs, perplexity 1.062)"
    assert d2l.History().perplexity is not d2l.History().perplexity
