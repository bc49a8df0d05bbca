"""Data-parallel training: one model on several devices, and on several machines.

Each device holds a replica and gets a part of each minibatch's rows.  MXNet's key-value store adds
the gradients up, and every replica then makes the same update.
"""

import time

from d2l_gru._checks import check_int, check_positive, check_shape, check_token_ids
from d2l_gru._mxnet import autograd, gluon, mxnet, np, npx
from d2l_gru.training import grad_clipping, gradient_norm, perplexity, sgd


class DataParallel:
    """Replicas of one model, and the store that adds their gradients up.

    Args:
        models: replicas (`RNNModelScratch` or `RNNModel`), each on a device of its own.
        kvstore: the name of a store of ``mxnet.kv.create``: "device" adds up on the GPUs, "local"
            on the CPU, "dist_sync" over all workers of a job.

    All replicas start from the parameters of the first one, in a job from those of worker 0.

    Attributes:
        models, devices: lists of one length.
        rank, num_workers: which worker of a job this is, and of how many.

    Raises:
        ValueError: there is no model, two are on one device, or their parameters differ in shape.
    """

    def __init__(self, models, kvstore="device"):
        self.models = list(models)
        if not self.models:
            raise ValueError("models must hold at least one model, but it is empty")
        self.params = [list(model.parameters()) for model in self.models]
        shapes = [[param.shape for param in params] for params in self.params]
        if differing := [other for other in shapes if other != shapes[0]]:
            raise ValueError(f"replicas differ in shape: {shapes[0]} and {differing[0]}")
        self.devices = [params[0].ctx for params in self.params]
        if len(set(self.devices)) < len(self.devices):
            raise ValueError(f"each replica needs a device of its own, not {self.devices}")
        self.store = mxnet.kv.create(kvstore)
        self.rank, self.num_workers = self.store.rank, self.store.num_workers
        for key, replicas in enumerate(zip(*self.params, strict=True)):
            self.store.init(key, replicas[0])
            self.store.pull(key, out=list(replicas))
        npx.waitall()

    def rows(self, batch_size):
        """Return the slice of a minibatch's rows for each device of this worker.

        Raises:
            ValueError: the rows cannot be dealt out evenly.
        """
        parts = self.num_workers * len(self.devices)
        if check_int("batch_size", batch_size, 1) % parts:
            raise ValueError(
                f"a minibatch of {batch_size} rows cannot be dealt out evenly to "
                f"{self.num_workers} workers with {len(self.devices)} devices each"
            )
        size, first = batch_size // parts, self.rank * len(self.devices)
        return [slice((first + i) * size, (first + i + 1) * size) for i in range(len(self.devices))]

    def add_gradients(self):
        """Replace the gradients of every replica by their sum over devices and workers."""
        for key, replicas in enumerate(zip(*self.params, strict=True)):
            grads = [param.grad for param in replicas]
            self.store.push(key, grads, priority=-key)
            self.store.pull(key, out=grads, priority=-key)


def train_epoch_parallel(parallel, train_iter, lr, clip=1.0):
    """Train the replicas for one epoch; the result is that of one device, but for rounding.

    Args:
        parallel: `DataParallel`.
        train_iter, lr, clip: as for `train_epoch`; every worker of a job needs the same ones, of
            which it takes its own rows.

    Returns:
        (perplexity of the rows of this worker, tokens per second of all workers, largest norm of
        the gradients before clipping).

    Raises:
        ValueError: the rows cannot be dealt out evenly, or what `train_epoch` raises.

    Source: Dive into Deep Learning, "Training on Multiple GPUs", 2019, with MXNet's store.
    """
    lr = check_positive("lr", lr)
    clip = clip if clip is None else check_positive("clip (None for no clipping)", clip)
    carry = not getattr(train_iter, "use_random_iter", False)
    states, totals, num_tokens, largest = None, None, 0, 0.0
    start = time.perf_counter()
    for X, Y in train_iter:
        check_shape("Y", Y, X.shape)
        states, losses = _backward(parallel, X, Y, states if carry else None)
        parallel.add_gradients()
        norms = [
            gradient_norm(params) if clip is None else grad_clipping(params, clip)
            for params in parallel.params
        ]
        for params in parallel.params:
            sgd(params, lr)
        largest = np.maximum(largest, norms[0])
        totals = [a + b for a, b in zip(totals or [0.0] * len(losses), losses, strict=True)]
        num_tokens += Y.size
    if not num_tokens:
        raise ValueError("train_iter yielded no minibatch")
    mine = num_tokens / parallel.num_workers
    mean_loss = sum(float(total) for total in totals) / mine
    npx.waitall()
    return perplexity(mean_loss), num_tokens / (time.perf_counter() - start), float(largest)


def _backward(parallel, X, Y, states):
    """Leave in each replica the gradients of its part; return its new state and summed loss."""
    rows, new_states, losses = parallel.rows(X.shape[0]), [], []
    for i, (model, device, part) in enumerate(
        zip(parallel.models, parallel.devices, rows, strict=True)
    ):
        x, y = X[part].as_in_ctx(device), Y[part].as_in_ctx(device)
        state = model.begin_state(x.shape[0], device) if states is None else states[i]
        state = [H.detach() for H in state]
        with autograd.record():
            Y_hat, state = model(x, state)
            check_token_ids("Y", y, Y_hat.shape[-1])
            summed = gluon.loss.SoftmaxCrossEntropyLoss()(Y_hat, y.T.reshape(-1)).sum()
            l = summed / Y.size  # of the whole minibatch, so that sums over the parts are means
        l.backward()
        new_states.append(state)
        losses.append(summed.detach())
    return new_states, losses
