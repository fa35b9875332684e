"""What beats go through unchanged: queues, changes of the lanes, cuts."""
