"""Completing a text with a PyTorch model, greedily or by sampling."""

from d2l_gru.completion import check_completion, complete
from d2l_gru.inference import read_reset_after, read_reset_before
from d2l_gru.torch._torch import torch
from d2l_gru.torch.concise import RNNModel
from d2l_gru.torch.device import check_torch_device, try_gpu
from d2l_gru.torch.scratch import RNNModelScratch, gru


def predict(prefix, num_preds, model, vocab, device=None, temperature=0.0):
    """Complete `prefix`, one character at a time.

    Args:
        prefix: a str of characters that `vocab` knows, at least one.
        num_preds: how many characters to add, at least 0.
        model: as for `train`.
        vocab: the `Vocab` that the model was trained with.
        device: where the model is; None for `try_gpu()`.
        temperature: 0 takes the likeliest character each time. Above 0 the character is drawn from
            the softmax of the logits over `temperature`: 1 is the model's own distribution, less
            is more cautious, more is more random.

    Returns:
        The prefix and `num_preds` characters more, a str.

    Raises:
        ValueError: the prefix is empty or holds a character out of the vocabulary, `num_preds` or
            `temperature` is negative, or the model is on another device.
        TypeError: the prefix is not a str, or a number is not a number.

    Source: Dive into Deep Learning, ``d2l.predict_ch8``, 2019, to which sampling was added.
    """
    check_completion(prefix, num_preds, vocab, temperature)
    device = try_gpu() if device is None else check_torch_device(device)
    model.prepare(device)
    read = _reader_in_numpy(model) or _reader(model, device)
    return complete(prefix, num_preds, vocab, temperature, read)


def _reader_in_numpy(model):
    """Return a reader of the package's own models, which is many times as fast; None of others."""
    if type(model) is RNNModelScratch and model.forward_fn is gru:
        make = read_reset_before
    elif type(model) is RNNModel and type(model.rnn) is torch.nn.GRU and model.rnn.bias:
        make = read_reset_after
    else:
        return None
    return make([param.detach().cpu().numpy() for param in model.parameters()])


def _reader(model, device):
    state = model.begin_state(1, device)

    @torch.no_grad()
    def read(ids):
        nonlocal state
        Y_hat, state = model(torch.tensor([ids], device=device), state)
        return Y_hat[-1].cpu().numpy()

    return read


def predict_ch8(prefix, num_preds, model, vocab, device):
    """Complete `prefix` greedily: `predict` under its name of 2019, with its arguments."""
    return predict(prefix, num_preds, model, vocab, device)
