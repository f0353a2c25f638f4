"""Made-up furnished rooms with exact cameras: what stands in them, walks through them, pictures of them, clips."""
