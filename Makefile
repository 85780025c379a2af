# Thin over bootstrap.py, which works without make too: python3 bootstrap.py lab
PYTHON ?= python3

.PHONY: lab test bench setup release-check

lab test bench setup release-check:
	@"$(PYTHON)" -E bootstrap.py $@ $(ARGS)
