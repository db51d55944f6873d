"""Each page of the shop in each of its states, for tests that look at all of them."""
