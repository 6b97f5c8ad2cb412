"""The accelerator on a V80: what the hardware flow generates."""
