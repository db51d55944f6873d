"""Messages, the base of the tasks that process them, and SQS as their transport."""
