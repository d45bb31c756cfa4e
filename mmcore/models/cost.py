"""What a model costs by counting, not by measuring: parameters, and floating-point operations of one sample.

The counts are the same on every machine, so they may stand in cached results; measured time may not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters.

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def zero_inputs(model: nn.Module, *, ragged_length: int = 100) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return inputs and lengths of one sample of zeros in the shapes that a built model expects."""
    device = next(model.parameters()).device
    inputs, lengths = {}, {}
    for modality in model.specs:  # type: ignore[union-attr]
        shape = [ragged_length if size is None else int(size) for size in modality.shape]
        inputs[modality.name] = torch.zeros(1, *shape, device=device)
        if modality.ragged:
            lengths[modality.name] = torch.tensor([ragged_length], device=device)
    return inputs, lengths


def _fused_on_cpu() -> dict[Any, Any]:
    """Operations that torch fuses on a CPU and its counter does not know -> what counts them from shapes."""
    from torch.utils.flop_counter import sdpa_flop_count

    def attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
        return sdpa_flop_count(query, key, value)

    def recurrent(values: Any, weight_input: Any, weight_hidden: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
        steps = math.prod(values[:-1])
        return 2 * steps * (math.prod(weight_input) + math.prod(weight_hidden))

    return {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention,
        torch.ops.aten.mkldnn_rnn_layer: recurrent,
    }


def count_flops(model: nn.Module, *, ragged_length: int = 100) -> int:
    """Return the floating-point operations of one forward pass of one sample.

    Counts matrix products, convolutions and attention (2 operations a multiply-add, `torch.utils.flop_counter`);
    element-wise work is not counted. A ragged modality is taken at `ragged_length` steps.

    Example:
        >>> import numpy as np
        >>> from mmcore.data import from_arrays
        >>> from mmcore.models import build_model
        >>> ds = from_arrays({"a": np.zeros((4, 3))}, labels=[0, 1, 0, 1], name="tiny")
        >>> count_flops(build_model("unimodal:a", ds.spec, width=8)) == 2 * (3 * 8 + 8 * 8 + 8 * 2)
        True
    """
    from torch.utils.flop_counter import FlopCounterMode

    inputs, lengths = zero_inputs(model, ragged_length=ragged_length)
    was_training, learning = model.training, [p for p in model.parameters() if p.requires_grad]
    fast = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    # torch fuses a whole transformer layer in evaluation, and its counter does not look inside.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # The counter trips over views of parameters that want gradients, made while none are recorded.
        for parameter in learning:
            parameter.requires_grad_(False)
        with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_fused_on_cpu()) as counter:
            model(inputs, None, lengths)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for parameter in learning:
            parameter.requires_grad_(True)
        model.train(was_training)
    return int(counter.get_total_flops())
