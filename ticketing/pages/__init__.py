"""Pages that the apps share: sign-in lockout, and waiting after too many requests."""
