"""Sampling: frames drawn in memory, the storage of a run, and the loop that ties both."""
