"""The HTTP front of the job service: requests to use cases, errors to statuses."""
