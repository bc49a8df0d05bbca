"""What a run needs from MXNet."""

from d2l_gru.mxnet._import import mxnet, np, npx
from d2l_gru.mxnet.concise import FastGRU, RNNModel
from d2l_gru.mxnet.device import parse_device, try_gpu
from d2l_gru.mxnet.generate import predict
from d2l_gru.mxnet.minibatches import SeqDataLoader
from d2l_gru.mxnet.parallel import DataParallel, train_step_parallel
from d2l_gru.mxnet.scratch import RNNModelScratch, get_params, gru, init_gru_state
from d2l_gru.mxnet.training import set_seed, train_step

__all__ = [
    "SeqDataLoader", "parse_device", "predict", "set_seed", "train_step", "train_step_parallel",
    "try_gpu",
]  # fmt: skip
VERSION = {"mxnet": mxnet.__version__}
maximum = np.maximum


def make_model(setting, vocab_size, device):
    """Return the model of a `Setting`, on a device, with its parameters initialised."""
    if setting.model == "scratch":
        size = vocab_size, setting.num_hiddens
        return RNNModelScratch(*size, device, get_params, init_gru_state, gru)
    layer = FastGRU(setting.num_hiddens, num_layers=setting.num_layers)
    model = RNNModel(layer, vocab_size)
    model.prepare(device)
    return model


def data_parallel(models, store):
    """Return the replicas as one model, with a job's store or, for None, a local one."""
    return DataParallel(models, store or "device")


def to_array(values, device):
    """Return NumPy values as an array on a device."""
    return np.array(values, ctx=device)


def to_numpy(array):
    """Return an array's values."""
    return array.asnumpy()


def assign(param, values):
    """Set a parameter to NumPy values."""
    param[:] = np.array(values, ctx=param.ctx)


def wait(device):
    """Wait until all queued operations are done."""
    npx.waitall()
