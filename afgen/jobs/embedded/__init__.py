"""The whole service on one machine, without Docker: what `afgen up` starts and looks after."""
