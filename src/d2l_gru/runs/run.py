"""A training run that can be stopped at any moment and goes on as if it had not been."""

import dataclasses
import hashlib
import math
import os
import platform
import random
import time
from pathlib import Path

import numpy

from d2l_gru import checkpoint, corpus
from d2l_gru._checks import check_int, check_positive, check_seed
from d2l_gru.history import History, perplexity
from d2l_gru.runs import backends
from d2l_gru.runs._saved import check_saved
from d2l_gru.text import Vocab, load_corpus_time_machine

MODELS = ("scratch", "concise")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What determines a run; the defaults are the book's.

    Values of NumPy's types and paths become Python's own, which a checkpoint can hold.

    Attributes:
        model: "scratch" or "concise".
        corpus: "timemachine", or the path of a UTF-8 text, whose characters are the tokens.
        max_tokens: use the first N characters; -1 for all.
        num_hiddens, num_layers, batch_size, num_steps, num_epochs: at least 1.
        lr: learning rate, > 0.
        clip: the largest norm of the gradients, > 0; None for no clipping.
        use_random_iter: random instead of consecutive sampling.
        seed: as for `set_seed`.

    Raises:
        ValueError, TypeError: a value is invalid.
    """

    model: str = "concise"
    corpus: str = "timemachine"
    max_tokens: int = 10_000
    num_hiddens: int = 256
    num_layers: int = 1
    batch_size: int = 32
    num_steps: int = 35
    num_epochs: int = 500
    lr: float = 1.0
    clip: float | None = 1.0
    use_random_iter: bool = False
    seed: int = 0

    def __post_init__(self):
        for name, value in self._checked():
            object.__setattr__(self, name, value)

    def _checked(self):
        """Yield the name and the checked value of each attribute."""
        if not isinstance(self.model, str) or self.model not in MODELS:
            raise ValueError(f"model must be 'scratch' or 'concise', not {self.model!r}")
        yield "model", str(self.model)
        for name in ("num_hiddens", "num_layers", "batch_size", "num_steps", "num_epochs"):
            yield name, check_int(name, getattr(self, name), 1)
        if self.model == "scratch" and self.num_layers != 1:
            raise ValueError(f"num_layers must be 1 for the scratch model, not {self.num_layers}")
        yield "lr", check_positive("lr", self.lr)
        if self.clip is not None:
            yield "clip", check_positive("clip (None for no clipping)", self.clip)
        yield "seed", check_seed(self.seed)
        yield "corpus", _check_name(self.corpus)
        yield "max_tokens", _check_max_tokens(self.max_tokens)
        if not isinstance(self.use_random_iter, (bool, numpy.bool_)):
            raise TypeError(f"use_random_iter must be a bool, not {self.use_random_iter!r}")
        yield "use_random_iter", bool(self.use_random_iter)


def _check_name(name):
    """Return the name of a corpus as a str."""
    path = os.fspath(name) if isinstance(name, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise TypeError(f"corpus must be the path of a text, not {name!r}")
    if not path or "\0" in path:
        raise ValueError(f"corpus must be the path of a text, not {name!r}")
    if path == "timemachine" and not isinstance(name, str):
        return os.path.join(os.curdir, path)  # a file of that name, not the text of the book
    return str(path)


def _check_max_tokens(max_tokens):
    return check_int("max_tokens (-1 for all)", max_tokens, -1 if max_tokens == -1 else 1)


def read_text(name, max_tokens, encoding="utf-8-sig"):
    """Return token ids, `Vocab` and SHA-256 of a corpus.

    Args:
        name: "timemachine", or the path of a UTF-8 text.
        max_tokens: keep the first N characters; -1 keeps all.
        encoding: of the text; "utf-8-sig" leaves out a byte order mark at the start, and "utf-8"
            makes a token of it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty or not UTF-8, or `max_tokens` is neither -1 nor at least 1.
    """
    if name == "timemachine":
        return *load_corpus_time_machine(max_tokens), corpus.find().sha256
    path, max_tokens = Path(_check_name(name)), _check_max_tokens(max_tokens)
    if path.exists() and not path.is_file():  # a device may have no end
        raise OSError(f"{name} is no file")
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


class Run:
    """A model in training, update by update, on one device or several.

    Args:
        setting: `Setting`.
        devices: where to train: an ``mxnet.Context`` or a ``torch.device``, which chooses the
            framework, or a list of contexts, among which the rows are dealt out.
        from_checkpoint: (arrays, meta) as from `checkpoint.latest`; None to start anew.  It may
            come from a run on other devices, or with the other framework.
        store: the store of a job, as from `job.member`; None outside of one.

    Attributes:
        model, vocab, history.
        prefix: the first word of its text, cut to 20 characters.
        rank: which worker of a job this is, 0 outside of one.
        epoch: the epoch that is under way, from 1; num_epochs + 1 at the end.
        batch: how many of its minibatches are done.

    Raises:
        ValueError: the corpus is another than the checkpoint's, or too short, or the rows of a
            minibatch cannot be dealt out evenly, or several devices are PyTorch's, or the
            checkpoint is not that of a run.
    """

    def __init__(self, setting, devices, from_checkpoint=None, store=None):
        if from_checkpoint is not None:
            check_saved(*from_checkpoint, Setting)
        self.setting = setting
        self.devices = devices if isinstance(devices, list) else [devices]
        self.device = self.devices[0]
        self.framework = backends.of(self.device)
        self.framework.set_seed(setting.seed)
        ids, self.vocab, self.sha256 = _read_again(setting, from_checkpoint)
        self.prefix = _first_word(self.vocab.to_tokens([int(i) for i in ids[:20]]))
        self.loader = self.framework.SeqDataLoader(
            ids, setting.batch_size, setting.num_steps, setting.use_random_iter
        )
        make = self.framework.make_model
        models = [make(setting, len(self.vocab), device) for device in self.devices]
        self.model, self.parallel, self.rank = models[0], None, 0
        if len(models) > 1 or store is not None:
            self.parallel = self.framework.data_parallel(models, store)
            self.parallel.rows(setting.batch_size)
            self.rank = self.parallel.rank
        self.history, self.epoch, self.updates = History(), 1, 0
        self._begin_epoch()
        if from_checkpoint is not None:
            self._restore(*from_checkpoint)
        self._check_that_workers_agree()

    def _begin_epoch(self):
        # The samplers draw at the start of an epoch, and nothing else draws while it lasts: of
        # MXNet's generator, only the parameters' first values come.
        self.random_state = random.getstate()
        self.batch, self.num_tokens, self.seconds = 0, 0, 0.0
        self.state, self.total = None, self.framework.to_array(0.0, self.device)
        self.largest = self.framework.to_array(0.0, self.device)

    def _sum(self, value):
        return value if self.parallel is None else self.parallel.sum_over_workers(value)

    def _check_that_workers_agree(self):
        # In digits, since a float32 is exact below 2**24: the sum of up to 4096 workers is.
        here = [self.updates // 4096**i % 4096 for i in range(3)]
        workers, *total = self._sum([1, *here])
        if total != [workers * digit for digit in here]:
            raise ValueError(
                "the workers of this job resume at different updates: give them one folder of "
                "checkpoints, on a file system that they share"
            )

    def wants(self, to_save, to_stop):
        """Return what any worker of the job wants now, (to save, to stop); each must call this."""
        save, stop = self._sum([float(bool(to_save)), float(bool(to_stop))])
        return bool(save), bool(stop)

    def save(self, directory):
        """Write a checkpoint of this moment; return its path.

        In a job each worker must call this, and the first one writes.
        """
        values = self.framework.to_numpy
        arrays = {f"parameter {i}": values(p) for i, p in enumerate(self.model.parameters())}
        if self.parallel is None or not self.state:
            state = [values(H) for H in self.state or []]
        else:
            state = self.parallel.join_states(self.state)
        arrays |= {f"state {i}": H for i, H in enumerate(state)}
        arrays["loss"] = numpy.asarray(self._sum(values(self.total)))
        arrays["largest norm"] = numpy.float32(float(self.largest))
        meta = {
            "setting": dataclasses.asdict(self.setting),
            "optimiser": {"name": "sgd", "lr": self.setting.lr},
            "corpus_sha256": self.sha256,
            "vocab": self.vocab.token_freqs,
            "prefix": self.prefix,
            "epoch": self.epoch,
            "batch": self.batch,
            "updates": self.updates,
            "num_tokens": self.num_tokens,
            "seconds": self.seconds,
            "random_state": self.random_state,
            "history": dataclasses.asdict(self.history),
            "versions": {"python": platform.python_version(), **self.framework.VERSION},
        }
        return checkpoint.save(directory, arrays, meta, self.updates) if self.rank == 0 else None

    def _restore(self, arrays, meta):
        if meta["corpus_sha256"] != self.sha256:
            raise ValueError(
                f"the checkpoint was trained on a text of SHA-256 {meta['corpus_sha256'][:16]}, "
                f"but {self.setting.corpus} has {self.sha256[:16]}"
            )
        if not _is_vocab_of(meta, self.vocab):
            raise ValueError("the checkpoint's vocabulary is not that of its text")
        for params in self.parallel.params if self.parallel else [self.model.parameters()]:
            for i, param in enumerate(params):
                self.framework.assign(param, arrays[f"parameter {i}"])
        version, numbers, gauss = meta["random_state"]
        self.random_state = (version, tuple(numbers), gauss)
        state = [arrays["state 0"]] if "state 0" in arrays else []
        if self.parallel is None:
            self.state = [self.framework.to_array(H, self.device) for H in state]
        elif state:
            self.state = self.parallel.split_state(state)
        if self.rank == 0:  # of all workers' losses the sum is used
            self.total = self.framework.to_array(arrays["loss"], self.device)
        self.largest = self.framework.to_array(arrays["largest norm"], self.device)
        # Lists of its own, since another run may start from the same meta.
        self.history = History(**{name: list(values) for name, values in meta["history"].items()})
        for name in ("epoch", "batch", "updates", "num_tokens", "seconds"):
            setattr(self, name, meta[name])

    def updates_of_epoch(self):
        """Do what is left of the epoch, an update at a time; yield after each one.

        When the generator ends, the epoch has its entry in the history, and the next one begins.
        """
        random.setstate(self.random_state)
        carry = not self.setting.use_random_iter
        start, before = time.perf_counter(), self.seconds
        for number, (X, Y) in enumerate(self.loader):
            if number < self.batch:
                continue
            loss, norm, self.state = self._step(X, Y, (self.state or None) if carry else None)
            self.total = self.total + loss
            self.largest = self.framework.maximum(self.largest, norm)
            self.num_tokens += math.prod(Y.shape)
            self.batch, self.updates = number + 1, self.updates + 1
            self.seconds = before + time.perf_counter() - start
            yield
        self.framework.wait(self.device)
        self.seconds = before + time.perf_counter() - start
        total = float(self._sum(self.framework.to_numpy(self.total)))
        self.history.perplexity.append(perplexity(total / self.num_tokens))
        self.history.tokens_per_second.append(self.num_tokens / self.seconds)
        self.history.gradient_norm.append(float(self.largest))
        self.epoch += 1
        self._begin_epoch()

    def _step(self, X, Y, state):
        lr, clip = self.setting.lr, self.setting.clip
        if self.parallel is None:
            return self.framework.train_step(self.model, X, Y, state, lr, self.device, clip)
        return self.framework.train_step_parallel(self.parallel, X, Y, state, lr, clip)

    @property
    def done(self):
        """Whether all epochs are done."""
        return self.epoch > self.setting.num_epochs


def _read_again(setting, from_checkpoint):
    """Return what `read_text` does; with the byte order mark, if the checkpoint's run had it."""
    read = read_text(setting.corpus, setting.max_tokens)
    if from_checkpoint is None or _is_vocab_of(from_checkpoint[1], read[1]):
        return read
    return read_text(setting.corpus, setting.max_tokens, "utf-8")


def _is_vocab_of(meta, vocab):
    return [list(pair) for pair in vocab.token_freqs] == [list(pair) for pair in meta["vocab"]]


def _first_word(characters):
    text = "".join(characters)
    return (text.split() or [text])[0]


def read_checkpoint(path):
    """Read the checkpoint of a run, or the newest good one in a folder.

    Returns:
        (path, arrays, meta).

    Raises:
        ValueError, OSError: as `checkpoint.load` and `checkpoint.latest`, or it is not that of a
            run.
    """
    path = Path(path)
    found = (path, *checkpoint.load(path)) if path.is_file() else checkpoint.latest(path)
    try:
        check_saved(*found[1:], Setting)
    except ValueError as error:
        raise ValueError(f"{found[0]}: {error}") from None
    return found


def load_vocab(meta):
    """Return the `Vocab` of a checkpoint."""
    vocab = Vocab([token for token, _ in meta["vocab"]])
    vocab.token_freqs = [tuple(pair) for pair in meta["vocab"]]
    vocab.idx_to_token = ["<unk>", *(token for token, _ in vocab.token_freqs)]
    vocab.token_to_idx = {token: idx for idx, token in enumerate(vocab.idx_to_token)}
    return vocab


def load_model(arrays, meta, device):
    """Return the model and `Vocab` of a checkpoint, to complete texts with; no corpus is needed.

    Args:
        arrays, meta: as from `checkpoint.load`, of a run with either framework.
        device: where to, an ``mxnet.Context`` or a ``torch.device``, which chooses the framework.

    Raises:
        ValueError: the parameters are not finite, or the checkpoint is not that of a run.
    """
    setting = check_saved(arrays, meta, Setting)
    framework, vocab = backends.of(device), load_vocab(meta)
    model = framework.make_model(setting, len(vocab), device)
    for i, param in enumerate(model.parameters()):
        framework.assign(param, arrays[f"parameter {i}"])
    if not all(numpy.isfinite(framework.to_numpy(param)).all() for param in model.parameters()):
        raise ValueError("the parameters are not finite: the training diverged")
    return model, vocab
