"""docs/screens.md shows what its folder holds, and stays small enough to be looked at."""

from tools import screens

MOST_BYTES, MOST_IN_ALL = 400_000, 9_000_000


def test_the_page_shows_each_picture_of_its_folder_and_no_other() -> None:
    names = screens.named()
    assert len(names) == len(set(names)) > 20
    kept = {path.stem: path.stat().st_size for path in screens.FOLDER.iterdir()}
    assert set(kept) == set(names), "python -m tools.screens makes them anew"
    assert max(kept.values()) < MOST_BYTES
    assert sum(kept.values()) < MOST_IN_ALL
