"""The blocking face: the same objects, run on an event loop in another thread."""
