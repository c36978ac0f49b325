"""Numbers of cards in what people type."""

import pytest

from locks.services.card_numbers import holds_card_number, without_card_numbers


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("4111111111111111", "…1111"),
        ("Paid with 4111 1111 1111 1111, room 12", "Paid with …1111, room 12"),
        ("3782-822463-10005", "…0005"),
        ("4222222222222", "…2222"),
        ("6304000000000000000", "…0000"),
        ("Booking 12345 4111 1111 1111 1111", "Booking 12345 …1111"),
        ("4111.1111.1111.1111 and 5555555555554444", "…1111 and …4444"),
        ("٤١١١١١١١١١١١١١١١", "…١١١١"),
    ],
)
def test_the_number_of_a_card_is_found_and_cut_to_its_last_digits(typed: str, kept: str) -> None:
    assert holds_card_number(typed)
    assert without_card_numbers(typed) == kept
    assert not holds_card_number(kept)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "Guest locked out",
        "B-20417",
        "4111111111111112",  # does not check
        "411111111111",  # too short
        "411111111111111141111111",  # one number, too long
        "+351 912 345 678, from 22:30 to 23:15",
        "2026-03-01 02:14",
    ],
)
def test_other_numbers_stay(typed: str) -> None:
    assert not holds_card_number(typed)
    assert without_card_numbers(typed) == typed
