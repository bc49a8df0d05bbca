"""The equations of `d2l_gru.torch.scratch`, arranged for speed: the same results, faster.

Autograd differentiates each step's operations one by one, with one product per weight matrix and
step.  Here the backward pass is written out, so that only what depends on another step is computed
step by step.
"""

from __future__ import annotations

from collections.abc import Sequence

from d2l_gru._checks import check_gru
from d2l_gru.torch._import import Array, torch


def fast_gru(
    inputs: Array, state: Sequence[Array], params: Sequence[Array]
) -> tuple[Array, tuple[Array]]:
    """Compute what `gru` does in less time, as ``forward_fn`` of `RNNModelScratch`.

    All arguments have gradients, but these cannot be differentiated again.

    Args:
        inputs: (num_steps, batch_size, num_inputs), one-hot rows in the book.
        state: ``(H,)``, H (batch_size, num_hiddens).
        params: as from `get_params`.

    Returns:
        The logits (num_steps * batch_size, vocab_size), step by step, and the new state ``(H,)``;
        both equal those of `gru` up to rounding.

    Raises:
        ValueError: shapes or devices do not match.

    Source: as `gru`; the backward pass is derived in the chapter "How fast, and why".
    """
    check_gru(inputs, state, params)
    Y_hat, H = _Loop.apply(inputs, *state, *params)
    return Y_hat, (H,)


class _Loop(torch.autograd.Function):
    """The loop over the steps.  An ``A`` is the argument of a gate or of the candidate."""

    @staticmethod
    def forward(ctx, inputs, H0, W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q):
        (T, B, _), units = inputs.shape, len(W_hh)
        X, W_x = inputs.flatten(0, 1), torch.cat([W_xz, W_xr, W_xh], dim=1)
        W_zr = torch.cat([W_hz, W_hr], dim=1)
        # The contribution of the inputs, for all steps at once.  Each step adds the state's and
        # overwrites the arguments with the functions' values.
        A = torch.addmm(torch.cat([b_z, b_r, b_h]), X, W_x).view(T, B, 3 * units)
        H, RH = A.new_empty(T + 1, B, units), A.new_empty(T, B, units)
        H[0] = H0
        for t in range(T):
            ZR, H_tilde = A[t].split([2 * units, units], dim=1)
            Z, R = ZR.addmm_(H[t], W_zr).sigmoid_().chunk(2, dim=1)
            torch.mul(R, H[t], out=RH[t])
            H_tilde.addmm_(RH[t], W_hh).tanh_()
            torch.lerp(H_tilde, H[t], Z, out=H[t + 1])  # H_tilde + Z * (H - H_tilde)
        ctx.save_for_backward(X, W_x, W_zr, W_hh, W_hq, A, H, RH)
        return torch.addmm(b_q, H[1:].flatten(0, 1), W_hq), H[T].clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dY, dH):
        X, W_x, W_zr, W_hh, W_hq, A, H, RH = ctx.saved_tensors
        T, B, units = RH.shape
        H, H_new = H[:-1], H[1:].flatten(0, 1)
        Z, R, H_tilde = A.split(units, dim=2)
        # The factors of the gradients, for all steps at once: the derivatives of the functions, and
        # what the gates are multiplied by.
        dA = torch.empty_like(A)
        dA_z, dA_r, dA_h = dA.split(units, dim=2)
        torch.mul(Z * (1 - Z), H - H_tilde, out=dA_z)
        torch.mul(R * (1 - R), H, out=dA_r)
        torch.mul(1 - H_tilde**2, 1 - Z, out=dA_h)
        dA_zr, dY_of = dA[:, :, : 2 * units], dY.reshape(T, B, len(W_hq.T))
        for t in reversed(range(T)):
            dH = torch.addmm(dH, dY_of[t], W_hq.T)
            dA_z[t] *= dH
            dA_h[t] *= dH
            dRH = dA_h[t] @ W_hh.T
            dA_r[t] *= dRH
            dH = (Z[t] * dH).addcmul_(R[t], dRH).addmm_(dA_zr[t], W_zr.T)
        # A matrix's gradient is a sum over steps and rows: one product.
        dA, H = dA.flatten(0, 1), H.flatten(0, 1)
        dW_xz, dW_xr, dW_xh = (X.T @ dA).split(units, dim=1)
        dW_hz, dW_hr = (H.T @ dA[:, : 2 * units]).split(units, dim=1)
        dW_hh = RH.flatten(0, 1).T @ dA[:, 2 * units :]
        db_z, db_r, db_h = dA.sum(0).split(units)
        dX = (dA @ W_x.T).view(T, B, len(W_x)) if ctx.needs_input_grad[0] else None
        gates = dW_xz, dW_hz, db_z, dW_xr, dW_hr, db_r, dW_xh, dW_hh, db_h
        return dX, dH, *gates, H_new.T @ dY, dY.sum(0)
