"""Fetching RealEstate10K's videos: one video, all of a split, and what became of each."""
