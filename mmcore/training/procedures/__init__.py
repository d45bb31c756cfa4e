"""Procedures of training: functions of a `mmcore.training.methods.Training` that return a `FitResult`."""
