"""SQS as Celery's transport: it outlives SQS's failures, and shows when each queue was polled."""
