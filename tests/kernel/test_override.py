"""What the command line changes of a scenario."""

import pytest

from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.override import override
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler, Scenario

DECLARED = Scenario(handlers=(Handler(Level.SOFTIRQ, "bottom"), Handler(Level.NMI, "top")))


def test_none_takes_the_handlers_of_one_level_away_however_often_it_is_said() -> None:
    assert override(DECLARED, nmi=["none", "none"]).handlers == DECLARED.handlers[:1]


def test_none_beside_a_handler_is_refused() -> None:
    with pytest.raises(ScenarioError, match="--nmi none contradicts --nmi other"):
        override(DECLARED, nmi=["other", "none"])
