"""What beats go through unchanged: queues, and changes of the lanes."""
