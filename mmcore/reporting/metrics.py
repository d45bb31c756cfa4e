"""How each metric is called and printed: shares as percent and points, the rest in the label's own unit."""

from __future__ import annotations

from dataclasses import dataclass

from mmcore.reporting import format as fmt


@dataclass(frozen=True)
class Metric:
    """A metric's name in words, its direction and how its values are printed."""

    key: str
    words: str
    share: bool
    higher_is_better: bool
    unit: str = ""

    @property
    def factor(self) -> float:
        """What a stored value is multiplied with before it is printed or drawn."""
        return 100.0 if self.share else 1.0

    @property
    def decimals(self) -> int:
        """Decimals in print."""
        return 1 if self.share else 3

    @property
    def column(self) -> str:
        """The head of a column of values."""
        return (
            f"{fmt.capital(self.words)}, %"
            if self.share
            else fmt.capital(self.words) + (f", {self.unit}" * bool(self.unit))
        )

    @property
    def difference_unit(self) -> str:
        """The unit of a difference."""
        return "points" if self.share else self.unit

    @property
    def improved(self) -> str:
        """What a good contribution does to it, as the verb before its name: `adds to`, or of an error `takes off`."""
        return "adds to" if self.higher_is_better else "takes off"

    def number(self, value: float) -> str:
        """Return the value without its unit."""
        return fmt.number(self.factor * value, self.decimals)

    def value(self, value: float) -> str:
        """Return the value with its unit."""
        unit = "%" if self.share else self.unit
        return self.number(value) + (f"{fmt.NBSP}{unit}" if unit else "")

    def signed(self, difference: float) -> str:
        """Return a difference with its sign, without its unit."""
        return fmt.number(self.factor * difference, self.decimals, signed=True)

    def amount(self, difference: float) -> str:
        """Return the size of a difference with its unit."""
        unit = self.difference_unit
        return fmt.number(abs(self.factor * difference), self.decimals) + (f"{fmt.NBSP}{unit}" if unit else "")

    def interval(self, low: float | None, high: float | None, *, signed: bool = False) -> str:
        """Return the interval, or the words for there being none."""
        if low is None or high is None:
            return "no interval"
        return fmt.interval(self.factor * low, self.factor * high, self.decimals, signed=signed)


# (key, words, share, higher is better)
_METRICS: tuple[tuple[str, str, bool, bool], ...] = (
    ("accuracy", "accuracy", True, True),
    ("balanced_accuracy", "balanced accuracy", True, True),
    ("subset_accuracy", "share of rows with every label right", True, True),
    ("f1_macro", "macro F1", True, True),
    ("f1_micro", "micro F1", True, True),
    ("f1_weighted", "weighted F1", True, True),
    ("auroc", "area under the ROC curve", True, True),
    ("auprc", "area under the precision-recall curve", True, True),
    ("acc7", "accuracy in 7 levels", True, True),
    ("acc5", "accuracy in 5 levels", True, True),
    ("acc2", "accuracy of the sign", True, True),
    ("f1_nonzero", "weighted F1 of the sign", True, True),
    ("pearson", "correlation", False, True),
    ("average_precision", "average precision", True, True),
    ("mean_absolute_error", "mean absolute error", False, False),
    ("mae", "mean absolute error", False, False),
    ("root_mean_squared_error", "root mean squared error", False, False),
    ("rmse", "root mean squared error", False, False),
    ("mse", "mean squared error", False, False),
    ("r2", "R squared", False, True),
    ("correlation", "correlation", False, True),
    ("log_loss", "log loss", False, False),
    ("brier", "Brier score", False, False),
)
_UNITLESS = ("r2", "correlation", "pearson", "log_loss", "brier", "mse")


def metric_named(key: str, higher_is_better: bool | None = None, unit: str | None = None) -> Metric:
    """Return the metric; one that the table does not know keeps its own name and plain numbers.

    Example:
        >>> metric_named("f1_macro").value(0.5), metric_named("mae", unit="kg").value(1.25)
        ('50.0\\xa0%', '1.250\\xa0kg')
    """
    for known, words, share, higher in _METRICS:
        if known == key:
            up = higher if higher_is_better is None else higher_is_better
            return Metric(key, words, share, up, "" if share or key in _UNITLESS else unit or "")
    return Metric(key, key.replace("_", " "), False, higher_is_better is not False)
