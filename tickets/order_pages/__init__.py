"""The pages of the admin on which staff act on an order or a ticket, and an order's timeline."""
