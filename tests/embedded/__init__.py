"""The embedded engine by itself: what no contract with Docker tells."""
