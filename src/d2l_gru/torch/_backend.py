"""What a run needs from PyTorch."""

import numpy

from d2l_gru.torch._import import torch
from d2l_gru.torch.concise import RNNModel
from d2l_gru.torch.device import parse_device, try_gpu
from d2l_gru.torch.generate import predict
from d2l_gru.torch.minibatches import SeqDataLoader
from d2l_gru.torch.scratch import RNNModelScratch, get_params, gru, init_gru_state
from d2l_gru.torch.training import set_seed, train_step, wait

__all__ = ["SeqDataLoader", "parse_device", "predict", "set_seed", "train_step", "try_gpu", "wait"]
VERSION = {"torch": torch.__version__}
maximum = torch.maximum


def make_model(setting, vocab_size, device):
    """Return the model of a `Setting`, on a device, with its parameters initialised."""
    if setting.model == "scratch":
        size = vocab_size, setting.num_hiddens
        return RNNModelScratch(*size, device, get_params, init_gru_state, gru)
    layer = torch.nn.GRU(vocab_size, setting.num_hiddens, setting.num_layers)
    model = RNNModel(layer, vocab_size)
    model.prepare(device)
    return model


def data_parallel(models, store):
    """Raise ValueError: only the MXNet part of the package trains replicas."""
    raise ValueError("several devices or workers need MXNet; with PyTorch a run has one device")


def to_array(values, device):
    """Return NumPy values as a float32 tensor on a device."""
    return torch.tensor(numpy.asarray(values, "float32"), device=device)


def to_numpy(array):
    """Return a tensor's values."""
    return array.detach().cpu().numpy()


@torch.no_grad()
def assign(param, values):
    """Set a parameter to NumPy values."""
    param.copy_(torch.tensor(values))
