"""What tests of small C programs share."""

import pytest

from .cases import Cases


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    """Compile and check C texts."""
    return Cases(tmp_path_factory.mktemp("cases"))
