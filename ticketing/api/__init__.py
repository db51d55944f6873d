"""What every endpoint shares: who is calling, what a refusal looks like, how lists are cut."""
