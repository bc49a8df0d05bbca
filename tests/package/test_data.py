"""Cleaning, tokens and vocabulary."""

import collections
import itertools

import pytest

import d2l_gru as d2l
from d2l_gru import corpus
from d2l_gru import text as data


def test_lines_are_lowered_stripped_and_reduced_to_letters(text):
    text("  The Time\tTraveller (for so\r\n\nÉté, 1895!\nwell-known--x\n---\n' A b '\n")
    assert d2l.read_time_machine() == [
        "the time traveller for so",
        "",
        " t ",
        "well known x",
        " ",
        " a b ",
    ]


def test_the_real_text_is_the_published_one(real_corpus):
    found = corpus.find(download=False)
    assert found.sha256 == "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516"
    assert found.path.stat().st_size == 178_979


def test_the_first_lines_of_the_real_corpus(real_corpus):
    lines = d2l.read_time_machine()
    assert len(lines) == 3221
    assert lines[0] == "the time machine by h g wells "
    assert lines[1:8] == ["", "", "", "", "i", "", ""]
    assert lines[8].startswith("the time traveller for so it will be convenient")


def test_the_real_corpus_has_171489_characters_and_28_tokens(real_corpus):
    ids, vocab = d2l.load_corpus_time_machine()
    assert (len(ids), len(vocab)) == (171_489, 28)
    # The vocabulary that the 2019 notebook printed: by frequency.
    assert "".join(vocab.idx_to_token[1:10]) == " etainosh"


def test_the_corpus_in_use_has_28_tokens():
    ids, vocab = d2l.load_corpus_time_machine()
    assert set(vocab.idx_to_token) == {"<unk>", " ", *"abcdefghijklmnopqrstuvwxyz"}
    assert len(vocab) == 28 and len(ids) >= 12_000 and vocab.unk not in ids


def test_lines_are_joined_without_a_space(text):
    text("time\nmachine\n\nby\n")
    ids, vocab = d2l.load_corpus_time_machine()
    assert "".join(vocab.to_tokens(ids)) == "timemachineby"


def test_max_tokens_cuts_the_text_but_not_the_vocabulary(text):
    text("abc\nabd\n")
    ids, vocab = d2l.load_corpus_time_machine(max_tokens=4)
    assert vocab.to_tokens(ids) == ["a", "b", "c", "a"]
    assert vocab.idx_to_token == ["<unk>", "a", "b", "c", "d"]
    assert len(d2l.load_corpus_time_machine(max_tokens=100)[0]) == 6


def test_a_corpus_of_words(text):
    text("the time, the\n\nmachine the")
    ids, vocab = d2l.load_corpus_time_machine(token="word")
    assert vocab.idx_to_token == ["<unk>", "the", "machine", "time"]
    assert ids == [1, 3, 1, 2, 1]


def test_tokenize():
    assert d2l.tokenize([" a bc ", ""], "char") == [[" ", "a", " ", "b", "c", " "], []]
    assert d2l.tokenize([" a bc ", ""], "word") == [["a", "bc"], []]
    assert d2l.tokenize(["a bc"]) == [["a", "bc"]]


def test_ids_go_by_frequency_and_then_by_alphabet():
    vocab = d2l.Vocab([["b", "c"], ["c", "a"], ["z", "z", "z"]])
    assert vocab.idx_to_token == ["<unk>", "z", "c", "a", "b"]
    assert vocab.token_freqs == [("z", 3), ("c", 2), ("a", 1), ("b", 1)]
    assert vocab.token_to_idx == {"<unk>": 0, "z": 1, "c": 2, "a": 3, "b": 4}
    assert len(vocab) == 5


def test_a_vocabulary_of_a_flat_list():
    assert d2l.Vocab(["b", "a", "b"]).idx_to_token == ["<unk>", "b", "a"]


def test_rare_tokens_become_unknown():
    vocab = d2l.Vocab(["a", "a", "b", "c", "c", "c"], min_freq=2)
    assert vocab.idx_to_token == ["<unk>", "c", "a"]
    assert vocab[["a", "b", "zz"]] == [2, 0, 0]


def test_an_unknown_token_in_the_text_keeps_id_0():
    vocab = d2l.Vocab(["<unk>", "<unk>", "a"])
    assert vocab.idx_to_token == ["<unk>", "a"] and vocab["<unk>"] == 0


def test_tokens_and_ids_are_each_other_s_inverse():
    ids, vocab = d2l.load_corpus_time_machine(1000)
    tokens = vocab.to_tokens(ids)
    assert vocab[tokens] == ids and vocab[tuple(tokens)] == ids
    assert vocab[tokens[0]] == ids[0] and vocab.to_tokens(ids[0]) == tokens[0]
    counted = collections.Counter("".join(d2l.read_time_machine()))
    assert dict(vocab.token_freqs) == counted


def test_the_rulers_of_the_real_corpus(real_corpus):
    ids, _ = d2l.load_corpus_time_machine(10_000)
    assert d2l.ngram_perplexity(ids, 1) == pytest.approx(17.18, abs=0.005)
    assert d2l.ngram_perplexity(ids, 2) == pytest.approx(9.785, abs=0.005)


def test_n_gram_perplexities_worked_out_by_hand():
    assert d2l.ngram_perplexity("abcdabcd", 1) == pytest.approx(4)
    assert d2l.ngram_perplexity("abcdabcd", 2) == pytest.approx(1)
    # a a b: after a, one a and one b.  And each unigram: (3/2) ** (2/3) * 3 ** (1/3).
    assert d2l.ngram_perplexity([1, 1, 2], 2) == pytest.approx(2)
    assert d2l.ngram_perplexity([1, 1, 2], 1) == pytest.approx(1.5 ** (2 / 3) * 3 ** (1 / 3))
    # a b, a c, b a, c a: a is followed by two, b and c by one each.
    assert d2l.ngram_perplexity(list("abaca"), 2) == pytest.approx(2 ** (2 / 4))
    assert d2l.ngram_perplexity("abc", 3) == 1


def test_the_sample_is_used_with_a_warning_unless_it_was_asked_for(monkeypatch):
    found = corpus.Corpus("sample", corpus.SAMPLE, "", "there is no network", True)
    monkeypatch.setattr(corpus, "find", lambda download=True: found)
    with pytest.warns(UserWarning, match="^using the sample story: there is no network$") as caught:
        stood_in = d2l.read_time_machine()
    assert caught[0].filename != data.__file__  # but the caller's
    monkeypatch.undo()
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    assert d2l.read_time_machine() == stood_in  # and no warning, which would be an error here


def test_the_sample_serves_the_book(monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    ids, vocab = d2l.load_corpus_time_machine()
    assert len(vocab) == 28 and len(ids) >= 12_000
    assert "time traveller" in "".join(vocab.to_tokens(ids[:10_000]))


def test_tuples_are_tokens_as_pairs_of_words_are_in_the_chapter_on_language_models():
    words = ["of", "the", "of", "the", "sun"]
    pairs = list(itertools.pairwise(words))
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
