"""The integration tests of the docker package, on Docker and on the embedded engine."""
