"""The admin's home page, the dashboard of each event, and the search across orders and tickets."""
