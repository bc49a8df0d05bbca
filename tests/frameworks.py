"""MXNet and PyTorch behind one face, so that a test says once what holds for both."""

import contextlib
import functools

import numpy
import pytest
import reference_gru as ref


class Framework:
    """What is said in the same words in both."""

    def ids(self, values):
        return self.array(values, self.id_type)

    def scratch(self, p):
        """Return the scratch model with the parameters `p`, a dict by the book's names."""
        size = *p["W_xz"].shape, self.cpu
        functions = self.d2l.init_gru_state, self.d2l.gru
        get_params = lambda *_: [self.leaf(p[name]) for name in ref.NAMES]  # noqa: E731
        return self.d2l.RNNModelScratch(*size, get_params, *functions)

    def drawn(self, kind, vocab_size, num_hiddens, device=None, layer="GRU", **more):
        """Return a model, "scratch" or "concise" around such a layer, with its parameters drawn."""
        device, d2l = device or self.cpu, self.d2l
        if kind == "scratch":
            functions = d2l.get_params, d2l.init_gru_state, d2l.gru
            return d2l.RNNModelScratch(vocab_size, num_hiddens, device, *functions)
        model = d2l.RNNModel(self.layer(layer, vocab_size, num_hiddens, **more), vocab_size)
        model.prepare(device)
        return model

    def large(self, model, scale=1.0):
        """Give a model such parameters that its gates matter, and its text is no trivial one."""
        rng = numpy.random.default_rng(8)
        for param in model.parameters():
            self.assign(param, rng.normal(scale=scale, size=tuple(param.shape)))
        return model

    def loss(self, forward, Y):
        """Return logits and state of `forward`, and compute the gradients of its mean loss."""
        with self.record():
            Y_hat, state = forward()
            l = self.cross_entropy(Y_hat, self.array(Y.T.reshape(-1), "int64"))
        l.backward()
        return self.numpy(Y_hat), self.numpy(state[0])

    def values(self, model):
        return [self.numpy(param) for param in model.parameters()]

    def grads(self, model):
        return [self.grad(param) for param in model.parameters()]


class MXNet(Framework):
    name = "mxnet"
    id_type, id_types = "int32", ("int32", "int64", "float32")

    def __init__(self):
        import mxnet

        import d2l_gru

        self.d2l, self.mxnet, self.cpu = d2l_gru, mxnet, mxnet.cpu()
        self.xp, self.record = mxnet.np, mxnet.autograd.record
        self.elsewhere = mxnet.cpu(1)

    def array(self, values, dtype="float32"):
        return self.mxnet.np.array(values, dtype=dtype)

    def leaf(self, values, grad=None, dtype="float32"):
        """Return an array with a gradient, as parameters are."""
        param = self.array(values, dtype)
        param.attach_grad()
        if grad is not None:
            self.set_grad(param, grad)
        return param

    def set_grad(self, param, grad):
        param.grad[:] = self.array(grad)

    def numpy(self, array):
        return array.asnumpy()

    def grad(self, param):
        return param.grad.asnumpy()

    def assign(self, param, values):
        param[:] = self.array(values)

    def layer(self, name, num_inputs, num_hiddens, **more):
        return getattr(self.mxnet.gluon.rnn, name)(num_hiddens, **{"input_size": num_inputs} | more)

    def freeze(self, param):
        param.attach_grad("null")

    def trains(self, param):
        return param.grad is not None

    def device_of(self, array):
        return array.ctx

    def cross_entropy(self, Y_hat, labels):
        return self.mxnet.gluon.loss.SoftmaxCrossEntropyLoss()(Y_hat, labels).mean()

    def own(self, layer, vocab_size, num_hiddens):
        """Return a model as readers write it, around the layer of that name; without values."""
        nn, npx = self.mxnet.gluon.nn, self.mxnet.npx

        class Block(nn.Block):
            def __init__(self, rnn):
                super().__init__()
                self.rnn, self.dense = rnn, nn.Dense(vocab_size)

            def forward(self, X, state):
                Y, state = self.rnn(npx.one_hot(X.T, vocab_size), state)
                return self.dense(Y.reshape(-1, Y.shape[-1])), state

            def begin_state(self, *args, **kwargs):
                return self.rnn.begin_state(*args, **kwargs)

        return Block(self.layer(layer, vocab_size, num_hiddens))


class Torch(Framework):
    name = "torch"
    id_type, id_types = "int64", ("int32", "int64", "uint8")

    def __init__(self):
        self.torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'torch>=2.6'")
        import d2l_gru.torch

        self.d2l, self.cpu = d2l_gru.torch, self.torch.device("cpu")
        self.xp, self.record = self.torch, contextlib.nullcontext
        self.elsewhere = self.torch.device("meta")

    def array(self, values, dtype="float32"):
        return self.torch.tensor(numpy.asarray(values), dtype=getattr(self.torch, dtype))

    def leaf(self, values, grad=None, dtype="float32"):
        param = self.array(values, dtype).requires_grad_()
        if grad is not None:
            self.set_grad(param, grad)
        return param

    def set_grad(self, param, grad):
        param.grad = self.array(grad)

    def numpy(self, tensor):
        return tensor.detach().numpy().copy()

    def grad(self, param):
        return param.grad.numpy()

    def assign(self, param, values):
        param.data.copy_(self.array(values))

    def layer(self, name, num_inputs, num_hiddens, **more):
        return getattr(self.torch.nn, name)(num_inputs, num_hiddens, **more)

    def freeze(self, param):
        param.requires_grad_(False)

    def trains(self, param):
        return param.requires_grad

    def device_of(self, tensor):
        return tensor.device

    def cross_entropy(self, Y_hat, labels):
        return self.torch.nn.functional.cross_entropy(Y_hat, labels.long())

    def own(self, layer, vocab_size, num_hiddens):
        torch = self.torch

        class Module(torch.nn.Module):
            def __init__(self, rnn):
                super().__init__()
                self.rnn, self.dense = rnn, torch.nn.Linear(num_hiddens, vocab_size)

            def forward(self, X, state):
                one_hot = torch.nn.functional.one_hot(X.T.long(), vocab_size)
                Y, state = self.rnn(one_hot.float(), state)
                return self.dense(Y.reshape(-1, num_hiddens)), state

            def begin_state(self, device, batch_size=1):
                """Take the device first, as in 2020; return a tensor, or two for an LSTM."""
                zeros = torch.zeros(1, batch_size, num_hiddens, device=device)
                return (zeros, zeros.clone()) if layer == "LSTM" else zeros

        return Module(self.layer(layer, vocab_size, num_hiddens))


@functools.cache
def of(name):
    """Return "mxnet" or "torch"; without PyTorch, the tests that need it are skipped."""
    return {"mxnet": MXNet, "torch": Torch}[name]()
