"""The page in the browser: look at samples, steer a camera, generate, take it home."""
