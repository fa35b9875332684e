"""Trainings of digits that ``scripts/bench_training`` measures: ``digits``, ``search``."""
