"""HTTP: each handler decodes a request, calls the engine, encodes the answer."""
