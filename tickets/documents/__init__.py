"""What a buyer keeps: the tickets as PDF, and the event for a calendar."""
