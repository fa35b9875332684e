"""What beats go through unchanged: queues, forks, changes of the lanes, cuts."""
