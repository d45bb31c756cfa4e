"""The shape of `params.yaml`: every number a user may change, grouped by the flow that reads it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[float, Field(gt=0.5, lt=1)]
Count = Annotated[int, Field(ge=1)]
Draws = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Positive = Annotated[float, Field(gt=0)]
DatasetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class Group(BaseModel):
    """A block of parameters: frozen, of the type it says, and a key that nothing reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Windows(Group):
    """Cutting recordings into windows, in seconds."""

    seconds: Positive
    stride: Positive | None = None


class Ranges(Group):
    """Allowed range of a modality's numbers; outside, the row is quarantined."""

    low: float | None = None
    high: float | None = None


class DatasetParameters(Group):
    """One dataset: where it comes from, and what differs from the common settings."""

    source: dict[str, Any]
    windows: Windows | None = None
    ranges: dict[str, Ranges] = {}
    preprocess: dict[str, dict[str, Any]] = {}
    align: dict[str, Any] = {}
    estimate: dict[str, Any] = {}
    select: dict[str, Any] = {}
    train: dict[str, Any] = {}
    evaluate: dict[str, Any] = {}
    explain: dict[str, Any] = {}


class Validate(Group):
    """Acceptance of a dataset."""

    max_quarantine_share: Share
    min_class_rows: Count
    max_missing_share: Share
    max_class_imbalance: Positive
    max_drift: Positive
    max_label_drift: Positive
    max_missing_drift: Share
    data_docs: bool


class Estimate(Group):
    """How the modalities interact, and what is too uncertain to go on with."""

    method: str
    compare: list[str]
    rows: Literal["all", "heldout"]
    clusters: Count | Literal["auto"]
    max_clusters: Annotated[int, Field(ge=2)]
    components: Count
    discretiser: str
    n_folds: Annotated[int, Field(ge=2)]
    rows_per_cell: Positive
    n_boot: Draws
    n_null: Draws
    level: Level
    correction: str
    interval: str
    label_bins: Annotated[int, Field(ge=2)]
    solver: str
    tol: Positive
    max_gap: Positive
    max_residual: Positive
    min_rows_per_cell: Positive
    max_bias_share: Positive
    too_few_rows: Literal["fail", "report"]

    def of(self, dataset: DatasetParameters) -> Estimate:
        """The settings of one dataset: these, with what its own block states otherwise."""
        return Estimate.model_validate({**self.model_dump(), **dataset.estimate})

    @property
    def gates(self) -> dict[str, Any]:
        """What is too uncertain to go on with."""
        return {name: getattr(self, name) for name in ("max_gap", "max_residual", "too_few_rows")}

    @property
    def options(self) -> dict[str, Any]:
        """What the estimate is made with: all but the gates."""
        return {name: value for name, value in self.model_dump().items() if name not in self.gates}


Rule = Annotated[str, Field(min_length=1)]


class Advice(Group):
    """Which rows are labelled and which are paired without a label, for advice before labels."""

    labelled: Rule
    paired: Rule = "rest"
    held: str | list[str] | None = None
    candidates: list[str] | None = None
    least_gain: Share = 0.01
    least_loss: Annotated[float, Field(ge=0)] = 0.01
    n_boot: Draws = 100
    level: Level = 0.95
    max_clusters: Annotated[int, Field(ge=2)] = 8
    rows_per_cell: Positive = 5.0

    @property
    def options(self) -> dict[str, Any]:
        """What the advice is computed with: all but the rows and the modalities."""
        return self.model_dump(exclude={"labelled", "paired", "held", "candidates"})


class Select(Group):
    """Which models are proposed from the interactions, and what is advised before labels."""

    top: Count
    budget: Positive | None
    bank: bool
    advice: Advice | None

    def of(self, dataset: DatasetParameters) -> Select:
        """The settings of one dataset: these, with what its own block states otherwise."""
        return Select.model_validate({**self.model_dump(), **dataset.select})


class Train(Group):
    """Which models are trained beside the proposed ones, and how all of them are."""

    models: list[str]
    encoders: dict[str, str | dict[str, Any]]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    metric: str
    tune_trials: Draws
    retrain_subsets: str | None
    epochs: Count
    batch_size: Count | Literal["auto"]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    patience: Count
    width: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    modality_dropout: Annotated[float, Field(ge=0, lt=1)]
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["32-true", "64-true", "bf16-mixed"]
    devices: Count
    compile: bool
    deterministic: bool
    threads: Count
    workers: Count

    def of(self, dataset: DatasetParameters) -> Train:
        """The settings of one dataset: these, with what its own block states otherwise."""
        return Train.model_validate({**self.model_dump(), **dataset.train})


class Evaluate(Group):
    """How models are compared."""

    level: Level
    metric: str
    min_gain: Annotated[float, Field(ge=0)]
    interval: str
    metric_tags: list[str]
    noise_levels: list[Annotated[float, Field(gt=0, le=1)]]
    noise_models: Literal["deciding", "all"]
    noise_seeds: Count
    coverage: Level
    slices: list[str]

    def of(self, dataset: DatasetParameters) -> Evaluate:
        """The settings of one dataset: these, with what its own block states otherwise."""
        return Evaluate.model_validate({**self.model_dump(), **dataset.evaluate})


class Explain(Group):
    """What the recommended model uses, and which interactions the models use."""

    n_repeats: Count
    interactions: Literal["proposed", "all", "none"]
    atom_rows: Count
    n_boot: Draws
    masked_rows: Annotated[int, Field(ge=2)]
    masked_draws: Count

    def of(self, dataset: DatasetParameters) -> Explain:
        """The settings of one dataset: these, with what its own block states otherwise."""
        return Explain.model_validate({**self.model_dump(), **dataset.explain})


class Report(Group):
    """What is emitted."""

    pdf: bool


class Schedule(Group):
    """When the pipeline runs by itself, and where its reports go."""

    cron: str
    timezone: str
    datasets: list[str]
    publish: str
    push: bool
    lock_timeout_s: Positive


class Parameters(Group):
    """`params.yaml` as a whole."""

    seed: Seed
    datasets: Annotated[dict[DatasetName, DatasetParameters], Field(min_length=1)]
    validation: Validate = Field(alias="validate")
    preprocess: dict[str, dict[str, Any]]
    estimate: Estimate
    select: Select
    train: Train
    evaluate: Evaluate
    explain: Explain
    report: Report
    schedule: Schedule
