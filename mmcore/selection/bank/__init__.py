"""The bank: what every method of the zoo reached in worlds whose interactions are known, with what it cost."""

from mmcore.selection.bank.table import Bank, read_bank

__all__ = ["Bank", "read_bank"]
