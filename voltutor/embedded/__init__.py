"""The embedded engine: the storage part of the Docker Engine API, served on a Unix socket without root and
without Docker, over the kernel's own namespaces and overlay.

A program of its own: nobody imports it and it imports nothing of the kit; `python -m voltutor.embedded` starts
it. Reading order: `storage` chooses where layers lie and how containers run, `sandbox` is what a container's
first process does before it becomes the program, `launcher` starts those processes, `layers`, `images`,
`volumes` and `containers` keep the state, `api` decodes, calls and encodes.
"""
