"""Judge a stored table by a suite, in the validation process where there is one."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO

import pandas as pd

from evergreen.data import with_measures
from evergreen.errors import EvergreenError
from evergreen.io.store import Store
from evergreen.io.suites.engine import validate
from evergreen.io.suites.page import docs_page
from evergreen.runtime import validation_process
from evergreen.validation import RuleOutcome, Suite

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ValidationRequest:
    """A stored table that is to be judged: where it is, by which rules, and what its measures need to know."""

    store: str
    uri: str
    suite: Suite
    timezone: str
    until: datetime


def judge_table(
    rows: pd.DataFrame, order: ValidationRequest, meanwhile: Callable[[], None]
) -> tuple[list[RuleOutcome], str]:
    """Run a suite over a stored table and its measures: by the validation process, else in this one.

    The validation process reads the table itself, and so holds it a second time; a large one is judged here.

    Args:
        rows: The table; not changed.
        order: Where it is stored, and what is asked of it.
        meanwhile: What this process may do while the validation process works; not called where there is none.

    Returns:
        The outcomes in suite order, without Great Expectations' own results, and the report's page.

    Raises:
        EmptyWindow: the table has no rows.
        SpecError: an expectation that Great Expectations refuses.
    """
    validation_process.make_room(int(rows.memory_usage(index=False).sum()))
    if beside := validation_process.take():
        answer: tuple[list[RuleOutcome], str] | EvergreenError | None = beside.ask(order, meanwhile)
        if isinstance(answer, EvergreenError):
            raise answer
        if answer:
            return answer
        logger.info("suite %s: the process beside this one has failed; the rows are judged here", order.suite.name)
    return _judge(rows, order)


def serve(answers: int) -> None:
    """Be the validation process: import and warm up, take a request, answer, end.

    Args:
        answers: The pipe's file descriptor.
    """
    try:
        _serve(os.fdopen(answers, "wb"))
    finally:
        os._exit(0)  # taking down what was imported would take a moment, and abort where the pipe is still listened to


def _serve(answers: IO[bytes]) -> None:
    orders = validation_process.orders()
    # The first validation of a process costs more than its rows.
    rule = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 0}}
    practice = Suite.model_validate({"name": "practice", "expectations": [rule]})
    docs_page(validate(pd.DataFrame({"x": [0.0]}), practice), practice)
    order: ValidationRequest = pickle.loads(orders.get())
    rows = Store(order.store).read(order.uri)
    try:
        answer: object = _judge(rows, order)
    except EvergreenError as error:
        answer = error
    validation_process.send(answers, answer)


def _judge(rows: pd.DataFrame, order: ValidationRequest) -> tuple[list[RuleOutcome], str]:
    outcomes = validate(with_measures(rows, order.timezone, order.until), order.suite)
    page = docs_page(outcomes, order.suite)
    return [replace(outcome, result=None) for outcome in outcomes], page
