"""Sessions: the loop, the jobs that run it, and the host that keeps sessions open."""
