"""The page with which a phone checks tickets at the door, and its service worker."""
