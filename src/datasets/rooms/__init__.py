"""Made-up furnished rooms with exact cameras: scenes, walks, pictures, clips."""

# Four-walled flats, few of a kind, or rooms that differ far more.
STYLES = ("flats", "varied")
