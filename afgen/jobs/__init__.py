"""The domain of the job service: no torch, no web framework, no workers."""
