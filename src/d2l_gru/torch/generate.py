"""Completing a text with a PyTorch model, greedily or by sampling."""

from __future__ import annotations

import contextlib
from typing import Any

from d2l_gru._models import begin_state
from d2l_gru.generate import (
    check_completion,
    check_vocab,
    complete,
    read_reset_after,
    read_reset_before,
)
from d2l_gru.text import Vocab
from d2l_gru.torch import concise, scratch
from d2l_gru.torch._import import Device, torch
from d2l_gru.torch._parameters import check_is_on
from d2l_gru.torch.device import try_gpu


def predict(
    prefix: str,
    num_preds: int,
    model: Any,
    vocab: Vocab,
    device: Device | None = None,
    temperature: float = 0.0,
) -> str:
    """Complete `prefix` token by token: a token is a character, or a word if `vocab` holds words.

    Args:
        prefix: a str of characters in `vocab`, at least one; or of words, separated by spaces.
        num_preds: how many tokens to add, at least 0.
        model: as for `train`; it completes in evaluation mode, without dropout, and is then put
            back into its previous mode.  A float32 `RNNModel` around an ``nn.GRU``, or an
            `RNNModelScratch` around `gru` or `fast_gru`, in which nothing was replaced and that has
            no hooks, is evaluated in NumPy, which is many times as fast; any other model is called.
        vocab: the `Vocab` that the model was trained with.
        device: where the model is; None for `try_gpu()`.
        temperature: 0 takes the likeliest token each time. Above 0 the token is drawn from the
            softmax of the logits over `temperature`: 1 is the model's own distribution, less is
            more cautious, more is more random.

    Returns:
        The prefix and `num_preds` tokens more, a str.

    Raises:
        ValueError: the prefix is empty or holds a token outside the vocabulary, `num_preds` or
            `temperature` is negative, the model is on another device (it is not moved), or its
            vocabulary has another size than `vocab`.
        TypeError: the prefix is not a str, or a numeric argument is not a number.

    Source: Dive into Deep Learning, ``d2l.predict_ch8``, 2019, to which sampling was added.
    """
    check_completion(prefix, num_preds, vocab, temperature)
    check_vocab(model, vocab)
    device = check_is_on(model, try_gpu() if device is None else device)
    with torch.no_grad(), _evaluating(model):
        read = _reader_in_numpy(model) or _reader(model, device)
        return complete(prefix, num_preds, vocab, temperature, read)


@contextlib.contextmanager
def _evaluating(model):
    """Put a Module into evaluation mode, and each part back into its previous mode at the end."""
    parts = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    modes = [part.training for part in parts]
    for part in parts[:1]:
        part.eval()
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode


def _reader_in_numpy(model):
    """Return a reader for the package's own models; None if it may not replace the model."""
    of_all = torch.nn.modules.module  # has the hooks of all modules
    if of_all._global_forward_hooks or of_all._global_forward_pre_hooks:
        return None
    if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        return None
    if isinstance(model, scratch.RNNModelScratch) and not any(scratch.differences(model)):
        return read_reset_before([param.detach().cpu().numpy() for param in model.params])
    if isinstance(model, concise.RNNModel) and not any(concise.differences(model)):
        return read_reset_after([param.detach().cpu().numpy() for param in concise.arrays(model)])
    return None


def _reader(model, device):
    state = begin_state(model, 1, device)

    def read(ids):
        nonlocal state
        Y_hat, state = model(torch.tensor([ids], device=device), state)
        wide = torch.promote_types(Y_hat.dtype, torch.float32)  # NumPy has no bfloat16
        return Y_hat[-1].detach().to(wide).cpu().numpy()

    return read
