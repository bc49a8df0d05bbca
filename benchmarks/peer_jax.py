"""JAX: the loop as lax.scan, and a whole update as one compiled function."""

import functools

import jax
from jax import numpy as jnp
from task import CLIP, EPOCHS, LR, NUM_HIDDENS, TOKENS, load

PACKAGES = ["jax"]


def _params(key, vocab_size):
    def normal(*shape):
        nonlocal key
        key, this = jax.random.split(key)
        return 0.01 * jax.random.normal(this, shape)

    def three():
        return (
            normal(vocab_size, NUM_HIDDENS),
            normal(NUM_HIDDENS, NUM_HIDDENS),
            jnp.zeros(NUM_HIDDENS),
        )

    return *three(), *three(), *three(), normal(NUM_HIDDENS, vocab_size), jnp.zeros(vocab_size)


def _loss(params, X, Y, H):
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params

    def step(H, x):
        Z = jax.nn.sigmoid(W_xz[x] + H @ W_hz + b_z)
        R = jax.nn.sigmoid(W_xr[x] + H @ W_hr + b_r)
        H_tilde = jnp.tanh(W_xh[x] + (R * H) @ W_hh + b_h)
        H = Z * H + (1 - Z) * H_tilde
        return H, H

    H, states = jax.lax.scan(step, H, X.T)
    log_p = jax.nn.log_softmax(states @ W_hq + b_q)
    return -jnp.take_along_axis(log_p, Y.T[..., None], axis=-1).mean(), H


@functools.partial(jax.jit, donate_argnums=0)
def _update(params, X, Y, H):
    (loss, H), grads = jax.value_and_grad(_loss, has_aux=True)(params, X, Y, H)
    norm = jnp.sqrt(sum((grad**2).sum() for grad in grads))
    scale = LR * jnp.minimum(1, CLIP / norm)
    return tuple(p - scale * grad for p, grad in zip(params, grads, strict=True)), loss, H


def scan():
    train_iter, vocab = load()
    params = _params(jax.random.key(0), len(vocab))

    def turn():
        nonlocal params
        for _ in range(EPOCHS):
            H, total = None, 0
            for X, Y in train_iter:
                H = jnp.zeros((len(X), NUM_HIDDENS)) if H is None else H
                params, loss, H = _update(params, X, Y, H)
                total += loss
            total.item()
        return TOKENS

    return turn
