"""Data-parallel training: one model on several devices, and on several machines.

Each device holds a replica and gets a part of each minibatch's rows.  MXNet's key-value store sums
the gradients, and every replica then makes the same update.
"""

import numpy

from d2l_gru._checks import check_int, check_minibatch, check_positive
from d2l_gru._models import begin_state, check_logits, detached, vocab_size_of
from d2l_gru.history import EpochMeter
from d2l_gru.mxnet._graphs import summed_loss
from d2l_gru.mxnet._import import autograd, gluon, mxnet, np, npx
from d2l_gru.mxnet._parameters import backward, parameters
from d2l_gru.mxnet.training import grad_clipping, gradient_norm, sgd

STORES = ("device", "local", "dist_sync", "dist_device_sync")


class DataParallel:
    """Replicas of one model, and the store that sums their gradients.

    Args:
        models: replicas of a model, as for `train`, each on its own device.
        kvstore: a store of ``mxnet.kv.create``, or the name of one: "device" sums on the GPUs,
            "local" on the CPU, "dist_sync" over all workers of a job.

    All replicas start from the parameters of the first one, and in a job from worker 0's.

    Attributes:
        models, devices: lists of equal length.
        rank, num_workers: the number of this worker in a job, and how many there are.

    Raises:
        ValueError: there is no model, two are on one device, their parameters differ in shape, or
            there is no such store.
    """

    def __init__(self, models, kvstore="device"):
        self.models = list(models)
        if not self.models:
            raise ValueError("models must hold at least one model, but it is empty")
        self.params = [parameters(model) for model in self.models]
        whole = [
            params + _frozen(model) for model, params in zip(self.models, self.params, strict=True)
        ]
        shapes = [[param.shape for param in params] for params in whole]
        if differing := [other for other in shapes if other != shapes[0]]:
            raise ValueError(f"replicas differ in shape: {shapes[0]} and {differing[0]}")
        self.devices = [params[0].ctx for params in self.params]
        if len(set(self.devices)) < len(self.devices):
            raise ValueError(f"each replica needs its own device, not {self.devices}")
        if isinstance(kvstore, str) and kvstore not in STORES:
            raise ValueError(f"kvstore must be one of {', '.join(STORES)}, not {kvstore!r}")
        self.store = mxnet.kv.create(kvstore) if isinstance(kvstore, str) else kvstore
        self._sums, self._keys = {}, len(whole[0])  # keys of the store, by the number of values
        self.rank, self.num_workers = self.store.rank, self.store.num_workers
        for key, replicas in enumerate(zip(*whole, strict=True)):
            self.store.init(key, replicas[0])
            self.store.pull(key, out=list(replicas))
        npx.waitall()

    def rows(self, batch_size):
        """Return the slice of a minibatch's rows for each device of this worker.

        Raises:
            ValueError: the rows are not divisible among the devices.
        """
        parts = self.num_workers * len(self.devices)
        if check_int("batch_size", batch_size, 1) % parts:
            raise ValueError(
                f"a minibatch of {batch_size} rows is not divisible among "
                f"{self.num_workers} workers with {len(self.devices)} devices each"
            )
        size, first = batch_size // parts, self.rank * len(self.devices)
        return [slice((first + i) * size, (first + i + 1) * size) for i in range(len(self.devices))]

    def add_gradients(self):
        """Replace the gradients of every replica by their sum over devices and workers."""
        for key, replicas in enumerate(zip(*self.params, strict=True)):
            grads = [param.grad for param in replicas]
            if grads[0] is None:  # it is frozen
                continue
            self.store.push(key, grads, priority=-key)
            self.store.pull(key, out=grads, priority=-key)

    def sum_over_workers(self, array):
        """Return the sum of all workers' NumPy arrays of one shape; every worker must call this."""
        array = numpy.asarray(array, dtype="float32")
        if self.num_workers == 1:
            return array
        key = self._sums.get(array.size)
        if key is None:
            key = self._sums[array.size] = self._keys + len(self._sums)
            self.store.init(key, np.zeros(array.size))
        summed = np.zeros(array.size)
        self.store.push(key, np.array(array.reshape(-1)))
        self.store.pull(key, out=summed)
        return summed.asnumpy().reshape(array.shape)

    def split_state(self, state):
        """Return, for each replica of this worker, its rows of the state of a whole minibatch.

        Args:
            state: list of NumPy arrays (..., batch_size, num_hiddens).
        """
        return [
            [np.array(H[..., part, :], ctx=device) for H in state]
            for part, device in zip(self.rows(state[0].shape[-2]), self.devices, strict=True)
        ]

    def join_states(self, states):
        """Undo `split_state`, over all workers; every worker must call this."""
        whole = []
        for pieces in zip(*states, strict=True):
            mine = numpy.concatenate([piece.asnumpy() for piece in pieces], axis=-2)
            rows, size = mine.shape[-2], mine.shape[-2] * self.num_workers
            H = numpy.zeros((*mine.shape[:-2], size, mine.shape[-1]), dtype=mine.dtype)
            H[..., self.rank * rows : (self.rank + 1) * rows, :] = mine
            whole.append(self.sum_over_workers(H))
        return whole


def train_epoch_parallel(parallel, train_iter, lr, clip=1.0):
    """Train the replicas for one epoch; up to rounding, the result is that of one device.

    Args:
        parallel: `DataParallel`.
        train_iter, lr, clip: as for `train_epoch`; every worker of a job needs the same ones, and
            takes its own rows of each minibatch.

    Returns:
        (perplexity of the rows of this worker, tokens per second of all workers, largest norm of
        the gradients before clipping).

    Raises:
        ValueError: the rows are not divisible among the devices, or as `train_epoch`.

    Source: Dive into Deep Learning, "Training on Multiple GPUs", 2019, with MXNet's store.
    """
    lr = check_positive("lr", lr)
    clip = clip if clip is None else check_positive("clip (None for no clipping)", clip)
    carry = not getattr(train_iter, "use_random_iter", False)
    states, meter = None, EpochMeter(np.maximum)
    for X, Y in train_iter:
        loss, norm, states = train_step_parallel(
            parallel, X, Y, states if carry else None, lr, clip
        )
        meter.add(loss, norm, Y.size)
    # Every worker has an equal share of the tokens.
    return meter.result(npx.waitall, float(meter.total) * parallel.num_workers)


def train_step_parallel(parallel, X, Y, states, lr, clip):
    """Update all replicas once, from one minibatch.

    Args:
        parallel: `DataParallel`.
        states: the states that the previous step returned, one per replica; None to start afresh.
        X, Y, lr, clip: as for `train_step`.

    Returns:
        (summed loss of this worker's tokens, norm of the gradients before clipping, new states).

    Raises:
        ValueError: the rows are not divisible among the devices, or as `train_step`.
    """
    states, losses = _backward(parallel, X, Y, states)
    parallel.add_gradients()
    trained = [[p for p in params if p.grad is not None] for params in parallel.params]
    norms = [
        gradient_norm(params) if clip is None else grad_clipping(params, clip) for params in trained
    ]
    for params in trained:
        sgd(params, lr)
    first = parallel.devices[0]
    return sum(loss.as_in_ctx(first) for loss in losses), norms[0], states


def _backward(parallel, X, Y, states):
    """Leave in each replica the gradients of its part; return its new state and summed loss."""
    vocab_size = vocab_size_of(parallel.models[0])
    check_minibatch(X, Y, vocab_size)  # before they move to devices, where reading them would wait
    rows, new_states, losses = parallel.rows(X.shape[0]), [], []
    for i, (model, device, part) in enumerate(
        zip(parallel.models, parallel.devices, rows, strict=True)
    ):
        x, y = X[part].as_in_ctx(device), Y[part].as_in_ctx(device)
        with autograd.record():
            H = begin_state(model, x.shape[0], device) if states is None else detached(states[i])
            Y_hat, state = model(x, H)
            check_logits(Y_hat, y)
            if vocab_size is None:
                check_minibatch(X, Y, Y_hat.shape[-1])
            summed = summed_loss(Y_hat, y)
            l = summed / Y.size  # of the whole minibatch, so that sums over the parts are means
        backward(l)
        new_states.append(state)
        losses.append(summed.detach())
    return new_states, losses


def _frozen(model):
    """Return the arrays that are not trained, which the replicas must also share."""
    if isinstance(model, gluon.Block):
        params = model.collect_params().values()
        return [param.data() for param in params if param.grad_req == "null"]
    return [param for param in getattr(model, "params", ()) if param.grad is None]
