"""Metrics over images and poses on disk, whoever made them."""
