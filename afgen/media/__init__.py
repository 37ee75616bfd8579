"""The only code that opens media files or runs ffmpeg."""
