"""What Binder builds from, without building it."""
