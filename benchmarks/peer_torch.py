"""PyTorch, as its users write a language model."""

import torch
from task import CLIP, EPOCHS, LR, NUM_HIDDENS, TOKENS, load
from torch import nn
from torch.nn import functional as F

PACKAGES = ["torch"]


class Concise(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = nn.GRU(vocab_size, NUM_HIDDENS)
        self.dense = nn.Linear(NUM_HIDDENS, vocab_size)

    def forward(self, X, H):
        states, H = self.rnn(F.one_hot(X.T, self.vocab_size).float(), H)
        return self.dense(states.flatten(0, 1)), H

    def begin_state(self, batch_size):
        return torch.zeros(1, batch_size, NUM_HIDDENS)


class Scratch(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size

        def three():
            for shape in (vocab_size, NUM_HIDDENS), (NUM_HIDDENS, NUM_HIDDENS), (NUM_HIDDENS,):
                yield nn.Parameter(0.01 * torch.randn(shape))

        self.W_xz, self.W_hz, self.b_z = three()
        self.W_xr, self.W_hr, self.b_r = three()
        self.W_xh, self.W_hh, self.b_h = three()
        self.W_hq = nn.Parameter(0.01 * torch.randn(NUM_HIDDENS, vocab_size))
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, X, H):
        outputs = []
        for x in F.one_hot(X.T, self.vocab_size).float():
            Z = torch.sigmoid(x @ self.W_xz + H @ self.W_hz + self.b_z)
            R = torch.sigmoid(x @ self.W_xr + H @ self.W_hr + self.b_r)
            H_tilde = torch.tanh(x @ self.W_xh + (R * H) @ self.W_hh + self.b_h)
            H = Z * H + (1 - Z) * H_tilde
            outputs.append(H @ self.W_hq + self.b_q)
        return torch.cat(outputs), H

    def begin_state(self, batch_size):
        return torch.zeros(batch_size, NUM_HIDDENS)


def _training(kind, compiled=False):
    train_iter, vocab = load()
    model = kind(len(vocab))
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(model.parameters(), LR)

    def turn():
        for _ in range(EPOCHS):
            H, total = None, 0
            for X, Y in train_iter:
                X, Y = torch.from_numpy(X).long(), torch.from_numpy(Y).long()
                H = model.begin_state(len(X)) if H is None else H.detach()
                Y_hat, H = run(X, H)
                loss = F.cross_entropy(Y_hat, Y.T.flatten())
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), CLIP)
                optimizer.step()
                total += loss.detach()
            total.item()
        return TOKENS

    return turn


def concise():
    return _training(Concise)


def concise_compiled():
    return _training(Concise, compiled=True)


def scratch():
    return _training(Scratch)


def scratch_compiled():
    return _training(Scratch, compiled=True)
