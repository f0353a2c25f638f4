"""Posed images or a posed video of one's own, converted to RealEstate10K's format."""
