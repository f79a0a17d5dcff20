"""Data sets, one a file. Import the file: each brings its own libraries."""
