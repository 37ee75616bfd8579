"""How much the service bears: an open-loop load on its API, and its queue when it is long."""
