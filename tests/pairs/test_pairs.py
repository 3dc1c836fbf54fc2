"""The pairs: from one schema to the other, back, and from nothing. By hand: tests/pairs/run.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from .pair import Pair, read_all
from .proof import Report, Trial
from .server import Server

PAIRS = read_all()
# Twice as long: the way back by pg_dump too, both sides from nothing.
FULL = bool(os.environ.get("PAIRS_FULL"))


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Report]]]:
    """All pairs that were asked for are tried at once, by threads."""
    calls = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    names = {call.params["pair"].name for call in calls if isinstance(call.params.get("pair"), Pair)}
    with Server() as server, ThreadPoolExecutor(3) as pool:
        yield {
            pair.name: pool.submit(Trial(server, pair, FULL).run)
            for pair in PAIRS
            if pair.name in names and pair.runs_on(server.major)
        }


def marked(pair: Pair) -> Any:
    marks = [pytest.mark.xfail(reason=pair.unsolved, strict=True)] if pair.unsolved else []
    return pytest.param(pair, id=pair.name, marks=marks)


@pytest.mark.parametrize("pair", [marked(pair) for pair in PAIRS])
def test_pair(pair: Pair, reports: dict[str, Future[Report]]) -> None:
    if pair.name not in reports:
        pytest.skip(f"for servers {pair.server}")
    report = reports[pair.name].result()
    assert report.ok, str(report)


def test_there_are_enough() -> None:
    assert len(PAIRS) >= 400
