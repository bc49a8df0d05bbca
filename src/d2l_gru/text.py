"""From text to token ids: cleaning, tokens, vocabulary.  Needs no deep-learning framework."""

from __future__ import annotations

import collections
import hashlib
import math
import numbers
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from d2l_gru import corpus as corpus_file
from d2l_gru._checks import check_int


def read_time_machine() -> list[str]:
    """Read the corpus and clean it line by line.

    Each line is lower-cased and stripped, and every run of characters other than a-z becomes one
    space.  Warns if the sample story replaces *The Time Machine*.

    Returns:
        A list of str, one for each line of the file, empty lines included.

    Raises:
        OSError: ``D2L_GRU_DATA`` names a folder without the text, or the cache cannot be written.
        ValueError: the text there is not the expected one.

    Source: Dive into Deep Learning, ``d2l.read_time_machine``, 2019.
    """
    text = corpus_file.find()
    if text.stands_in:
        warnings.warn(f"using the sample story: {text.reason}", stacklevel=2)
    lines = text.path.read_text(encoding="utf-8").splitlines()
    return [re.sub("[^a-z]+", " ", line.strip().lower()) for line in lines]


def tokenize(lines: list[str], token: str = "word") -> list[list[str]]:
    """Split each line into tokens.

    Args:
        lines: a list of str.
        token: "word" or "char".

    Returns:
        A list of lists of str, one for each line.

    Raises:
        ValueError: `token` is neither "word" nor "char".

    Source: Dive into Deep Learning, ``d2l.tokenize``, 2019; there, a line that began with a space
    also gave an empty word, and here it does not.
    """
    if token == "word":
        return [line.split() for line in lines]
    if token == "char":
        return [list(line) for line in lines]
    raise ValueError(f"token must be 'word' or 'char', not {token!r}")


def count_corpus(tokens: Iterable) -> collections.Counter:
    """Count each token of a list of tokens, or of a list of such lists.

    Returns:
        A ``collections.Counter``.

    Source: Dive into Deep Learning, ``d2l.count_corpus``, 2019.
    """
    tokens = list(tokens)
    if tokens and isinstance(tokens[0], list):
        tokens = [token for line in tokens for token in line]
    return collections.Counter(tokens)


class Vocab:
    """The map between tokens and ids: id 0 is ``<unk>``, then tokens by decreasing frequency.

    Tokens that are equally frequent are in alphabetical order.

    Args:
        tokens: a list of tokens, or a list of lists of tokens.  A token is a str, or a tuple of str
            such as a pair of neighbouring words.
        min_freq: rarer tokens are left out, and become ``<unk>``.
        reserved_tokens: a list of tokens whose ids follow that of ``<unk>``, such as ``<pad>``.
        use_special_tokens: as in 2019, ids 0 to 3 are ``<pad>``, ``<bos>``, ``<eos>`` and
            ``<unk>``, and attributes `pad`, `bos` and `eos` hold them.

    Attributes:
        token_freqs: list of (token, count), in the order of the ids, ``<unk>`` and reserved tokens
            left out.
        idx_to_token: list of tokens.
        token_to_idx: dict from token to int.
        unk: the id of ``<unk>``.

    Raises:
        ValueError: there is no token, or `min_freq` is negative.
        TypeError: `reserved_tokens` is not a list.

    Source: Dive into Deep Learning, ``d2l.Vocab``, 2019 and 2020.
    """

    token_freqs: list[tuple]
    idx_to_token: list
    token_to_idx: dict
    unk: int

    def __init__(
        self,
        tokens: Iterable,
        min_freq: int = 0,
        reserved_tokens: Sequence = (),
        *,
        use_special_tokens: bool = False,
    ) -> None:
        min_freq = check_int("min_freq", min_freq, 0)
        if not isinstance(reserved_tokens := reserved_tokens or (), (list, tuple)):
            raise TypeError(f"reserved_tokens must be a list of tokens, not {reserved_tokens!r}")
        first = ["<unk>", *reserved_tokens]
        if use_special_tokens:
            first = ["<pad>", "<bos>", "<eos>", *first]
            self.pad, self.bos, self.eos = 0, 1, 2
        first = list(dict.fromkeys(first))  # each once
        counts = count_corpus(tokens)
        if not counts:
            raise ValueError("a Vocab needs at least one token, but tokens is empty")
        by_frequency = sorted(sorted(counts.items()), key=lambda item: item[1], reverse=True)
        self._number(first, [(t, n) for t, n in by_frequency if n >= min_freq and t not in first])

    @classmethod
    def from_freqs(cls, token_freqs: Iterable[Sequence]) -> Vocab:
        """Return the `Vocab` with the tokens of another one's `token_freqs`, in the same order.

        Id 0 is ``<unk>``, and there are no reserved tokens.
        """
        vocab = cls.__new__(cls)
        vocab._number(["<unk>"], [tuple(pair) for pair in token_freqs])
        return vocab

    def _number(self, first, token_freqs):
        self.token_freqs = token_freqs
        self.unk = first.index("<unk>")
        self.idx_to_token = [*first, *(token for token, _ in token_freqs)]
        self.token_to_idx = {token: idx for idx, token in enumerate(self.idx_to_token)}

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __getitem__(self, tokens: Any) -> Any:
        """Return the id of a token, or the list of ids of a list; unknown tokens are `unk`."""
        of_tuples = isinstance(self.idx_to_token[-1], tuple)
        if isinstance(tokens, list) or (isinstance(tokens, tuple) and not of_tuples):
            return [self[token] for token in tokens]
        return self.token_to_idx.get(tokens, self.unk)

    def to_tokens(self, indices: Any) -> Any:
        """Return the token of an id, or the list of tokens of a list of ids.

        Raises:
            IndexError: an id is not in [0, len(self)).
            TypeError: an id is not a whole number.
        """
        if isinstance(indices, (list, tuple)):
            return [self.to_tokens(index) for index in indices]
        if not isinstance(indices, numbers.Integral):
            raise TypeError(f"a token id must be a whole number, not {indices!r}")
        index = int(indices)
        if not 0 <= index < len(self):
            raise IndexError(f"token id {index} is not in [0, {len(self)})")
        return self.idx_to_token[index]


def load_corpus_time_machine(max_tokens: int = -1, token: str = "char") -> tuple[list[int], Vocab]:
    """Return the corpus as token ids, with its vocabulary.

    Args:
        max_tokens: keep the first N tokens; -1 keeps all.  The vocabulary always comes from the
            whole text.
        token: "char" or "word".

    Returns:
        (list of int, `Vocab`).

    Raises:
        ValueError: `max_tokens` is neither -1 nor at least 1, or `token` is unknown.

    Source: Dive into Deep Learning, ``d2l.load_corpus_time_machine``, 2019.
    """
    max_tokens = check_max_tokens(max_tokens)
    lines = tokenize(read_time_machine(), token)
    vocab = Vocab(lines)
    corpus = [vocab[token] for line in lines for token in line]
    return (corpus if max_tokens == -1 else corpus[:max_tokens]), vocab


def check_corpus_name(name):
    """Return the name of a corpus as a str."""
    path = os.fspath(name) if isinstance(name, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(f"corpus must be the path of a text file, not {name!r}")
    if not path or "\0" in path:
        raise ValueError(f"corpus must be the path of a text file, not {name!r}")
    if path == "timemachine" and not isinstance(name, str):
        return os.path.join(os.curdir, path)  # a file of that name, not the text of the book
    return str(path)


def check_max_tokens(max_tokens):
    """Return `max_tokens` as an int; raise unless it is -1 or at least 1."""
    return check_int("max_tokens (-1 for all)", max_tokens, -1 if max_tokens == -1 else 1)


def read_text(name, max_tokens, encoding="utf-8-sig"):
    """Return token ids, `Vocab` and SHA-256 of a corpus.

    Args:
        name: "timemachine", or the path of a UTF-8 text.
        max_tokens: keep the first N characters; -1 keeps all.
        encoding: of the text; "utf-8-sig" drops a byte order mark at the start, and "utf-8" makes
            it a token.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty or not UTF-8, or `max_tokens` is neither -1 nor at least 1.
    """
    if name == "timemachine":
        return *load_corpus_time_machine(max_tokens), corpus_file.find().sha256
    path, max_tokens = Path(check_corpus_name(name)), check_max_tokens(max_tokens)
    if path.exists() and not path.is_file():  # reading a device may never end
        raise OSError(f"{name} is not a file")
    data = path.read_bytes()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error}") from None
    if not text:
        raise ValueError(f"{name} is empty")
    vocab = Vocab(list(text))
    kept = text if max_tokens == -1 else text[:max_tokens]
    return vocab[list(kept)], vocab, hashlib.sha256(data).hexdigest()


def ngram_perplexity(corpus: Sequence, n: int) -> float:
    """Return the perplexity of an n-gram model on the text that it was fitted to.

    The model predicts each token from the n - 1 tokens before it, with its relative frequency after
    them.  It is a baseline for networks: n = 1 uses the frequencies of tokens only, n = 2 those of
    pairs.

    Args:
        corpus: a sequence of tokens or ids, at least n long.
        n: at least 1.

    Raises:
        ValueError: `n` is below 1, or the corpus is shorter than `n`.
    """
    n = check_int("n", n, 1)
    if len(corpus) < n:
        raise ValueError(f"corpus must have at least n = {n} tokens, not {len(corpus)}")
    grams = collections.Counter(zip(*(corpus[i:] for i in range(n)), strict=False))
    contexts: collections.Counter = collections.Counter()
    for gram, count in grams.items():
        contexts[gram[:-1]] += count
    log_likelihood = sum(m * math.log(m / contexts[gram[:-1]]) for gram, m in grams.items())
    return math.exp(-log_likelihood / sum(grams.values()))
