"""Training steps of our models beside the reference's, in one process on one thread: CPU time and memory."""
