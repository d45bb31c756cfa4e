"""Functional-entropy regularisation: a prediction is to depend on every modality, not on the easiest one.

    L = || (1/(I_1 + floor), .., 1/(I_M + floor)) ||_2
    I_m = mean_{i, e} [ noise^2 ||d f_i / d x~_im||^2 / f_i ],   x~_m = x_m + noise e_m
    f_i = loss(model(x~_i), link(model(x_i)))     e_m ~ N(0, I) on the present steps of modality m, `samples` a row

I_m / 2 bounds the functional entropy of f under the Gaussian noise from above (log-Sobolev inequality): a large I_m is
needed for f to depend on modality m. f is the cross-entropy to the unperturbed prediction (classes, summed over labels
for multilabel), or the squared error to it in standard deviations of the label (regression).
Reference: Gat, Schwartz, Schwing, Hazan 2020, Removing bias in multi-modal classifiers: regularization by maximizing
functional entropies (NeurIPS), section 3.
Departs from MultiZoo's code on purpose, which is wrong here: f is that of each sample and not a batch mean; the
gradient's norm runs over all axes of an input; any number of modalities; links and losses follow the task; a failure
is raised and not taken for "no regulariser"; noise is in the standardised input space, where one standard deviation of
the training data is 1; perturbed passes run in evaluation mode, so they leave batch statistics alone. The weight 1e-10
there has no effect. Of ours, untrained networks have I about 1e-5 and trained ones 0.01 to 20 (measured on planted
worlds): 1/I alone would drown the task's loss in the first epochs and be nothing afterwards, hence `floor` 0.01, the
information that counts as little, and the weight 1e-3. `floor=0` is the paper's norm. f + 1e-12 stands for f, which
keeps saturated predictions finite. A model that is blind to a modality by construction is refused.
Costs a forward pass and a double backward pass of `samples` + 1 copies of the batch.
Missing modality: I_m is a mean over rows that have it; a modality that no row of the batch has is left out of the norm.
Draws come from a stream named after the number of batches seen, which is a buffer: a resumed fit draws the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.standardisation import Prepared, blank_absent, within_lengths
from mmcore.objectives.needs import evaluating, nothing, present_in, task_of
from mmcore.seeds import stream_seed

if TYPE_CHECKING:
    from mmcore.models.trace import Trace

_LEAST_LOSS = 1e-12


@contextmanager
def _twice_differentiable(device: torch.device) -> Iterator[None]:
    """Only kernels that have a second derivative, at full precision: no cuDNN recurrence, no fused attention."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with ExitStack() as stack:
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.autocast(device.type, enabled=False))
        yield


def divergence_of_samples(
    perturbed: Float[Tensor, "n k"], clean: Float[Tensor, "n k"], task: str
) -> Float[Tensor, " n"]:
    """Return f of each row: the loss of outputs under noise against the prediction without, not negative.

    Args:
        perturbed: (n, k) outputs; a regression's in standard deviations of the label.
        clean: (n, k), the same rows without noise.
        task: of the label.

    Example:
        >>> divergence_of_samples(torch.tensor([[3.0]]), torch.tensor([[1.0]]), "regression")
        tensor([4.])
    """
    if task == "classification":
        return -(clean.softmax(1) * functional.log_softmax(perturbed, 1)).sum(1)
    if task == "multilabel":
        return functional.binary_cross_entropy_with_logits(perturbed, clean.sigmoid(), reduction="none").sum(1)
    return (perturbed - clean).square().sum(1)


def _copies(prepared: Prepared, count: int) -> Prepared:
    def repeat(values: Tensor) -> Tensor:
        return values.repeat(count, *[1] * (values.dim() - 1))

    values, present, lengths = prepared
    return Prepared(
        repeat(values),
        None if present is None else repeat(present),
        None if lengths is None else repeat(lengths),
    )


class FunctionalEntropy(nn.Module):
    """The norm of the inverse functional Fisher informations of the modalities.

    Args:
        model: with `trace_prepared`; its outputs must depend on every modality.
        n_rows: of the training part; not used.
        samples: draws of noise a row.
        noise: its standard deviation, in standard deviations of each input.
        floor: see the module, 0 or more.
        seed: of the noise; None takes one from the generator that the initial weights come from.

    Raises:
        InputError: for numbers out of range; in training, for a model that does not look at a modality.
    """

    batches: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        n_rows: int = 0,
        samples: int = 3,
        noise: float = 1.0,
        floor: float = 0.01,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if samples < 1:
            raise InputError("samples", samples, "1 or more", "Use 3.")
        if not noise > 0:
            raise InputError("noise", noise, "a positive number", "Use 1.0.")
        if not floor >= 0:
            raise InputError("floor", floor, "0 or more", "Use 0.01.")
        if not hasattr(model, "trace_prepared"):
            raise InputError(
                "model", type(model).__name__, "one with 'trace_prepared'", "Leave functional_entropy out."
            )
        self.samples, self.noise, self.floor = samples, noise, floor
        self.seed = int(torch.randint(2**31 - 1, ())) if seed is None else seed
        self._model = (model,)  # in a tuple, so that its weights are not ours as well
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # a gradient inside a forward pass is not traced
    def forward(self, trace: Trace, targets: Tensor, rows: Tensor) -> Float[Tensor, ""]:
        """Return the norm of the inverse informations."""
        found = self.information(trace.prepared, task_of(self._model[0], targets))
        if self.training:
            self.batches += 1
        here = [bool(present_in(trace, position).any()) for position in range(len(found))]
        if not any(here):
            return nothing(trace.outputs)
        present = torch.stack([value for value, any_row in zip(found, here) if any_row])
        return torch.linalg.vector_norm(1 / (present + self.floor))

    def information(self, prepared: list[Prepared], task: str) -> list[Float[Tensor, ""]]:
        """Return I_m of each modality, in nats (a regression: without unit), with a graph."""
        model = self._model[0]
        device = prepared[0].values.device
        noisy = [self._perturbed(each, position) for position, each in enumerate(prepared)]
        both = [
            Prepared(torch.cat([each.values, other.values]), *_copies(each, self.samples + 1)[1:])
            for each, other in zip(prepared, noisy)
        ]
        with torch.enable_grad(), evaluating(model), _twice_differentiable(device):
            outputs = model.trace_prepared(both).outputs  # type: ignore[operator]
            if task == "regression":
                outputs = outputs / model.scale.scale  # type: ignore[union-attr]
            batch = len(prepared[0].values)
            clean = outputs[:batch].repeat(self.samples, 1)
            loss = divergence_of_samples(outputs[batch:], clean, task)  # (samples * B,)
            slopes = torch.autograd.grad(
                loss.sum(), [each.values for each in noisy], create_graph=True, allow_unused=True
            )
        names: tuple[str, ...] = model.modalities  # type: ignore[assignment]
        return [self._score(*parts, loss) for parts in zip(names, slopes, noisy)]

    def _perturbed(self, prepared: Prepared, position: int) -> Prepared:
        """`samples` copies with noise where there is something, as leaves that a gradient can be asked for."""
        copies = _copies(prepared, self.samples)
        seed = stream_seed(self.seed, "noise", int(self.batches), position)
        generator = torch.Generator(copies.values.device).manual_seed(seed)
        noise = torch.randn(
            copies.values.shape, generator=generator, dtype=copies.values.dtype, device=copies.values.device
        )
        if copies.lengths is not None:
            inside = within_lengths(copies.lengths, noise.shape[1])
            noise = noise * inside.reshape(*inside.shape, *[1] * (noise.dim() - 2))
        values = copies.values.detach() + self.noise * blank_absent(noise, copies.present)
        return copies._replace(values=values.requires_grad_())

    def _score(self, name: str, slope: Tensor | None, noisy: Prepared, loss: Tensor) -> Tensor:
        if slope is None:
            received = f"functional_entropy for a model whose outputs do not look at '{name}'"
            raise InputError("terms", received, "a model that looks at every modality", "Leave the term out.")
        ratio = self.noise**2 * slope.flatten(1).square().sum(1) / (loss + _LEAST_LOSS)  # (samples * B,)
        if noisy.present is None:
            return ratio.mean()
        return torch.where(noisy.present, ratio, 0.0).sum() / noisy.present.sum().clamp(min=1)
