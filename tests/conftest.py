"""What the unit tests share."""

import pytest


@pytest.fixture
def seeded():
    """Make a test's random numbers the same whatever ran before it."""
    import d2l_gru as d2l

    d2l.set_seed(0)


@pytest.fixture
def real_corpus():
    """Skip, with the reason, where the sample stands in for The Time Machine."""
    from d2l_gru import corpus

    found = corpus.find(download=False)
    if found.name != "timemachine":
        pytest.skip(f"holds for The Time Machine only: {corpus.describe(found)}")
