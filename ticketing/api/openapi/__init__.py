"""What the document says about all operations. Views use `ticketing.api.schema`."""
