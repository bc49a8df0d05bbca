"""What hypothesis draws for several test files; the examples are the same in every run."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from tools_of_the_build import ROOT

set_hypothesis_home_dir(ROOT / "_build" / "hypothesis")  # a cache of Unicode's tables
settings.register_profile("book", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("book")

seeds = st.integers(0, 2**31 - 1)
any_text = st.text(st.characters(exclude_categories=()))  # with halves of surrogate pairs, too
