"""Every code that can come up has words for it: what happened, and what to do next."""

import ast
import re
from pathlib import Path

import pytest

from locks import words
from locks.models import Action, Device
from locks.services import rights
from locks.views import facts

SERVICES = Path(rights.__file__).parent
# Functions that return, or yield, the code of a refusal.
DECIDE = {
    "why_not",
    "obstacles",
    "_obstacles_in",
    "lacking",
    "why_not_lock",
    "obstacle_to_locking",
    "crossed_by",
}
# What takes the code of a refusal, and at which place; of a failure, by name.
REFUSE = {"_refuse": 1, "NotProved": 0}
FAIL = "Answer"

# Seam's published errors and warnings of a lock (docs.seam.co, "The Lock Object").
ERRORS = [
    "account_disconnected",
    "august_lock_missing_bridge",
    "august_lock_not_authorized",
    "bridge_disconnected",
    "device_disconnected",
    "device_offline",
    "device_removed",
    "empty_backup_access_code_pool",
    "hub_disconnected",
    "lockly_missing_wifi_bridge",
    "missing_device_credentials",
    "salto_ks_subscription_limit_exceeded",
    "subscription_required",
    "ttlock_lock_not_paired_to_gateway",
]
WARNINGS = [
    "accessory_keypad_setup_required",
    "device_communication_degraded",
    "device_has_flaky_connection",
    "hub_required_for_additional_capabilities",
    "keynest_unsupported_locker",
    "lockly_time_zone_not_configured",
    "many_active_backup_codes",
    "max_access_codes_reached",
    "partial_backup_access_code_pool",
    "power_saving_mode",
    "salto_ks_office_mode",
    "salto_ks_privacy_mode",
    "salto_ks_subscription_limit_almost_reached",
    "scheduled_maintenance_window",
    "third_party_integration_detected",
    "ttlock_lock_gateway_unlocking_not_enabled",
    "ttlock_weak_gateway_signal",
    "two_n_device_missing_timezone",
    "ultraloq_time_zone_unknown",
    "unreliable_online_status",
    "wyze_device_missing_gateway",
]


def _words_in(node: ast.AST | None) -> set[str]:
    """String constants that an expression may come to: no arguments, no keys."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) and node.value else set()
    if isinstance(node, ast.IfExp):
        return _words_in(node.body) | _words_in(node.orelse)
    if isinstance(node, ast.Tuple):
        return set().union(*map(_words_in, node.elts))
    if isinstance(node, ast.JoinedStr):  # begins with the name of an action
        return {
            f"{each}{ending}" for each in Action.values for ending in _words_in(node.values[-1])
        }
    return set()


def _codes() -> tuple[set[str], set[str]]:
    """The codes of refusals, and of failures, that the services' source names."""
    refusals, failures = set(rights.BLOCKING.values()), set()
    for path in SERVICES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in DECIDE:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return | ast.Yield):
                        refusals |= _words_in(inner.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in REFUSE and len(node.args) > REFUSE[node.func.id]:
                    refusals |= _words_in(node.args[REFUSE[node.func.id]])
                if node.func.id == FAIL:
                    named = (each.value for each in node.keywords if each.arg == "code")
                    failures |= set().union(*map(_words_in, named))
            if isinstance(node, ast.Assign) and path.name in {"answers.py", "following.py"}:
                failures |= _assigned_code(node)
            if isinstance(node, ast.Assign) and path.name == "unlocking.py":
                refusals |= _assigned_code(node)
    return refusals, failures


def _assigned_code(node: ast.Assign) -> set[str]:
    target = node.targets[0]
    if isinstance(target, ast.Name) and target.id == "code":
        return _words_in(node.value)
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(target.elts, node.value.elts, strict=True)
        return set().union(*(_words_in(v) for t, v in pairs if getattr(t, "id", "") == "code"))
    return set()


REFUSED, FAILED = _codes()


def test_it_has_words_for_each_code_that_the_services_name_and_for_no_other() -> None:
    assert {"no_role", "needs_reason", "door_limit", "wrong_proof", "ask_again"} <= REFUSED
    assert set(words.REFUSALS) == set(words.REFUSALS_IN_SHORT) == REFUSED
    assert {"not_sent", "no_outcome", "attempt_reused", "lock_error"} <= FAILED
    assert FAILED == set(words.FAILURES) == set(words.FAILURES_IN_SHORT)


def test_a_door_that_offers_no_button_has_words_for_whatever_forbids_it() -> None:
    of_the_press = {
        code
        for code in REFUSED
        if code.startswith(("needs", "break", "bad", "wrong", "pin", "proof"))
    }
    typed = {"which_door", "card_number", "unfit_words"}
    meeting = {"not_lockable", "lock_under_way", "unlock_under_way", "news"}
    elsewhere = {"not_yours", "too_late", "ask_again", "person_limit", *typed, *meeting}
    beforehand = REFUSED - of_the_press - elsewhere
    assert beforehand | set(facts.NOT_REMOTE.values()) == set(words.OBSTACLES)


TOLD = [
    (name, code, told)
    for name in (
        *("REFUSALS", "OBSTACLES", "FAILURES", "SEAMS_ERRORS"),
        *("LOCK_REFUSALS", "LOCK_FAILURES", "LOCK_SEAMS_ERRORS"),
    )
    for code, told in getattr(words, name).items()
]


@pytest.mark.parametrize(("table", "code", "told"), TOLD, ids=lambda each: str(each)[:30])
def test_each_says_what_happened_and_what_to_do_next(table, code, told) -> None:
    filled = told.filled(building="North House", reason="Fire drill", when="02:14")
    assert str(filled.happened).endswith((".", "!", ":", "?"))
    assert str(filled.next).endswith((".", "?"))
    assert "{" not in str(filled)


def test_what_a_press_on_lock_is_told_goes_by_the_same_codes_and_never_sends_for_a_key() -> None:
    assert set(words.LOCK_REFUSALS) < REFUSED
    assert set(words.LOCK_FAILURES) < FAILED
    assert set(words.LOCK_SEAMS_ERRORS) == set(words.SEAMS_ERRORS)
    told = [words.failure(code, locking=True) for code in words.FAILURES]
    told += [words.failure("refused", error, locking=True) for error in words.SEAMS_ERRORS]
    told += [words.refusal(code, locking=True) for code in words.LOCK_REFUSALS]
    assert [each for each in told if re.search(r"\ba key\b|another door", each)] == []


@pytest.mark.parametrize("locking", [False, True])
def test_a_refusal_reads_in_short_as_words_and_never_as_its_code(locking: bool) -> None:
    told = [words.refusal_in_short(code, locking=locking) for code in words.REFUSALS]
    assert [each for each in told if not each or "_" in each] == []


@pytest.mark.parametrize("done", [False, True])
def test_what_seam_contradicts_later_says_what_happened_and_what_to_do_next(done: bool) -> None:
    for told in (words.contradicted(unlocked=done), words.lock_contradicted(locked=done)):
        assert str(told.happened).startswith("Seam said later that ")
        assert str(told.next).endswith(".")


@pytest.mark.parametrize("code", ERRORS + WARNINGS)
def test_each_published_code_of_seams_has_a_sentence_of_ours(code) -> None:
    assert words.problem(code, "Seam's own words.") == str(words.PROBLEMS[code])


def test_a_code_that_is_new_shows_seams_own_message_and_else_itself() -> None:
    assert words.problem("new_one", "Seam's own words.") == "Seam's own words."
    assert words.problem("new_one", "") == "new_one"


def test_a_freeze_with_an_end_says_when_it_ends() -> None:
    told = words.obstructed("frozen", building="North House", reason="Fire drill", when="03:00")
    assert told.happened == "North House is frozen: Fire drill."
    assert told.next == "A manager of North House can lift it. It ends by itself at 03:00."


def test_what_a_lock_that_is_not_remote_suffers_from_is_said_where_seam_says_it() -> None:
    def why(**fields: object) -> str:
        return facts.why_not_remote(Device(**fields))

    gateway = {"code": "ttlock_lock_gateway_unlocking_not_enabled"}
    assert why(online=True) == "not_remote"
    assert why(online=False) == "offline"
    assert why(online=False, warnings=[gateway, "odd"]) == "gateway_off"
    assert why(online=True, warnings=None) == "not_remote"


def test_only_errors_that_it_has_words_for_and_that_are_about_more_than_codes_block() -> None:
    assert set(rights.BLOCKING) == set(ERRORS) - words.ABOUT_CODES_ALONE
