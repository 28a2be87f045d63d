"""The embedded broker: Apache Kafka as one KRaft node on loopback, which ends with its parent process."""

import base64
import fcntl
import json
import os
import re
import shutil
import string
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.kafka.class_archive import ClassArchive
from streams.kafka.jars import KAFKA_FOLDER, jars_path, resolve_jars
from streams.kafka.java import JVM_ENVIRONMENT, java_command
from streams.kafka.ports import HOST, answers, free_port, is_bindable
from streams.process.child_process import Child
from streams.settings import Settings

JAVA_VERSION_MIN = 17
PORT_MAX = 65_535
STOP_S = 10
ENDED_BY_SIGTERM = 143
PREDECESSOR_S = 3.0


class BrokerError(RuntimeError):
    """The embedded broker cannot run. Install, free or read the thing that the message names, and start again."""


class Broker:
    """One Kafka node and its folder; a context manager that starts and stops it.

    Attributes:
        folder: Its data (`data`), logs (`log`) and configuration.
        bootstrap: Its address, `127.0.0.1:<port>`.
    """

    def __init__(
        self,
        folder: Path,
        jars: Path,
        port: int,
        heap_mb: int = 256,
        ready_s: float = 60.0,
        *,
        declared: Path = KAFKA_FOLDER,
        properties: str = "",
    ) -> None:
        """Describe a broker; `start` writes its folder and starts it.

        Args:
            folder: The folder of its files; created if missing.
            jars: Folder of Kafka's jars, filled by Maven if missing.
            port: Port on 127.0.0.1.
            heap_mb: Largest heap of the Java virtual machine, in MiB.
            ready_s: Seconds within which it has to answer.
            declared: Folder with the pom and the checksums of the jars.
            properties: Lines of its configuration, which take precedence over those of `broker.properties`.
        """
        self.folder = folder.absolute()
        self.bootstrap = f"{HOST}:{port}"
        self._jars = jars.absolute()
        self._port = port
        self._heap_mb = heap_mb
        self._ready_s = ready_s
        self._declared, self._properties = declared, properties
        self._process: Child | None = None
        self._archive: ClassArchive | None = None  # of a broker that has answered

    @property
    def log_file(self) -> Path:
        """Return the file of Kafka's warnings."""
        return self.folder / "log" / "broker.log"

    @property
    def console_file(self) -> Path:
        """Return the file of Java's output, such as the error of an exhausted heap."""
        return self.folder / "log" / "console.log"

    @property
    def running(self) -> bool:
        """Return whether the broker has been started and has not ended."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            BrokerError: Java, the folder or the port cannot be used, or the broker ended or did not answer.
            JarsError: Kafka's jars cannot be resolved.
        """
        if self.running:
            return
        version = check_java()
        self._check_folder()
        self._check_port()
        jars = resolve_jars(self._jars, self._declared)
        self._configure()
        archive = ClassArchive(jars, version, self.folder / "log" / "classes.jsa")
        java = java_command(jars, self._heap_mb, self.folder / "log")
        try:
            self._format([*java, *archive.options()])
            self._launch([*java, *archive.broker_options()], STOP_S + archive.writing_s)
            self._await_answer()
        except BaseException:
            self.stop()
            raise
        self._archive = archive

    def stop(self) -> None:
        """Stop the broker: SIGTERM, and SIGKILL ten seconds later, or a minute if it writes the archive of classes."""
        process, self._process = self._process, None
        archive, self._archive = self._archive, None
        if process is not None:
            process.stop()
            if archive is not None and process.status == ENDED_BY_SIGTERM:
                archive.take_written()

    def wait(self) -> None:
        """Wait until the broker ends by itself.

        Raises:
            BrokerError: It has ended.
        """
        if self._process is not None:
            self._raise_ended(self._process.wait(), "while it was in service")

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the broker."""
        self.stop()

    def _check_folder(self) -> None:
        """Check that no other broker uses the folder; wait for a broker whose parent has just died."""
        lock_file = self.folder / "data" / ".lock"
        deadline = time.monotonic() + PREDECESSOR_S
        while lock_file.exists() and not _lockable(lock_file):
            if time.monotonic() > deadline:
                message = (
                    f"The broker's folder {self.folder} is in use by another broker: "
                    f"stop that one, or set PLAYFOLD_DATA_DIR to another folder."
                )
                raise BrokerError(message)
            time.sleep(0.05)

    def _check_port(self) -> None:
        """Check that the port is free: Kafka would report it after two seconds, with a stack trace."""
        if not is_bindable(self._port):
            message = (
                f"Port {self._port} on {HOST} is taken by another program: stop that one, "
                f"or set PLAYFOLD_BROKERS to {HOST} with a free port."
            )
            raise BrokerError(message)

    def _configure(self) -> None:
        """Write the node's configuration."""
        for name in ("data", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        template = string.Template((KAFKA_FOLDER / "broker.properties").read_text() + self._properties)
        # Java reads a properties file as Latin-1, with the same escapes as JSON.
        log_dirs = json.dumps(str(self.folder / "data"))[1:-1]
        text = template.substitute(port=self._port, controller_port=free_port(), log_dirs=log_dirs)
        (self.folder / "broker.properties").write_text(text)

    def _format(self, java: list[str]) -> None:
        """Format the storage of a new folder."""
        if (self.folder / "data" / "meta.properties").exists():
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}"]
        tool += ["--config", str(self.folder / "broker.properties")]
        with self.console_file.open("wb") as console:
            status = subprocess.run([*java, *tool], stdout=console, stderr=console, check=False).returncode
        if status:
            self._raise_ended(status, "while it formatted its storage")

    def _launch(self, java: list[str], stop_s: int) -> None:
        """Start Kafka as a process that ends with this one."""
        command = [*java, "kafka.Kafka", str(self.folder / "broker.properties")]
        with self.console_file.open("wb") as console:
            self._process = Child(command, console, stop_s, os.environ | JVM_ENVIRONMENT)

    def _await_answer(self) -> None:
        """Wait until the broker answers a request."""
        deadline = time.monotonic() + self._ready_s
        while not answers(self._port):
            status = None if self._process is None else self._process.status
            if status is not None:
                self._raise_ended(status, "while it was starting")
            if time.monotonic() > deadline:
                message = (
                    f"The broker did not answer on {self.bootstrap} within {self._ready_s:g} s: "
                    f"read {self.log_file}, or raise PLAYFOLD_BROKER_READY_S."
                )
                raise BrokerError(message)
            time.sleep(0.02)

    def _raise_ended(self, status: int, when: str) -> None:
        message = f"The broker ended with status {status} {when}: read {self.log_file} and {self.console_file}."
        raise BrokerError(message)


def embedded_broker(settings: Settings) -> Broker:
    """Return the broker that the settings describe, not started.

    Raises:
        BrokerError: `PLAYFOLD_BROKERS` names another machine or several brokers, or clients expect TLS or a login.
    """
    if settings.kafka.security_protocol != "PLAINTEXT":
        message = (
            f"The embedded broker has neither TLS nor a login, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is "
            f"{settings.kafka.security_protocol}: use that Kafka without `playfold broker`, or unset the protocol."
        )
        raise BrokerError(message)
    host, _, port = settings.kafka.brokers.rpartition(":")
    if host not in {HOST, "localhost"} or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > PORT_MAX:
        message = (
            f"The embedded broker runs at one port of {HOST}, but PLAYFOLD_BROKERS is {settings.kafka.brokers}: "
            f"use that Kafka without `playfold broker`, or set {HOST}:<port>."
        )
        raise BrokerError(message)
    return Broker(
        settings.application.broker_path,
        jars_path(settings.application),
        int(port),
        settings.broker.heap_mb,
        settings.broker.ready_s,
    )


def check_java() -> str:
    """Check that Java is installed and new enough for Kafka.

    Returns:
        The version as Java prints it.

    Raises:
        BrokerError: It is missing or too old.
    """
    java = shutil.which("java")
    if java is None:
        message = f"Java is not on the PATH: install a Java runtime of version {JAVA_VERSION_MIN} or newer."
        raise BrokerError(message)
    answer = subprocess.run([java, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    printed = answer.stderr + answer.stdout
    # Up to Java 8 the version began with `1.`.
    match = re.search(r'version "(?:1\.)?(\d+)', printed)
    version = int(match[1]) if match else 0
    if version < JAVA_VERSION_MIN:
        message = (
            f"{java} is Java {version or 'of an unknown version'}, but Kafka needs {JAVA_VERSION_MIN} or newer: "
            f"install one and put it first on the PATH."
        )
        raise BrokerError(message)
    return printed


def _lockable(lock_file: Path) -> bool:
    with lock_file.open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
