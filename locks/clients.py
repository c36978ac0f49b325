"""The one place that builds Seam's client from the settings."""

from functools import lru_cache

from django.conf import settings

from locks.seam import SeamClient


def seam_client() -> SeamClient:
    """This process's client; its connections are shared by all threads."""
    return _client(settings.SEAM_ENDPOINT)


@lru_cache(maxsize=4)
def _client(endpoint: str) -> SeamClient:
    return SeamClient(
        api_key=settings.SEAM_API_KEY,
        endpoint=endpoint,
        answer_timeout=settings.UNLOCK_ANSWER_TIMEOUT,
        read_timeout=settings.UNLOCK_ANSWER_TIMEOUT,
    )
