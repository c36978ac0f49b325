"""A Seam-shaped HTTP server for people without a Seam account, and for tests.

Standard library only. It knows nothing of Django, of the rest of `locks`, or of any real door.

    with Simulator(api_key="seam_simulated_key", port=0) as simulator:
        simulator.endpoint  # "http://127.0.0.1:41233"
"""

from .calls import Call
from .catalogue import BEHAVIOURS, CATALOGUE, Behaviour, DoorSpec
from .server import Simulator

__all__ = ["BEHAVIOURS", "CATALOGUE", "Behaviour", "Call", "DoorSpec", "Simulator"]
