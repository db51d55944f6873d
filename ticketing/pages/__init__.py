"""What any page needs."""
