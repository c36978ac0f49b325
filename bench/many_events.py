"""Fill a PostgreSQL database with a history of many events: `python -m bench.many_events --events N`.

It writes to the database that DATABASE_URL names, which must be migrated and empty: twenty buildings,
2,000 doors, 200 clerks; presses over a year, two events each. The rows are made by the server itself,
without the record's guards, and their hashes prove nothing: they are for measuring reads alone.
"""

import argparse
import os
import time

import psycopg

BUILDINGS, DOORS_EACH, CLERKS = 20, 100, 200
TABLES = ("locks_auditevent", "locks_auditdetail", "locks_unlockrequest")
STRIDE = 2**40

PLACES = f"""
INSERT INTO locks_building (id, name, time_zone, help_line, frozen, frozen_reason, quiet_from, quiet_until)
SELECT b, 'House ' || b, 'Europe/Lisbon', '', false, '', '23:00', '06:00' FROM generate_series(1, {BUILDINGS}) b;
INSERT INTO locks_auditchain (id, key, building_id, length, head, changes)
SELECT b, 'building-' || b, b, 0, repeat('0', 64), 0 FROM generate_series(1, {BUILDINGS}) b;
INSERT INTO locks_device (id, building_id, seam_device_id, workspace_id, label, area, access, seam_name,
  reviewed_seam_name, manufacturer, model, online, locked, can_remotely_unlock, battery_status, errors, warnings,
  frozen, frozen_reason, break_glass)
SELECT d, 1 + (d - 1) / {DOORS_EACH}, 'device-' || d, '', 'Room ' || d, '', 'private', '', '', '', '', true, true,
  true, '', '[]', '[]', false, '', false FROM generate_series(1, {BUILDINGS * DOORS_EACH}) d;
INSERT INTO locks_user (id, password, is_superuser, username, email, is_staff, is_active, date_joined, name, is_demo)
SELECT p, '!', p = 1, 'clerk' || p, '', p = 1, true, now(), 'Clerk ' || p, false FROM generate_series(1, {CLERKS}) p;
INSERT INTO locks_assignment (person_id, building_id, role, weekly_hours, granted_at)
SELECT 2, 7, 'manager', '[]', now();
"""

# Of each request: its building, its door (each fifth is the building's first) and its clerk; the moment, over
# a year. Each clerk works in one building. What the filters look for is frequent enough to fill a page of the
# short history, too, for pages of the same length to be compared; failures are rare, and fill one of the long.
SPREAD = f"""
  SELECT r, nth, 1 + r % {BUILDINGS} AS b,
    (r % {BUILDINGS}) * {DOORS_EACH} + 1 + CASE WHEN nth % 5 = 0 THEN 0 ELSE nth % {DOORS_EACH} END AS d,
    1 + (r * 7) % {CLERKS} AS p, now() - (%(requests)s - r) * (interval '365 days' / %(requests)s) AS at,
    CASE WHEN nth % 10 = 7 THEN 'unknown' WHEN nth % 1000 = 1 THEN 'failed' ELSE 'unlocked' END AS status
  FROM (SELECT r, r / {BUILDINGS} AS nth FROM generate_series(0, %(requests)s - 1) r) numbers
"""

REQUESTS = f"""
INSERT INTO locks_unlockrequest (id, device_id, building_id, requested_by_id, door_label, person_name, status,
  reason, identified_by, pressed_again, requested_at, send_by, call_deadline, resolve_by, ended_at,
  code, action_attempt_id, confirmed_by_device, error_type, error_message, seam_request_id, may_still_act,
  inferred, out_of_hours, overridden, took_ms)
SELECT r + 1, d, b, p, 'Room ' || d, 'Clerk ' || p, status, 'Booking ' || r, 'booking_matched', false,
  at, at, at, at, CASE WHEN status <> 'unknown' THEN at + interval '4 s' END,
  CASE status WHEN 'failed' THEN 'lock_error' WHEN 'unknown' THEN 'no_outcome' ELSE '' END,
  'attempt-' || r, CASE WHEN status = 'unlocked' THEN r % 20 <> 2 END, CASE status WHEN 'failed' THEN 'lock_jammed' ELSE '' END,
  '', 'request-' || r, status = 'failed', false, nth % 10 = 3, '', CASE WHEN nth % 10 = 4 THEN 12000 ELSE 4000 END
FROM ({SPREAD}) each;
"""

EVENTS = f"""
INSERT INTO locks_auditevent (id, chain_id, sequence, format, kind, at, actor_id, device_id, request_id,
  detail_hash, previous_hash, hash)
SELECT b * {STRIDE} + 2 * (r / {BUILDINGS}) + part, b, 2 * (r / {BUILDINGS}) + part, 1,
  CASE WHEN part = 1 THEN 'unlock.requested' ELSE 'unlock.' || status END,
  at + (part - 1) * interval '4 s', p, d, r + 1, md5(r || 'd') || md5(r || 'e'), md5(r || 'p') || md5(r || 'q'),
  md5(r || 'h') || md5(r || 'i')
FROM ({SPREAD}) each CROSS JOIN generate_series(1, 2) part;
"""

DETAILS = f"""
INSERT INTO locks_auditdetail (event_id, salt, body)
SELECT b * {STRIDE} + 2 * (r / {BUILDINGS}) + part, md5(r || 's') || md5(r || 't'),
  '{{"action_attempt_id":"attempt-' || r || '","building":"House ' || b || '","door":"Room ' || d
  || '","identified_by":"booking_matched","person":"Clerk ' || p || '","reason":"'
  || CASE WHEN r / {BUILDINGS} % 10 = 0 THEN 'Courier, booking ' ELSE 'Booking ' END || r || '","username":"clerk' || p || '"}}'
FROM ({SPREAD}) each CROSS JOIN generate_series(1, 2) part;
"""

FINISH = f"""
UPDATE locks_auditchain SET length = 2 * (%(requests)s / {BUILDINGS}),
  head = (SELECT hash FROM locks_auditevent e WHERE e.id = locks_auditchain.id * {STRIDE} + 2 * (%(requests)s / {BUILDINGS}));
SELECT setval(pg_get_serial_sequence('locks_' || name, 'id'), {STRIDE // 2})
FROM unnest(ARRAY['building', 'auditchain', 'device', 'user', 'unlockrequest']) name;
"""


def fill(url: str, *, events: int, say: bool = False) -> None:
    """Write a history of `events` events (a multiple of 40), half as many requests; up to half an hour."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("SET maintenance_work_mem = '2GB'")
        link.execute("SET synchronous_commit = off")
        link.execute("SET session_replication_role = replica")  # no look-up of foreign keys
        _guards(link, "DISABLE")
        indexes = _without_indexes(link)
        requests = {"requests": events // 2}
        for name, text in (
            ("places", PLACES),
            ("requests", REQUESTS),
            ("events", EVENTS),
            ("details", DETAILS),
            ("chains", FINISH),
            *((index.split()[2], index) for index in indexes),
            *((f"vacuum {table}", f"VACUUM (ANALYZE) {table}") for table in TABLES),
        ):
            began = time.monotonic()
            # Each piece may be several statements: sent as one text, its numbers are written into it.
            link.execute(text.replace("%(requests)s", str(requests["requests"])))
            if say:
                print(f"{name:<60} {time.monotonic() - began:7.1f} s", flush=True)
        _guards(link, "ENABLE ALWAYS")
        link.execute("ANALYZE")


def _guards(link: psycopg.Connection, how: str) -> None:
    """Switch the record's triggers: they would look at each row of millions."""
    for table in ("locks_auditevent", "locks_auditdetail", "locks_auditchain"):
        names = link.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            (table,),
        ).fetchall()
        for (name,) in names:
            link.execute(f'ALTER TABLE {table} {how} TRIGGER "{name}"')


def _without_indexes(link: psycopg.Connection) -> list[str]:
    """Drop what only makes reading fast, and return how to make it again: once is quicker."""
    found = link.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
        " AND indexdef NOT LIKE 'CREATE UNIQUE%%' ORDER BY indexname",
        (list(TABLES),),
    ).fetchall()
    for name, _definition in found:
        link.execute(f'DROP INDEX "{name}"')
    return [definition for _name, definition in found]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=10_000_000)
    fill(os.environ["DATABASE_URL"], events=options.parse_args().events, say=True)


if __name__ == "__main__":
    main()
