"""Turn accepted data into numbers that models take; everything fitted is stored and can be applied to new rows."""

from __future__ import annotations

from pathlib import Path

from mmcore.atomic import atomic_directory
from mmcore.data import load_dataset, save_dataset
from mmcore.data.preprocess import fit_preprocessing
from tasks.acquire import dataset_parameters, prepare_workspace
from tasks.parameters import load_parameters
from tasks.tracking import task


@task
def fit_and_apply(dataset: str, root: Path) -> Path:
    """Fit on training rows, apply to all, write the fitted state and the preprocessed dataset."""
    parameters = load_parameters(root)
    options = {**parameters.preprocess, **dataset_parameters(dataset, parameters).preprocess}
    workspace = prepare_workspace(dataset, root)
    accepted = load_dataset(workspace / "accepted")
    fitted = fit_preprocessing(accepted, options, seed=parameters.seed)
    with atomic_directory(workspace / "preprocessing") as aside:
        fitted.save(aside)
    place = workspace / "preprocessed"
    save_dataset(fitted.apply(accepted), place)
    return place
