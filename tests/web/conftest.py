"""A gateway without Kafka for every test of this folder that asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.scene import Scene, make_scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Give a gateway that is ready and holds nothing."""
    made = await make_scene(tmp_path)
    yield made
    await made.parts.intake.stop()
    made.parts.session_ranking.stop()
    made.parts.view.close()
