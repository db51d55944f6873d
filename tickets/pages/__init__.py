"""The pages of the shop about tickets: showing, keeping and handing on."""
