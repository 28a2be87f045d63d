"""Manifests: with and without a verdict, sealed, and of an older format."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from model.objective import Objective
from state.errors import GenerationError
from state.generations.generation import open_generation
from state.generations.manifest import (
    MANIFEST,
    Estimate,
    Gate,
    Manifest,
    Quality,
    decode_manifest,
    read_manifest,
    write_manifest,
)
from tests.support.generations import FIRST_ID, manifest_of

FIXTURE = Path(__file__).parents[1] / "fixtures" / "generation_v1" / "2025-12-31T03-00-00.000Z"
QUALITY = Quality(n_events=1000, hit_at_20=Estimate(0.25, 0.22, 0.28), mrr_at_20=Estimate(0.1, 0.09, 0.11))
TURNED_DOWN = Gate(
    against="before",
    candidate=QUALITY,
    serving=QUALITY,
    difference=Estimate(-0.02, -0.03, -0.01),
    accepted=False,
    reason="It finds fewer of the listeners' next items.",
)


def said(act: Callable[[], object]) -> str:
    """Return the message of a manifest that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def judged(gate: Gate | None) -> Manifest:
    """Return a manifest with this verdict, an infinite half-life, and no default values."""
    return msgspec.structs.replace(
        manifest_of(FIRST_ID, Objective("hkv", factors=8, half_life_plays=float("inf")), 40),
        parent="before",
        started_from="before",
        trained_through={0: 5, 3: 9},
        n_users_trained=7,
        tuned=True,
        gate=gate,
        checksums={"item_ids.json": "00"},
    )


@pytest.mark.parametrize("gate", [None, TURNED_DOWN])
def test_a_manifest_keeps_all_fields(tmp_path: Path, gate: Gate | None) -> None:
    """Infinite half-lives and verdicts too."""
    write_manifest(tmp_path, judged(gate))

    assert judged(gate) == read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (None, False),
        (TURNED_DOWN, True),
        (msgspec.structs.replace(TURNED_DOWN, forced=True), False),
        (msgspec.structs.replace(TURNED_DOWN, accepted=True), False),
    ],
)
def test_only_a_verdict_that_is_not_forced_rejects(gate: Gate | None, expected: bool) -> None:  # noqa: FBT001
    """Without a gate no generation is rejected."""
    assert expected == judged(gate).rejected


def test_a_generation_of_format_1_is_opened() -> None:
    """It has no seal and no verdict; its files are verified all the same."""
    generation = open_generation(FIXTURE)

    manifest = generation.manifest
    assert 1 == manifest.format
    assert FIXTURE.name == manifest.generation_id
    assert manifest.gate is None
    assert not manifest.rejected
    assert 0 == manifest.n_users_trained
    assert float("inf") == manifest.objective.half_life_plays
    assert {0: 5, 3: 9} == manifest.trained_through
    assert ["i0", "i1", "i2", "i3", "i4"] == sorted(generation.item_ids)
    assert "i3" == generation.item_ids[generation.popular_order[0]]
    assert 0 == generation.revision.number


@pytest.mark.parametrize("name", [MANIFEST, "manifest.sha256"])
def test_every_flipped_bit_is_found_and_named(tmp_path: Path, name: str) -> None:
    """Anywhere in the manifest, or in its seal."""
    write_manifest(tmp_path, judged(TURNED_DOWN))
    content = (tmp_path / name).read_bytes()

    for place in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (tmp_path / name).write_bytes(flipped)
        assert f"Generation {tmp_path.name} is damaged: {name} does not match its checksum." == said(
            lambda: read_manifest(tmp_path)
        )


def test_a_missing_seal_is_found(tmp_path: Path) -> None:
    """A manifest without a seal is not trusted."""
    write_manifest(tmp_path, judged(None))
    (tmp_path / "manifest.sha256").unlink()

    assert f"Generation {tmp_path.name} is incomplete: manifest.sha256 is missing." == said(
        lambda: read_manifest(tmp_path)
    )


@pytest.mark.parametrize("number", [0, 3, 99])
def test_a_generation_of_another_format_is_not_opened(number: int) -> None:
    """The generation of a later version is an error, even if the rest of its manifest can be read."""
    content = msgspec.json.encode({"format": number, "what else": 1})

    expected = f"Generation {FIRST_ID} is of format {number}; this version reads 1 to 2."
    assert expected == said(lambda: decode_manifest(FIRST_ID, content, None))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"format":1,"generation_id":"\xff', b'{"format":2}', b"[" * 100_000]
)
def test_a_damaged_manifest_is_an_error(content: bytes) -> None:
    """Any bytes, also in a format without a seal."""
    sentence = said(lambda: decode_manifest(FIRST_ID, content, None))

    assert sentence.startswith(f"Generation {FIRST_ID} is damaged: its manifest cannot be read (")
    assert sentence.endswith(").")


def test_a_missing_generation_is_an_error(tmp_path: Path) -> None:
    """The message says where to look."""
    expected = f"Generation {FIRST_ID} is not in {tmp_path}; `playfold generations list` prints all ids."

    assert expected == said(lambda: read_manifest(tmp_path / FIRST_ID))
