"""Tickets as passes for the wallets of phones: Apple's signed files, and Google's signed links."""
