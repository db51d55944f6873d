"""The parts of the API's document, each by its subject. `ticketing.api.schema` is for views."""
