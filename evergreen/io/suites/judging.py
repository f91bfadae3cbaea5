"""Judge a stored table by a suite, in the process beside this one where there is one (``evergreen.io.companion``)."""

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
from evergreen.io import companion
from evergreen.io.store import Store
from evergreen.io.suites.engine import validate
from evergreen.io.suites.page import docs_page
from evergreen.validation import Outcome, Suite

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """A stored table that is to be judged: where it is, by which rules, and what its measures need to know."""

    store: str
    uri: str
    suite: Suite
    timezone: str
    until: datetime


def judge_table(rows: pd.DataFrame, order: Order, meanwhile: Callable[[], None]) -> tuple[list[Outcome], str]:
    """Run a suite over a stored table and its measures: by the companion if there is one, else in this process.

    The companion reads the table itself, and so holds it a second time; a large one is judged here.

    Args:
        rows: The table; not changed.
        order: Where it is stored, and what is asked of it.
        meanwhile: What this process may do while the companion works; not called where it has none.

    Returns:
        The outcomes in suite order, without Great Expectations' own results, and the report's page.

    Raises:
        EmptyWindow: the table has no rows.
        SpecError: an expectation that Great Expectations refuses.
    """
    companion.make_room(int(rows.memory_usage(index=False).sum()))
    if beside := companion.take():
        answer: tuple[list[Outcome], str] | EvergreenError | None = beside.ask(order, meanwhile)
        if isinstance(answer, EvergreenError):
            raise answer
        if answer:
            return answer
        logger.info("suite %s: the process beside this one has failed; the rows are judged here", order.suite.name)
    return _judge(rows, order)


def serve(answers: int) -> None:
    """Be the companion: import and practise, take an order, answer, end.

    Args:
        answers: The pipe's file descriptor.
    """
    try:
        _serve(os.fdopen(answers, "wb"))
    finally:
        os._exit(0)  # taking down what was imported would take a moment, and abort where the pipe is still listened to


def _serve(answers: IO[bytes]) -> None:
    orders = companion.orders()
    # The first validation of a process costs more than its rows.
    rule = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 0}}
    practice = Suite.model_validate({"name": "practice", "expectations": [rule]})
    docs_page(validate(pd.DataFrame({"x": [0.0]}), practice), practice)
    order: Order = pickle.loads(orders.get())
    rows = Store(order.store).read(order.uri)
    try:
        answer: object = _judge(rows, order)
    except EvergreenError as error:
        answer = error
    companion.send(answers, answer)


def _judge(rows: pd.DataFrame, order: Order) -> tuple[list[Outcome], str]:
    outcomes = validate(with_measures(rows, order.timezone, order.until), order.suite)
    page = docs_page(outcomes, order.suite)
    return [replace(outcome, result=None) for outcome in outcomes], page
