"""Pages are read as their marks say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.snippets import Command, PageError, commands, matches, snippets

if TYPE_CHECKING:
    from pathlib import Path

_PAGE = """
Text.

```python
print(1)
```

It goes on:

<!-- continues -->
```python
print(2)
```

and prints

<!-- output -->
```text
1
2
```

<!-- file: more.py -->
```python
more = 1
```

<!-- not run: shows a shape only -->
```python
f(...)
```

1. In a list:

   ```console
   $ python more.py
   ```

```toml
not = "run"
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(_PAGE)
    return path


def test_a_page_is_read_by_its_marks(page: Path) -> None:
    program, session = snippets(page)
    assert (program.text, program.shown) == ("print(1)\nprint(2)\n", "1\n2\n")
    assert program.files == {}
    assert session.text == "$ python more.py\n"
    assert session.files == {"more.py": "more = 1\n"}


def test_a_mark_counts_only_right_before_its_block(page: Path) -> None:
    page.write_text("<!-- not run: so -->\nText.\n```python\n```\n")
    assert len(snippets(page)) == 1


@pytest.mark.parametrize("mark", ["not run", "not run: ", "file:", "output", "continues"])
def test_a_mark_that_means_nothing_is_an_error(page: Path, mark: str) -> None:
    page.write_text(f"<!-- {mark} -->\n```python\n```\n")
    with pytest.raises(PageError, match=mark.partition(":")[0]):
        snippets(page)


def test_a_session_is_commands_and_their_output() -> None:
    assert commands("$ one\n$ two \\\n> more\nprinted\n> this too\n") == [
        Command("one", ""),
        Command("two \\\nmore", "printed\n> this too\n"),
    ]


def test_a_session_that_begins_with_output_is_an_error() -> None:
    with pytest.raises(PageError, match="begins with a command"):
        commands("printed\n")


def test_dots_stand_for_anything() -> None:
    assert matches("a ... c\n", "a b\nb c")
    assert not matches("a ... c", "a b")


def test_ends_of_lines_do_not_count() -> None:
    assert matches("a\nb\n", "a  \nb\n\n")
    assert not matches("a\nb", "a b")
