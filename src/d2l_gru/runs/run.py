"""A training run that can be stopped at any moment and resumed as if it had not been."""

import dataclasses
import math
import platform
import random

import numpy

from d2l_gru import checkpoint
from d2l_gru.history import EpochMeter, History
from d2l_gru.runs import backends
from d2l_gru.runs._saved import check_saved
from d2l_gru.runs.load import load_model, read_checkpoint
from d2l_gru.runs.setting import Setting
from d2l_gru.text import read_text

__all__ = ["Run", "Setting", "load_model", "read_checkpoint", "read_text"]


class Run:
    """A model in training, update by update, on one device or several.

    Args:
        setting: `Setting`.
        devices: where to train: an ``mxnet.Context`` or a ``torch.device``, whose type selects the
            framework, or a list of contexts, among which the rows are divided.
        from_checkpoint: (arrays, meta) as from `checkpoint.latest`; None to start afresh.  It may
            come from a run on other devices, or with the other framework.
        store: the store of a job, as from `cluster.process.member`; None outside a job.

    Attributes:
        model, vocab, history.
        meter: `EpochMeter` of the current epoch.
        prefix: the first word of the corpus, cut to 20 characters.
        rank: the number of this worker in a job, 0 outside a job.
        epoch: the current epoch, from 1; num_epochs + 1 at the end.
        batch: how many minibatches of the epoch are done.

    Raises:
        ValueError: the corpus is not the checkpoint's, or too short, or the rows of a minibatch are
            not divisible among the devices, or several devices are PyTorch's, or it is not a
            training checkpoint.
    """

    def __init__(self, setting, devices, from_checkpoint=None, store=None):
        if from_checkpoint is not None:
            check_saved(*from_checkpoint)
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
        # The samplers draw random numbers at the start of an epoch, and nothing else draws during
        # it.  MXNet's generator is used for the initial parameters only.
        self.random_state = random.getstate()
        self.batch, self.state = 0, None
        self.meter = EpochMeter(self.framework.maximum, self.framework.to_array(0.0, self.device))

    def _sum(self, value):
        return value if self.parallel is None else self.parallel.sum_over_workers(value)

    def _check_that_workers_agree(self):
        # In digits, because a float32 is exact below 2**24, as is their sum over 4096 workers.
        here = [self.updates // 4096**i % 4096 for i in range(3)]
        workers, *total = self._sum([1, *here])
        if total != [workers * digit for digit in here]:
            raise ValueError(
                "the workers of this job resume at different updates: give them the same "
                "checkpoint folder, on a shared file system"
            )

    def wants(self, to_save, to_stop):
        """Return whether any worker asks to (save, stop); each worker of a job must call this."""
        save, stop = self._sum([float(bool(to_save)), float(bool(to_stop))])
        return bool(save), bool(stop)

    def save(self, directory):
        """Write a checkpoint of the current state; return its path.

        In a job every worker must call this, and the first one writes.
        """
        values = self.framework.to_numpy
        arrays = {f"parameter {i}": values(p) for i, p in enumerate(self.model.parameters())}
        if self.parallel is None or not self.state:
            state = [values(H) for H in self.state or []]
        else:
            state = self.parallel.join_states(self.state)
        arrays |= {f"state {i}": H for i, H in enumerate(state)}
        arrays["loss"] = numpy.asarray(self._sum(values(self.meter.total)))
        arrays["largest norm"] = numpy.float32(float(self.meter.largest))
        meta = {
            "setting": dataclasses.asdict(self.setting),
            "optimiser": {"name": "sgd", "lr": self.setting.lr},
            "corpus_sha256": self.sha256,
            "vocab": self.vocab.token_freqs,
            "prefix": self.prefix,
            "epoch": self.epoch,
            "batch": self.batch,
            "updates": self.updates,
            "num_tokens": self.meter.num_tokens,
            "seconds": self.meter.seconds,
            "random_state": self.random_state,
            "history": dataclasses.asdict(self.history),
            "versions": {"python": platform.python_version(), **self.framework.VERSION},
        }
        return checkpoint.save(directory, arrays, meta, self.updates) if self.rank == 0 else None

    def _restore(self, arrays, meta):
        if meta["corpus_sha256"] != self.sha256:
            raise ValueError(
                f"the checkpoint was trained on a text with SHA-256 {meta['corpus_sha256'][:16]}, "
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
        if self.rank == 0:  # the losses of all workers are summed
            self.meter.total = self.framework.to_array(arrays["loss"], self.device)
        self.meter.largest = self.framework.to_array(arrays["largest norm"], self.device)
        # Copies, because another run may start from the same meta.
        self.history = History(**{name: list(values) for name, values in meta["history"].items()})
        self.meter.num_tokens, self.meter.seconds = meta["num_tokens"], meta["seconds"]
        self.epoch, self.batch, self.updates = meta["epoch"], meta["batch"], meta["updates"]

    def updates_of_epoch(self):
        """Do the remaining updates of the epoch; yield after each one.

        When the generator ends, the epoch has been added to the history, and the next one begins.
        """
        random.setstate(self.random_state)
        carry = not self.setting.use_random_iter
        self.meter.resume()
        for number, (X, Y) in enumerate(self.loader):
            if number < self.batch:
                continue
            loss, norm, self.state = self._step(X, Y, (self.state or None) if carry else None)
            self.meter.add(loss, norm, math.prod(Y.shape))
            self.batch, self.updates = number + 1, self.updates + 1
            yield
        self.framework.wait(self.device)
        total = self._sum(self.framework.to_numpy(self.meter.total))
        self.history.append(*self.meter.result(total=total))
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
