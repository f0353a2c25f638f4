"""Camera files of other systems: every format in a file of its own."""
