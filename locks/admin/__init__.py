"""The admin: the record, and the settings of people and places, for managers and superusers.

Importing this package registers every subject with `locks.admin.site.site`.
"""

from locks.admin import (
    alerts,
    inviting,
    people,
    pick_lists,
    places,
    proofs,
    record,
    reviews,
    roles,
    shared_pcs,
    unlocks,
)

__all__ = [
    "alerts",
    "inviting",
    "people",
    "pick_lists",
    "places",
    "proofs",
    "record",
    "reviews",
    "roles",
    "shared_pcs",
    "unlocks",
]
