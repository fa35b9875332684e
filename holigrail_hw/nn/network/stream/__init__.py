"""The style *stream*: one unit per layer, joined by queues."""
