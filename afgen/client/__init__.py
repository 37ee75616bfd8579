"""A client of the service: what the command line asks for, over HTTP.

It knows the interface under /v1 and nothing of what is behind it.
"""
