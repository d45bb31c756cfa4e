"""The dataset contract: build one from arrays, load it, save it."""

from mmcore.data.arrays import from_arrays
from mmcore.data.dataset import Dataset
from mmcore.data.ragged import Ragged
from mmcore.data.spec import DatasetSpec, LabelSpec, ModalitySpec
from mmcore.data.storage import load_dataset, save_dataset

__all__ = [
    "Dataset",
    "DatasetSpec",
    "LabelSpec",
    "ModalitySpec",
    "Ragged",
    "from_arrays",
    "load_dataset",
    "save_dataset",
]
