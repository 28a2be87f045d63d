"""Write docs/openapi.json from the routes of the gateway: `python -m web.openapi_document`."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from state.gateway_view.view import View
from streams.settings import Settings, override
from web.app import create_api
from web.parts import TopicOperations, make_parts
from web.server.access import Access

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"


def _nothing(*_: Any) -> Any:
    """Stand in for an operation that the document only describes."""


def render_document() -> str:
    """Return the text of the file, for a gateway with default settings."""
    with tempfile.TemporaryDirectory() as folder:
        settings = override(Settings(), data_dir=folder)
        view = View(settings.application.gateway_path / "view")
        try:
            operations = TopicOperations(explain=_nothing, export=_nothing, forget=_nothing)
            document = create_api(make_parts(settings, operations, view), Access(settings.gateway)).openapi()
        finally:
            view.close()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if sys.argv[1:] else FILE).write_text(render_document())
