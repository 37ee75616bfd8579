"""Where files lie: any S3 store or a local folder, behind one interface."""
