"""Learning in lines that anybody can check, and the learning of plays with its outcomes."""

from dataclasses import replace

from state.users.admission import OUTCOMES
from state.users.event_columns import Action
from state.users.learn import half_lives_of, learn
from state.users.record import DaySignals, HistoryEntry, ShownItem, UserRecord
from state.users.record_batch import UserRecords, new_users
from streams.settings import Settings
from tests.support.generations import Played, columns_of
from tests.support.settings import settings_with

HALF_LIFE = 3.0
DAY_S = 86_400


def learn_plain(record: UserRecord, events: list[Played], settings: Settings) -> UserRecord:
    """Apply events to one record, one at a time, in lines that anybody can check."""
    learned = replace(record, play_ids=[*record.play_ids], vector=(0.0, 0.0))
    for event in events:
        if event.offset <= learned.applied_offset:
            continue
        learned.applied_offset = event.offset
        if event.action in (Action.PAUSE, Action.RESUME):
            learned.paused = event.action == Action.PAUSE
        elif event.action in (Action.HIDE, Action.UNHIDE):
            left = [key for key in learned.hidden if key != event.item_key]
            remaining = [*left, event.item_key] if event.action == Action.HIDE else left
            learned.hidden = remaining[max(0, len(remaining) - settings.users.hidden_max) :]
        elif event.action == Action.SHOWN:
            show_plain(learned, event.item_key, settings)
        elif event.action != Action.NOTHING:
            signal_plain(learned, event, settings)
    return learned


def show_plain(record: UserRecord, key: int, settings: Settings) -> None:
    """Count that an item was shown."""
    if record.paused:
        return
    old = next((item for item in record.shown if item.item_key == key), ShownItem(key, 0, 0))
    cooled = old.shows >= settings.users.cooldown_shows and record.plays - old.at_play >= settings.users.cooldown_plays
    left = [item for item in record.shown if item.item_key != key]
    record.shown = [*left, ShownItem(key, 1 if cooled else old.shows + 1, record.plays)][-settings.users.shown_max :]


def signal_plain(record: UserRecord, event: Played, settings: Settings) -> None:
    """Learn a signal, unless there is a reason not to."""
    if record.paused or (event.play_id and event.play_id in record.play_ids):
        return
    turn_to_day_plain(record, event.played_at_s // DAY_S, settings.users.days_max)
    if 0 < settings.signals.per_day_max <= record.day_signals:
        return
    record.day_signals += 1
    if event.play_id:
        play_ids = [*record.play_ids, event.play_id]
        record.play_ids = play_ids[max(0, len(play_ids) - settings.users.play_ids_max) :]
    record.plays += event.action == Action.PLAY
    record.last_played_s = max(record.last_played_s, event.played_at_s)
    if event.weight > 0:
        record.shown = [item for item in record.shown if item.item_key != event.item_key]
    record.history = history_plain(record, event, settings)


def turn_to_day_plain(record: UserRecord, today: int, days_max: int) -> None:
    """Count on another day, with the signals that were counted on it before, if it is still remembered."""
    if today == record.day:
        return
    others = [day for day in record.days if day.day != today]
    signals = sum(day.signals for day in record.days if day.day == today)
    if record.day_signals:
        others.append(DaySignals(record.day, record.day_signals))
    record.days = others[max(0, len(others) - days_max) :]
    record.day, record.day_signals = today, signals


def history_plain(record: UserRecord, event: Played, settings: Settings) -> list[HistoryEntry]:
    """Return the history after a signal: over its limit the oldest repeat goes, or the oldest signal."""
    history = [*record.history, HistoryEntry(event.item_key, event.weight, record.plays, event.played_at_s)]
    if len(history) > settings.users.history_max:
        items = [(entry.item_key, entry.value < 0) for entry in history]
        repeats = (place for place, item in enumerate(items) if item in items[place + 1 :])
        del history[next(repeats, 0)]
    return history


def learned(
    records: UserRecords, plays: list[list[Played]], settings: Settings | None = None
) -> tuple[UserRecords, list[bool]]:
    """Apply plays, a list a user; return for each user also whether a play was delivered again."""
    settings = settings or settings_with(history_max=4, play_ids_max=2, half_life_plays=HALF_LIFE)
    after, repeated, _ = learn(records, columns_of(plays), settings, half_lives_of(settings))
    return after, repeated.tolist()


def outcomes_of(events: list[Played], settings: Settings) -> list[str]:
    """Return the outcomes of one user's events."""
    learning = learn(new_users(1, 2), columns_of([events]), settings, half_lives_of(settings))
    return [OUTCOMES[code] for code in learning.outcomes]
