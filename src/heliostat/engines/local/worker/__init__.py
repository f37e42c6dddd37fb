"""What runs in a worker process: the loop, the executor of tasks, the host of an actor."""
