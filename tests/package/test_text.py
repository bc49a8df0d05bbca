"""Cleaning, tokens, vocabulary and n-gram perplexities."""

import itertools
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import any_text

import d2l_gru as d2l
from d2l_gru import corpus
from d2l_gru import text as module


def test_lines_are_lowered_stripped_and_reduced_to_letters(text):
    text("  The Time\tTraveller (for so\r\n\nÉté, 1895!\nwell-known--x\n---\n' A b '\n")
    lines = ["the time traveller for so", "", " t ", "well known x", " ", " a b "]
    assert d2l.read_time_machine() == lines


def test_the_sample_serves_the_book_with_a_warning_unless_it_was_asked_for(monkeypatch):
    found = corpus.Corpus("sample", corpus.SAMPLE, "", "there is no network", True)
    monkeypatch.setattr(corpus, "find", lambda download=True: found)
    with pytest.warns(UserWarning, match="^using the sample story: there is no network$") as caught:
        stood_in = d2l.read_time_machine()
    assert caught[0].filename != module.__file__  # but the caller's
    monkeypatch.undo()
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    assert d2l.read_time_machine() == stood_in  # and no warning, which would be an error here
    ids, vocab = d2l.load_corpus_time_machine()
    assert set(vocab.idx_to_token) == {"<unk>", " ", *"abcdefghijklmnopqrstuvwxyz"}
    assert len(ids) >= 12_000 and vocab.unk not in ids
    assert "time traveller" in "".join(vocab.to_tokens(ids[:10_000]))


def test_a_corpus_of_characters_or_words(text):
    text("time\nmachine\n\nby\n")
    ids, vocab = d2l.load_corpus_time_machine()
    assert "".join(vocab.to_tokens(ids)) == "timemachineby"  # no space where lines are joined
    some, same = d2l.load_corpus_time_machine(max_tokens=4)
    assert some == ids[:4] and same.token_freqs == vocab.token_freqs
    assert d2l.load_corpus_time_machine(max_tokens=100)[0] == ids
    text("the time, the\n\nmachine the")
    ids, vocab = d2l.load_corpus_time_machine(token="word")
    assert vocab.idx_to_token == ["<unk>", "the", "machine", "time"] and ids == [1, 3, 1, 2, 1]


@given(st.lists(any_text))
def test_tokens_are_the_text_cut_up(lines):
    assert ["".join(line) for line in d2l.tokenize(lines, "char")] == lines
    words = d2l.tokenize(lines, "word")
    assert [line.split() for line in lines] == words == d2l.tokenize(lines)


@given(any_text.filter(len), any_text)
def test_any_text_becomes_ids_and_text_again(text, other):
    vocab = d2l.Vocab(list(text))
    ids = vocab[list(text)]
    assert "".join(vocab.to_tokens(ids)) == text and vocab[tuple(text)] == ids
    assert all(0 < i < len(vocab) for i in ids)
    for token in other:
        assert vocab[token] == 0 if token not in text else vocab[token] > 0
    freqs = sorted(Counter(text).items(), key=lambda pair: (-pair[1], pair[0]))
    assert vocab.token_freqs == freqs and len(vocab) == 1 + len(freqs)
    assert vocab.idx_to_token == ["<unk>", *(token for token, _ in freqs)]
    assert vocab.token_to_idx == {token: i for i, token in enumerate(vocab.idx_to_token)}


@given(st.lists(st.lists(any_text | st.just("<unk>"))), st.integers(0, 3))
def test_words_that_are_rare_or_unknown_are_0(lines, min_freq):
    counts = Counter(word for line in lines for word in line)
    assume(counts)
    vocab = d2l.Vocab(lines, min_freq)
    for word, count in counts.items():
        kept = count >= min_freq and word != "<unk>"
        assert vocab.to_tokens(vocab[word]) == (word if kept else "<unk>")
        assert (vocab[word] > 0) == kept


def test_tuples_are_tokens_as_pairs_of_words_are_in_the_chapter_on_language_models():
    pairs = list(itertools.pairwise(["of", "the", "of", "the", "sun"]))
    for tokens in (pairs, [pairs[:2], pairs[2:]]):  # as in 2020, and line by line as in 2019
        vocab = d2l.Vocab(tokens)
        assert vocab.token_freqs == [(("of", "the"), 2), (("the", "of"), 1), (("the", "sun"), 1)]
        assert d2l.count_corpus(tokens) == dict(vocab.token_freqs)
        assert vocab["of", "the"] == 1 and vocab["of", "sun"] == vocab.unk
        assert vocab[pairs] == [1, 2, 1, 3] and vocab.to_tokens(1) == ("of", "the")


@pytest.mark.parametrize(
    ("how", "first", "unk"),
    [
        ({}, ["<unk>"], 0),
        ({"reserved_tokens": None}, ["<unk>"], 0),
        ({"reserved_tokens": ["<pad>", "<unk>", "<b>"]}, ["<unk>", "<pad>", "<b>"], 0),
        ({"use_special_tokens": True}, ["<pad>", "<bos>", "<eos>", "<unk>"], 3),
    ],
)
def test_reserved_tokens_come_first_and_are_not_counted(how, first, unk):
    vocab = d2l.Vocab(["a", "<pad>", "a", "b"], **how)
    counted = [token for token in ["a", "<pad>", "b"] if token not in first]
    assert vocab.idx_to_token == first + counted
    assert [token for token, _ in vocab.token_freqs] == counted
    assert vocab.unk == vocab["<unk>"] == vocab["zz"] == unk
    if how.get("use_special_tokens"):
        assert (vocab.pad, vocab.bos, vocab.eos) == (0, 1, 2)


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [
        ("abcdabcd", 1, 4),
        ("abcdabcd", 2, 1),
        ([1, 1, 2], 2, 2),  # after the first token, one of each
        ([1, 1, 2], 1, 1.5 ** (2 / 3) * 3 ** (1 / 3)),
        (list("abaca"), 2, 2 ** (2 / 4)),  # a is followed by two, b and c by one each
        ("abc", 3, 1),
    ],
)
def test_n_gram_perplexities_worked_out_by_hand(text, n, expected):
    assert d2l.ngram_perplexity(text, n) == pytest.approx(expected)
