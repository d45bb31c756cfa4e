"""Attention and pre-norm transformer layers, several of one shape side by side.

    attention(q, k, v) = softmax(q k^T / sqrt(c) + mask) v
    y = x + drop(W_o attention(LN0(x), LN0(s), LN0(s)));   x <- y + drop(W_2 drop(relu(W_1 LN1(y))))

Reference: Vaswani et al. 2017, Attention Is All You Need; Tsai et al. 2019, Multimodal Transformer (ACL), section 3.1,
in the pre-norm form of its code (its equation 4 adds the normalised input instead). LN0 serves queries and sources.
Attention is torch's fused one, on a CPU compiled loops where there are few channels a head; no weights come back.
What is computed differently and is the same in value:
P layers of one width are one batched product; the gains and offsets of a norm are folded into the weights that follow
it, so that a sequence is normalised once for every layer that reads it; on a CPU queries, keys, values and what is
gathered lie channels first in memory, time last, as attention wants them: the products before and after turn them for
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mmcore.errors import InputError
from mmcore.models.sequences.compiled_attention import compiled_attention, equations, fits
from mmcore.models.sequences.dropout import add_dropout, relu_dropout

# Up to this many scores (8 MB of float32), all of them at once cost little memory.
_FEW_SCORES = 1 << 21


def default_heads(width: int) -> int:
    """Return the greatest divisor of `width` up to 8.

    Example:
        >>> default_heads(40), default_heads(30), default_heads(7)
        (8, 6, 7)
    """
    return next(heads for heads in range(min(8, width), 0, -1) if width % heads == 0)


def check_heads(width: int, heads: int | None) -> int:
    """Return the number of heads; None chooses `default_heads`.

    Raises:
        InputError: when it does not divide the width.
    """
    if heads is None:
        return default_heads(width)
    if heads < 1 or width % heads:
        raise InputError("heads", heads, f"a divisor of width {width}", "Change heads or width.")
    return heads


def project_heads(
    x: Float[Tensor, "batch time size"],
    weight: Float[Tensor, "features size"],
    bias: Float[Tensor, " features"],
    heads: int,
    parts: int = 1,
) -> list[Float[Tensor, "batch heads time channels"]]:
    """Return `parts` tensors, such as queries, keys and values, from one linear map: heads apart, features in order.

    Example:
        >>> [part.shape[1:] for part in project_heads(torch.ones(1, 2, 3), torch.ones(8, 3), torch.ones(8), 2, 2)]
        [torch.Size([2, 2, 2]), torch.Size([2, 2, 2])]
    """
    if x.device.type != "cpu":
        each = functional.linear(x, weight, bias).chunk(parts, -1)
        return [part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in each]
    first = torch.addmm(bias[:, None], weight, x.flatten(0, 1).t())  # (features, batch * time)
    return [part.view(heads, -1, *x.shape[:2]).permute(2, 0, 3, 1) for part in first.chunk(parts)]


def attend(
    queries: Float[Tensor, "batch heads targets channels"],
    keys: Float[Tensor, "batch heads sources channels"],
    values: Float[Tensor, "batch heads sources channels"],
    mask: Bool[Tensor, "#batch 1 #targets sources"] | None = None,
    rate: float = 0.0,
) -> Float[Tensor, "batch targets width"]:
    """Return what each target gathers from the sources that `mask` lets it see (None: all), heads side by side.

    Args:
        queries, keys, values: heads apart.
        mask: True where a source is seen; at least one must be, for every target.
        rate: dropout of the weights; give 0 outside training.

    Example:
        >>> one = torch.ones(1, 1, 2, 3)
        >>> attend(one, one, one).shape
        torch.Size([1, 2, 3])
    """
    if fits(queries, keys, values):
        gathered = compiled_attention(queries, keys, values, mask, rate)
    elif queries.device.type == "cpu" and (rate or _few_scores(queries, keys)) and not torch.compiler.is_compiling():
        # torch draws its dropout one number at a time there, and its fused kernel has no second derivative.
        gathered = equations(queries, keys, values, mask, rate=rate)
    else:
        # torch's fused kernels want channels last; this is a copy only on a CPU.
        q, k, v = (each if each.stride(-1) == 1 else each.contiguous() for each in (queries, keys, values))
        gathered = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
    if queries.device.type != "cpu":
        return gathered.transpose(1, 2).flatten(2)
    batch, _, targets, _ = gathered.shape
    return gathered.permute(1, 3, 0, 2).reshape(-1, batch * targets).t().view(batch, targets, -1)


def _few_scores(queries: Tensor, keys: Tensor) -> bool:
    return queries.shape[:-1].numel() * keys.shape[2] <= _FEW_SCORES


def parallel_linear(
    x: Float[Tensor, "parallel rows size"],
    weight: Float[Tensor, "parallel features size"],
    bias: Float[Tensor, "parallel features"],
) -> Float[Tensor, "parallel rows features"]:
    """Return P linear maps of P inputs, as one product."""
    if len(x) == 1:
        return functional.linear(x, weight[0], bias[0])
    return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))


def folded(weight: Tensor, bias: Tensor, gain: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias such that `weight' n + bias' = weight (gain * n + offset) + bias`; P of each."""
    return weight * gain[:, None], torch.baddbmm(bias[..., None], weight, offset[..., None])[..., 0]


def normalised(x: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows width"]:
    """Return each row with mean 0 and variance 1."""
    return functional.layer_norm(x, x.shape[-1:])


class ParallelLayer(nn.Module):
    """P transformer layers of one width.

    Args:
        parallel: P.
        width, heads: of each.
        relu_rate, residual_rate: dropout inside the perceptron, and of what is added to the stream.
    """

    def __init__(self, parallel: int, width: int, heads: int, *, relu_rate: float, residual_rate: float) -> None:
        super().__init__()
        self.width, self.heads, self.relu_rate, self.residual_rate = width, heads, relu_rate, residual_rate
        self.projection, self.projection_bias = _linear(parallel, 3 * width, width)
        self.output, self.output_bias = _linear(parallel, width, width)
        self.wide, self.wide_bias = _linear(parallel, 4 * width, width)
        self.narrow, self.narrow_bias = _linear(parallel, width, 4 * width)
        self.gains = nn.Parameter(torch.ones(parallel, 2, width))
        self.offsets = nn.Parameter(torch.zeros(parallel, 2, width))

    def projections(self) -> tuple[Float[Tensor, "parallel 3*width width"], Float[Tensor, "parallel 3*width"]]:
        """Return weight and bias of queries, keys and values of a normalised sequence, LN0 folded in."""
        return folded(self.projection, self.projection_bias, self.gains[:, 0], self.offsets[:, 0])

    def finish(
        self,
        x: Float[Tensor, "parallel batch time width"],
        gathered: Sequence[Float[Tensor, "batch time width"]],
        seen: Sequence[Bool[Tensor, " batch"] | None],
    ) -> Float[Tensor, "parallel batch time width"]:
        """Return the stream after attention's output and the perceptron; `seen` False: nothing was there to attend."""
        shape = x.shape
        # One product each, not a batched one, whose gradient would not lie channels first.
        each = zip(gathered, self.output.unbind(0), self.output_bias.unbind(0))
        added = torch.stack([functional.linear(x.flatten(0, 1), *linear) for x, *linear in each]).view(shape)
        if any(each is not None for each in seen):
            every = torch.ones(shape[1], dtype=torch.bool, device=x.device)
            gate = torch.stack([every if each is None else each for each in seen])
            added = added * gate[..., None, None].to(added.dtype)
        x = add_dropout(x, added, self.residual_rate, self.training)
        wide = folded(self.wide, self.wide_bias, self.gains[:, 1], self.offsets[:, 1])
        hidden = relu_dropout(parallel_linear(normalised(x).flatten(1, 2), *wide), self.relu_rate, self.training)
        added = parallel_linear(hidden, self.narrow, self.narrow_bias).view(shape)
        return add_dropout(x, added, self.residual_rate, self.training)


def _linear(parallel: int, features: int, size: int) -> tuple[nn.Parameter, nn.Parameter]:
    weight = nn.Parameter(torch.empty(parallel, features, size))
    for each in weight.unbind(0):
        nn.init.xavier_uniform_(each.detach())
    return weight, nn.Parameter(torch.zeros(parallel, features))


class SelfAttention(nn.Module):
    """A stack of self-attention layers with a final norm.

    Args:
        width, heads, layers: of the stack.
        rate, relu_rate, residual_rate: dropout of attention weights, inside perceptrons, of what is added.
    """

    def __init__(
        self, width: int, heads: int, layers: int, *, rate: float, relu_rate: float, residual_rate: float
    ) -> None:
        super().__init__()
        self.heads, self.rate = heads, rate
        self.layers = nn.ModuleList(
            [ParallelLayer(1, width, heads, relu_rate=relu_rate, residual_rate=residual_rate) for _ in range(layers)]
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        mask: Bool[Tensor, "#batch 1 #time time"] | None = None,
        pooled: Int[Tensor, "batch kept"] | None = None,
    ) -> Float[Tensor, "batch kept width"]:
        """Return every step, or only the `pooled` ones of each row: the last layer then computes no others.

        Pooled steps see every step that the last row of a causal mask sees: `mask` is cut to their rows.
        """
        for index, layer in enumerate(self.layers):
            last = index == len(self.layers) - 1
            x = self._layer(layer, x, mask, pooled if last else None)  # type: ignore[arg-type]
        return self.norm(x)

    def _layer(self, layer: ParallelLayer, x: Tensor, mask: Tensor | None, pooled: Tensor | None) -> Tensor:
        weight, bias = layer.projections()
        weight, bias, n = weight[0], bias[0], normalised(x)
        width = layer.width
        if pooled is None:
            q, k, v = project_heads(n, weight, bias, self.heads, 3)
        else:
            k, v = project_heads(n, weight[width:], bias[width:], self.heads, 2)
            rows = torch.arange(len(x), device=x.device)[:, None]
            (q,) = project_heads(n[rows, pooled], weight[:width], bias[:width], self.heads)
            x = x[rows, pooled]
            if mask is not None and mask.shape[2] > 1:
                mask = mask.expand(len(x), -1, -1, -1)[rows, 0, pooled][:, None]
        gathered = attend(q, k, v, mask, self.rate if self.training else 0.0)
        return layer.finish(x[None], [gathered], [None])[0]
