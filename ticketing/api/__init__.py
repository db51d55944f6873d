"""What all endpoints share: authentication, rate limits, problem documents and pagination."""
