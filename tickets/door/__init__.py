"""The door: its devices, check-in and undo, and attendance."""
