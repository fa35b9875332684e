"""Trained models as what their hardware computes: see :func:`holigrail_hw.torch.export`."""
