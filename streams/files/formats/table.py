"""All formats of exports and data sets: their names, how each is recognised, and its reader."""

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

from streams.files.formats.apple_music import is_apple_music, read_apple_music
from streams.files.formats.head import Head
from streams.files.formats.lastfm import is_lastfm, read_lastfm
from streams.files.formats.lastfm_1k import is_lastfm_1k, read_lastfm_1k
from streams.files.formats.lastfm_csv import is_lastfm_csv, read_lastfm_csv
from streams.files.formats.listenbrainz import is_listenbrainz, read_listenbrainz
from streams.files.formats.movielens import (
    is_movielens,
    is_movielens_names,
    read_movielens,
    read_movielens_names,
)
from streams.files.formats.rows import ImportOptions, Row
from streams.files.formats.spotify import is_spotify, read_spotify
from streams.files.formats.spotify_account import is_spotify_account, read_spotify_account
from streams.files.formats.youtube_music import (
    is_youtube_music,
    is_youtube_page,
    read_youtube_music,
    read_youtube_page,
)


class Format(NamedTuple):
    """A format of files of plays."""

    name: str
    """Its name for `--format`."""
    title: str
    recognises: Callable[[Head], bool]
    """Whether the beginning of a file is of this format."""
    read: Callable[[io.BufferedReader, ImportOptions], Iterator[Row]]


FORMATS = (
    Format("spotify", "Spotify's extended streaming history", is_spotify, read_spotify),
    Format("spotify-account", "Spotify's account data", is_spotify_account, read_spotify_account),
    Format("listenbrainz", "ListenBrainz", is_listenbrainz, read_listenbrainz),
    Format("youtube-music", "YouTube Music in Google Takeout", is_youtube_music, read_youtube_music),
    Format("youtube-music", "YouTube Music in Google Takeout", is_youtube_page, read_youtube_page),
    Format("apple-music", "Apple Music's play activity", is_apple_music, read_apple_music),
    Format("movielens", "MovieLens", is_movielens, read_movielens),
    Format("movielens", "MovieLens", is_movielens_names, read_movielens_names),
    Format("lastfm-1k", "Last.fm-1K", is_lastfm_1k, read_lastfm_1k),
    Format("lastfm", "Last.fm, JSON", is_lastfm, read_lastfm),
    Format("lastfm-csv", "Last.fm, CSV", is_lastfm_csv, read_lastfm_csv),
)
"""In the order in which they are tried."""


def format_of(head: Head, name: str | None = None) -> Format | None:
    """Return the format of a file by its beginning, None if there is none.

    Args:
        head: The beginning of the file.
        name: The only format that it may have; None for any.
    """
    return next((form for form in FORMATS if name in {None, form.name} and form.recognises(head)), None)
