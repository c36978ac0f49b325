"""The one place that builds Seam's client from the settings."""

import math
from functools import lru_cache

from django.conf import settings

from locks.seam import SeamClient

READ_WITHIN = 2.0  # seconds


def seam_client() -> SeamClient:
    """This process's client; its connections are shared by all threads."""
    return _client(settings.SEAM_ENDPOINT)


def impatient_client() -> SeamClient:
    """One for reads in a thread that has more urgent things to do: what is slow is asked again later."""
    return _client(settings.SEAM_ENDPOINT, READ_WITHIN)


@lru_cache(maxsize=4)
def _client(endpoint: str, read_within: float = math.inf) -> SeamClient:
    return SeamClient(
        api_key=settings.SEAM_API_KEY,
        endpoint=endpoint,
        answer_timeout=settings.UNLOCK_ANSWER_TIMEOUT,
        read_timeout=min(settings.UNLOCK_ANSWER_TIMEOUT, read_within),
    )
