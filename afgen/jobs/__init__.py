"""The domain of the job service: what a job is, where it is kept, and what may be done with it.

The row is the truth; a message only wakes a worker. Nothing in here imports torch or FastAPI.
"""
