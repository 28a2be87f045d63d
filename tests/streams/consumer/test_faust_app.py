"""The Faust app of a worker: its settings, and the features that are turned off."""

from pathlib import Path

from streams.consumer.faust_app import create_app, topic_of_bytes
from streams.settings import Settings
from tests.support.settings import settings_with


def test_an_app_is_a_static_member_of_its_group(tmp_path: Path) -> None:
    """A restart within the session keeps the partitions; each worker has its folder."""
    settings = settings_with(brokers="k1:1,k2:2", group="g", instance="b", data_dir=str(tmp_path), session_timeout_s=20)

    conf = create_app(settings).conf

    assert "g" == conf.id
    assert "g-b" == conf.consumer_group_instance_id
    assert settings.application.worker_path == Path(conf.datadir)
    assert 20 == conf.broker_session_timeout
    assert 4 == conf.broker_heartbeat_interval
    assert ["kafka://k1:1", "kafka://k2:2"] == [str(url) for url in conf.broker]


def test_an_app_neither_serves_nor_creates() -> None:
    """No web routes that show data to anyone, no topics with settings of Faust's own, no leader to hang on."""
    conf = create_app(Settings()).conf

    assert not conf.web_enabled
    assert not conf.topic_allow_declare
    assert conf.topic_disable_leader
    assert 0 == conf.table_standby_replicas


def test_apps_do_not_share_anything() -> None:
    """An app is made by a function, once a process; tests make many."""
    first, second = create_app(settings_with(group="one")), create_app(settings_with(group="two"))

    assert first.conf.id == "one"
    assert second.conf.id == "two"


def test_two_groups_may_wait() -> None:
    """One is folded while the next is fetched; Faust's own bound, in messages, is out of the way."""
    app = create_app(settings_with(group_plays_max=700, slice_plays_max=1))

    assert 1400 == app.waiting_plays_max
    assert 1 == app.slice_plays_max
    assert app.conf.stream_buffer_maxsize > 2 * 1400


def test_keys_and_values_stay_as_they_travelled() -> None:
    """Faust decodes nothing."""
    topic = topic_of_bytes(create_app(Settings()), "plays", 4)

    assert topic.key_type is bytes
    assert topic.value_type is bytes
    assert "raw" == topic.key_serializer
    assert "raw" == topic.value_serializer
    assert 4 == topic.partitions
