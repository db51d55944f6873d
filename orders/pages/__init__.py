"""The pages of the shop that sell: choosing tickets, paying, and the page of an order."""
