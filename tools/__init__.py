"""What `make` runs: the supervisor, the checks, real servers for the tests. No part of the app."""
