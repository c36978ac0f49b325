"""Measurements; `make bench` runs them all and writes bench/last.json. Figures, never pass or fail."""
