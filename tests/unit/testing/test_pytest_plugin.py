"""The plugin fails what leaks, by the scope asked for, and nothing else."""

from __future__ import annotations

import pytest

_LEAKS = """
import os
import pytest

def test_leaks():
    os.open("/dev/null", os.O_RDONLY)
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest('pytest_plugins = ["heliostat.testing.pytest_plugin"]')
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nleak_grace = '0'")
    return pytester


def test_a_leak_fails_the_test_that_made_it(run: pytest.Pytester) -> None:
    run.makepyfile(_LEAKS + "def test_other(): pass")
    result = run.runpytest_subprocess()
    result.assert_outcomes(passed=2, errors=2)  # of the test, and of the run at its end
    result.stdout.fnmatch_lines(["the test left 1 behind:", "[*] descriptor * is open: /dev/null"])


def test_a_marked_test_may_leak_but_the_run_may_not(run: pytest.Pytester) -> None:
    run.makepyfile(_LEAKS.replace("def ", '@pytest.mark.may_leak("is shown here")\ndef '))
    result = run.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the whole run left 1 behind:"])


def test_a_module_can_be_looked_at_as_a_whole(run: pytest.Pytester) -> None:
    run.makepyfile(
        """
        import os
        import pytest

        pytestmark = pytest.mark.leaks_checked_per("module", "its tests share a descriptor")

        @pytest.fixture(scope="module")
        def opened():
            found = []
            yield found
            for fd in found:
                os.close(fd)

        def test_opens(opened):
            opened.append(os.open("/dev/null", os.O_RDONLY))

        def test_uses(opened):
            os.fstat(opened[0])
        """
    )
    run.runpytest_subprocess().assert_outcomes(passed=2)


def test_a_marker_without_a_reason_is_refused(run: pytest.Pytester) -> None:
    run.makepyfile(_LEAKS.replace("def ", "@pytest.mark.may_leak\ndef "))
    result = run.runpytest_subprocess()
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*may_leak takes 1 text(s), of which the last says why"])
