"""Cost: bytes, parameters and operations by hand, models left as they were; Pareto fronts by brute force."""

import itertools

import numpy as np
import pytest

from mmcore.errors import InputError
from mmcore.evaluation.efficiency import measure, measure_on, pareto_front, peak_tensor_bytes

torch = pytest.importorskip("torch")


class Chain(torch.nn.Module):
    """x -> W2 relu(W1 x), with what the cost functions ask of a built model."""

    def __init__(self, width=64, d=32, frozen=False):
        super().__init__()
        from mmcore.data.spec import ModalitySpec

        self.first, self.second = torch.nn.Linear(d, width), torch.nn.Linear(width, 2)
        self.first.requires_grad_(not frozen)
        self.specs, self.modalities = (ModalitySpec("a", "tabular", (d,), "float32"),), ("a",)

    def forward(self, inputs, presence=None, lengths=None):
        return self.second(torch.relu(self.first(inputs["a"])))


def test_bytes_alive_at_once_by_hand():
    x = torch.zeros(100, 100)  # 40 000 bytes a copy

    def keep_all():
        a = x + 1
        b = a * 2
        c = b - 3
        return a, b, c

    def pass_on():
        y = x
        for _ in range(10):
            y = y + 1
        return y

    assert peak_tensor_bytes(keep_all) == 120_000
    assert peak_tensor_bytes(pass_on) == 80_000  # the old and the new one
    assert peak_tensor_bytes(lambda: x.view(-1)[5:]) == 0  # views hold no storage of their own
    assert peak_tensor_bytes(lambda: x.clone().add_(1).mul_(2)) == 40_000  # nor do changes in place
    assert peak_tensor_bytes(lambda: x.double()) == 80_000


def test_backward_holds_what_it_needs():
    # y = exp(x) is saved for the gradient; the sum's gradient is a view; grad of x is new: y, loss, x.grad
    x = torch.zeros(1000, requires_grad=True)

    def step():
        x.grad = None
        x.exp().sum().backward()

    assert 8_000 <= peak_tensor_bytes(step) <= 12_100
    with_graph, without = (peak_tensor_bytes(f) for f in (lambda: chain(x), lambda: chain(x.detach())))
    assert with_graph >= 4 * without / 2  # the graph keeps every exp, no graph keeps two


def chain(x):
    for _ in range(8):
        x = torch.exp(x * 0.1)
    return x


def test_counts_of_a_known_network():
    model, x = Chain(frozen=True), {"a": torch.zeros(10, 32)}
    cost = measure(model, x, repeats=1)
    assert cost.n_parameters == 32 * 64 + 64 + 64 * 2 + 2 and cost.n_trainable == 64 * 2 + 2
    assert cost.flops == 2 * (32 * 64 + 64 * 2) and cost.batch_size == 10
    # the peak is hidden layer and its relu: 10 x 64 floats each (the output comes when the first is gone)
    assert cost.forward_bytes == 2 * 10 * 64 * 4
    assert measure(model, {"a": torch.zeros(20, 32)}, repeats=1).forward_bytes == 2 * cost.forward_bytes
    assert cost.step_seconds is None and cost.step_bytes is None


def test_a_step_costs_more_than_a_forward_pass_and_changes_nothing():
    model = Chain(width=512, d=256)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, was_training = torch.random.get_rng_state(), model.training
    cost = measure(model, {"a": torch.randn(64, 256, generator=torch.Generator().manual_seed(0))},
                   loss=torch.nn.functional.cross_entropy, targets=torch.zeros(64, dtype=torch.long))  # fmt: skip
    assert cost.step_seconds > 0 and cost.forward_seconds > 0 and cost.step_bytes > cost.forward_bytes
    # gradients of all parameters at least
    assert cost.step_bytes > 4 * cost.n_trainable
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training == was_training and torch.equal(state, torch.random.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


def test_bytes_repeat():
    x = {"a": torch.zeros(256, 512)}
    one, two = (measure(Chain(width=8, d=512), x, repeats=1) for _ in range(2))
    assert one.forward_bytes == two.forward_bytes and one.flops == two.flops


def test_seconds_are_medians_of_the_clock_a_sample(monkeypatch):
    # a clock that only this test moves: passes take 1, 2, 9, 3 and 4 seconds; an idle machine is not assumed
    ticks = iter(np.cumsum([0, 1, 0, 2, 0, 9, 0, 3, 0, 4] * 2).tolist())
    monkeypatch.setattr("mmcore.evaluation.efficiency.time.perf_counter", lambda: next(ticks))
    cost = measure(Chain(), {"a": torch.zeros(10, 32)}, loss=torch.nn.functional.cross_entropy,
                   targets=torch.zeros(10, dtype=torch.long), repeats=5)  # fmt: skip
    assert cost.forward_seconds == cost.step_seconds == 3 / 10


def test_built_models_are_measured_on_a_dataset_with_ragged_and_absent_rows():
    from mmcore.data import from_arrays
    from mmcore.models import build_model
    from mmcore.models.cost import count_flops

    rng = np.random.default_rng(0)
    arrays = {"a": [rng.normal(size=(3 + i % 4, 2)).astype(np.float32) for i in range(12)],
              "b": rng.normal(size=(12, 5)).astype(np.float32)}  # fmt: skip
    for labels in (np.arange(12) % 3, rng.normal(size=12)):
        ds = from_arrays(arrays, labels=labels, presence={"b": np.arange(12) % 3 > 0}, split=["train"] * 12)
        model = build_model("late_fusion", ds.spec)
        cost = measure_on(model, ds, np.arange(12), repeats=1, warmup=0)
        assert cost.flops == count_flops(model, ragged_length=6) > count_flops(model, ragged_length=1)
        assert cost.batch_size == 12 and cost.step_bytes > 0 and cost.flops > 0
        assert set(cost.to_dict()) >= {"n_parameters", "flops", "forward_seconds", "step_seconds", "device", "threads"}
    unlabelled = from_arrays(arrays, labels=[None, *"xyxyxyxyxyx"], split=["train"] * 12)
    with pytest.raises(InputError):
        measure_on(build_model("late_fusion", unlabelled.spec), unlabelled, np.arange(12))


@pytest.mark.parametrize("higher", [True, False])
def test_the_front_by_comparing_everything(higher):
    rng = np.random.default_rng(1)
    costs, scores = rng.integers(0, 12, 60).astype(float), rng.integers(0, 12, 60).astype(float)
    front, sign = pareto_front(costs, scores, higher_is_better=higher), 1 if higher else -1
    for i in range(60):
        dominated = any(
            costs[j] <= costs[i] and sign * scores[j] >= sign * scores[i]
            and (costs[j], scores[j]) != (costs[i], scores[i]) for j in range(60)
        )  # fmt: skip
        assert front[i] == (not dominated)
    order = np.argsort(costs[front], kind="stable")
    along = sign * scores[front][order]
    assert all(a <= b for a, b in itertools.pairwise(along))
    assert np.array_equal(pareto_front(np.exp(costs), 3 * scores + 1, higher_is_better=higher), front)


@pytest.mark.parametrize(
    "call",
    [
        lambda: pareto_front([], []),
        lambda: pareto_front([1.0], [1.0, 2.0]),
        lambda: pareto_front([1.0], [float("nan")]),
        lambda: measure(Chain(), {"a": torch.zeros(0, 32)}),
        lambda: measure(Chain(), {"a": torch.zeros(2, 32)}, repeats=0),
        lambda: measure(Chain(), {"a": torch.zeros(2, 32)}, loss=torch.nn.functional.cross_entropy),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputError):
        call()
