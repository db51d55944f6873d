"""The pages of events for everybody: the catalogue, an event, and what is left of its tickets."""
