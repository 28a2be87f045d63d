"""The description of the gateway that is committed."""

from web.openapi_document import FILE, render_document


def test_the_committed_description_is_the_gateway_s_own() -> None:
    """`make docs` writes it; a path or a limit that changed has to be in it."""
    assert render_document() == FILE.read_text()
