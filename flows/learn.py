"""DVC stage `learn`: train, evaluate, explain."""

from __future__ import annotations

from pathlib import Path

from flows.stage import run_stage
from tasks.tracking import flow


@flow
def learn(dataset: str, root: Path = Path()) -> Path:
    """Fit the candidates and the baselines, decide on validation, read test rows once, explain."""
    from flows.evaluate import evaluate
    from flows.explain import explain
    from flows.train import train
    from tasks.learn import publish_learning

    train(dataset, root)
    evaluate(dataset, root)
    explain(dataset, root)
    return publish_learning(dataset, root)


if __name__ == "__main__":
    run_stage(learn)
