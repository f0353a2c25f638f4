"""Camera poses, video frames and frame pairs of RealEstate10K-format data."""
