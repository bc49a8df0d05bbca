"""Training with the whole update recorded once, as a CUDA graph, and replayed.

A GRU's update is hundreds of small kernels, and Python takes longer to launch them one by one than
the GPU takes to run them.  A graph launches all of them at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from d2l_gru._checks import check_device, check_int, check_positive, check_shape
from d2l_gru._models import begin_state, check_logits, vocab_size_of
from d2l_gru.history import EpochMeter, History, check_run, record_epochs
from d2l_gru.torch._ids import check_ids, check_minibatch
from d2l_gru.torch._import import Array, Device, torch
from d2l_gru.torch._parameters import parameters, prepare, to_train
from d2l_gru.torch.device import check_torch_device, try_gpu
from d2l_gru.torch.minibatches import SeqDataLoader
from d2l_gru.torch.training import grad_clipping, gradient_norm, sgd, wait

WARM_UPS = 3  # before recording, so that libraries have chosen their algorithms and memory


class CapturedStep:
    """One update of a model from a minibatch of fixed shape, without Python in between.

    On a GPU it is recorded as a CUDA graph; elsewhere the same operations run one by one.  Either
    way it does what `train_epoch` does for a minibatch, and nothing in it waits for the device.

    Args:
        model: as for `train`, on its device.  What it computes must not depend on Python code, such
            as hooks, which a graph does not run.
        batch_size, num_steps: the shape of every minibatch.
        lr, clip: as for `train_epoch`.
        device: where the model is.

    Attributes:
        total: summed loss of the tokens since `begin`, a tensor of shape ().
        largest: largest norm of the gradients since `begin`, likewise.

    Raises:
        ValueError: a number is out of range, the model is on another device, all its parameters are
            frozen, or its first state has parameters, which `train` trains and a graph would not.

    Source: M. Carilli, "Accelerating PyTorch with CUDA Graphs", 2021.
    """

    def __init__(
        self,
        model: Any,
        batch_size: int,
        num_steps: int,
        lr: float,
        device: Device,
        clip: float | None = 1.0,
    ) -> None:
        self.device = check_torch_device(device)
        self.model, self.params = model, to_train(parameters(model))
        for param in self.params:
            check_device("the model", param, self.device)
        self.lr = check_positive("lr", lr)
        self.clip = clip if clip is None else check_positive("clip (None for no clipping)", clip)
        self.shape = check_int("batch_size", batch_size, 1), check_int("num_steps", num_steps, 1)
        # A graph reads and writes fixed addresses, so these are filled in place.
        self.X = torch.zeros(self.shape, dtype=torch.int64, device=self.device)
        self.Y = torch.zeros_like(self.X)
        first = begin_state(model, batch_size, self.device)
        if any(H.requires_grad for H in _arrays(first)):
            raise ValueError("the model's first state has parameters: use train instead")
        self.state = _copied(first)
        self.total = torch.zeros((), device=self.device)
        self.largest = torch.zeros((), device=self.device)
        self.graph = self._record() if self.device.type == "cuda" else None
        self.begin()

    def _record(self):  # pragma: no cover - CUDA graphs need a GPU
        kept = [*self.params, *getattr(self.model, "buffers", list)()]
        before = [array.detach().clone() for array in kept]
        side = torch.cuda.Stream(self.device)
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                self._update()
        torch.cuda.current_stream(self.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._update()
        with torch.no_grad():
            for array, value in zip(kept, before, strict=True):
                array.copy_(value)
        return graph

    def _update(self):
        Y_hat, state = self.model(self.X, self.state)
        check_logits(Y_hat, self.Y)
        l = torch.nn.functional.cross_entropy(Y_hat, self.Y.T.reshape(-1))
        for param in self.params:
            param.grad = None
        l.backward()
        norm = (
            gradient_norm(self.params)
            if self.clip is None
            else grad_clipping(self.params, self.clip)
        )
        sgd(self.params, self.lr)
        with torch.no_grad():
            self._carry(state)
            self.total += l * self.Y.numel()
            self.largest.copy_(torch.maximum(self.largest, norm))

    def _carry(self, state):
        for H, new in zip(_arrays(self.state), _arrays(state), strict=True):
            H.copy_(new)

    def begin(self) -> None:
        """Start from the model's first state, with all sums at zero."""
        self.begin_sequence()
        self.total.zero_()
        self.largest.zero_()

    @torch.no_grad()
    def begin_sequence(self) -> None:
        """Start from the model's first state."""
        self._carry(begin_state(self.model, self.shape[0], self.device))

    def __call__(self, X: Array, Y: Array) -> None:
        """Update the model from token ids (batch_size, num_steps) on its device.

        Raises:
            ValueError: they are of another shape or on another device, or ids on the CPU are out of
                range.
            TypeError: they are not whole numbers.
        """
        for name, ids in (("X", X), ("Y", Y)):
            check_ids(name, ids, vocab_size_of(self.model))
            check_shape(name, ids, self.shape)
            check_device(name, ids, self.device)
        self.X.copy_(X)
        self.Y.copy_(Y)
        if self.graph is None:
            self._update()
        else:  # pragma: no cover - CUDA graphs need a GPU
            self.graph.replay()


def _arrays(state):
    """Return the tensors of a state, which is a tensor, or a list or tuple of tensors."""
    return [state] if isinstance(state, torch.Tensor) else list(state)


def _copied(state):
    if isinstance(state, torch.Tensor):
        return state.clone()
    return type(state)(H.clone() for H in state)


def train_captured(
    model: Any,
    train_iter: SeqDataLoader,
    lr: float,
    num_epochs: int,
    device: Device | None = None,
    *,
    clip: float | None = 1.0,
    on_epoch: Callable[[int, History], object] | None = None,
) -> History:
    """Train as `train` does, with each update replayed from a `CapturedStep`.

    An epoch's minibatches go to the device in one piece, and the host waits once, at its end.

    Args:
        train_iter: a `SeqDataLoader`.
        model, lr, num_epochs, device, clip, on_epoch: as for `train`.

    Returns:
        A `History`.

    Raises:
        ValueError: as `train`.
    """
    lr, num_epochs = check_positive("lr", lr), check_run(num_epochs, on_epoch)
    if not hasattr(train_iter, "num_steps"):
        raise TypeError(f"train_iter must be a SeqDataLoader, not {train_iter!r}")
    device = prepare(model, try_gpu() if device is None else device)
    step = CapturedStep(model, train_iter.batch_size, train_iter.num_steps, lr, device, clip)

    def train_epoch():
        meter = EpochMeter(torch.maximum, torch.zeros((), device=device))
        Xs, Ys = (torch.stack(ids) for ids in zip(*train_iter, strict=True))
        check_minibatch(Xs.flatten(0, 1), Ys.flatten(0, 1), vocab_size_of(model))
        Xs, Ys = Xs.to(device, non_blocking=True), Ys.to(device, non_blocking=True)
        step.begin()
        for X, Y in zip(Xs, Ys, strict=True):
            if train_iter.use_random_iter:
                step.begin_sequence()
            step(X, Y)
        meter.add(step.total, step.largest, Ys.numel())
        return meter.result(functools.partial(wait, device))

    return record_epochs(train_epoch, num_epochs, on_epoch)
