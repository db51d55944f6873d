"""The stock: how many tickets are left, in PostgreSQL (the record) and live in Redis."""
