"""Every setting decides a generation or does not."""

from streams.settings import Secret, Settings, flat_values
from streams.settings.deciding import DECIDING, deciding_values
from tests.support.settings import settings_with

NOT_DECIDING = {
    "application": {"data_dir", "instance"},
    "kafka": {
        "session_timeout_s", "kafka_timeout_s", "compression", "kafka_security_protocol", "kafka_sasl_mechanism",
        "kafka_username",
        "kafka_password", "kafka_password_file", "kafka_token_file", "kafka_ca_file", "kafka_certificate_file",
        "kafka_key_file", "kafka_key_password", "kafka_key_password_file",
    },
    "topics": {"replication", "play_bytes_max"},
    "broker": {"broker_heap_mb", "broker_ready_s"},
    "worker": {"ready_s", "slice_plays_max", "group_plays_max", "sweep_users", "sweep_days"},
    "telemetry": {"log_level", "metrics_port", "metrics_host", "live_quality", "pulse_s"},
    "users": {"play_ids_max", "hidden_max", "shown_max", "cooldown_shows", "cooldown_plays", "item_names_cached_max"},
    "private": {"private_sessions_max", "private_plays_max", "private_s", "private_expires_s"},
    "lists": {
        "list_n", "list_change_n", "list_overlap_min", "list_score_change", "debounce_ms", "known_items",
        "repeat_after_plays", "because_n", "because_items_n", "list_heartbeat_s", "list_expires_s",
    },
    "popularity": {"popular_blend", "blend_items_max", "popular_publish_s"},
    "ranking": {"rank", "probe_share", "recall_floor"},
    "gateway": {
        "gateway_host", "gateway_port", "gateway_hosts", "gateway_token", "gateway_token_file", "gateway_batch_max",
        "gateway_body_bytes_max", "gateway_header_bytes_max", "gateway_requests_per_s", "gateway_connections_max",
        "gateway_rank_requests_max", "gateway_plays_waiting_max", "gateway_wait_ms_max", "gateway_streams_max",
    },
    "retraining": {"threads"},
    "generations": {"generations_max", "index_rebuild_s"},
}  # fmt: skip
"""Settings that change nothing in a generation. A new setting is named here or in `streams/settings/deciding.py`."""


def test_every_setting_is_classified() -> None:
    """A new setting fails this test until one of the two lists names it."""
    names = set().union(*NOT_DECIDING.values())

    assert set(flat_values(Settings())) == names | DECIDING
    assert not names & DECIDING


def test_no_secret_decides() -> None:
    """Deciding values are written to disk and quoted in messages."""
    values = flat_values(Settings())

    assert not [name for name in DECIDING if isinstance(values[name], Secret)]


def test_deciding_values_are_texts_by_name() -> None:
    """Only deciding settings are there."""
    values = deciding_values(settings_with(factors=8, list_n=3))

    assert "8" == values["factors"]
    assert DECIDING == set(values)
