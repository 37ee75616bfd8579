"""What goes over the wire, one module a resource. Each model carries an example of itself."""
