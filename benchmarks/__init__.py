"""Measurements that print tables; none is a timed test. `make bench` runs them."""
