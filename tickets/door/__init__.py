"""The door: devices, check-in, its undoing, and who came."""
