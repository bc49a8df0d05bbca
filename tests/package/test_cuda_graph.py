"""A captured update does what `train` does; test_training has what holds for both."""

import frameworks
import numpy
import pytest

IDS = numpy.random.default_rng(0).integers(1, 3, 140).cumsum() % 5
each_kind = pytest.mark.parametrize("kind", ["scratch", "concise"])
each_order = pytest.mark.parametrize("use_random_iter", [False, True])


def trained(train, kind, device, use_random_iter=False, **more):
    """Return what training from a seed gives: perplexities, norms and the model's parameters."""
    framework = frameworks.of("torch")
    framework.d2l.set_seed(1)
    model = framework.drawn(kind, 5, 8, device)
    loader = framework.d2l.SeqDataLoader(IDS, 4, 7, use_random_iter)
    history = getattr(framework.d2l, train)(model, loader, 0.5, 4, device, **more)
    params = [param.detach().cpu().numpy() for param in model.parameters()]
    return history.perplexity, history.gradient_norm, params


@each_kind
@each_order
@pytest.mark.parametrize("clip", [0.05, None])
def test_a_captured_update_does_what_training_does(kind, use_random_iter, clip):
    """Here its operations run one by one, since there is no GPU; a graph replays the same ones."""
    plain, captured = (
        trained(train, kind, "cpu", use_random_iter, clip=clip)
        for train in ("train", "train_captured")
    )
    assert captured[:2] == tuple(pytest.approx(measured, rel=1e-6) for measured in plain[:2])
    for a, b in zip(plain[2], captured[2], strict=True):
        numpy.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.gpu
@each_kind
def test_a_graph_does_what_training_does_on_a_gpu(torch, kind):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU, and PyTorch finds none here")
    plain, captured = (trained(train, kind, "cuda")[0] for train in ("train", "train_captured"))
    assert plain == pytest.approx(captured, rel=1e-4)


def test_what_was_summed_up_begins_anew_with_each_epoch():
    framework = frameworks.of("torch")
    step = framework.d2l.CapturedStep(framework.drawn("scratch", 5, 8), 4, 7, 0.5, "cpu")
    X, Y = next(iter(framework.d2l.SeqDataLoader(IDS, 4, 7)))
    step(X, Y)
    step(X, Y)
    assert step.total > 28 and step.largest > 0 and step.state[0].any()
    step.begin_sequence()
    assert step.total > 28 and not step.state[0].any()
    step.begin()
    assert step.total == 0 and step.largest == 0
