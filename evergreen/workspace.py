"""Where a project's things are, as one value that is made once and handed on, and the doors to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.errors import UsageError
from evergreen.masking import masked
from evergreen.secrets import shows_a_secret
from evergreen.spec import ModelSpec, load_spec
from evergreen.threads import usable_threads

if TYPE_CHECKING:
    from evergreen.io.labelled_predictions import LabelledPredictions
    from evergreen.io.locks import Locks
    from evergreen.io.records import ChampionHistory, Ledger, MonitoringRecords, Windows
    from evergreen.io.registry import Registry
    from evergreen.io.store import Store


@dataclass(frozen=True)
class Workspace:
    """Where everything is; opens nothing until it is asked to, and holds no secret, so that it may travel.

    Attributes:
        project: The folder that holds ``deployments/`` and ``expectations/``.
        folder: What the program writes on this machine: logs, caches, process numbers, Prefect's home.
        records_url: The database of what is never rewritten: ``sqlite:////.../records.db`` or ``postgresql+psycopg://...``.
        store_url: Tables by digest: a folder, or a prefix such as ``s3://bucket/evergreen``.
        artifacts_url: Where MLflow keeps files and models: ``file:///.../artifacts``.
        tracking_url: MLflow's database: ``sqlite:////.../mlflow.db``.
        locks_url: Where locks are held: a folder of this machine.
        engine: Where fits run: ``here``, in this process.
        threads: How many of them a fit may use.
        prefect_url: Where people open Prefect's UI; links are made of it, nothing is called there.
        mlflow_url: Where people open MLflow's UI, likewise.
        hosts: Names by which people reach the servers, as a proxy before them passes them on, beside this machine's.

    Raises:
        UsageError: an address holds a password.
    """

    project: Path
    folder: Path
    records_url: str
    store_url: str
    artifacts_url: str
    tracking_url: str
    locks_url: str
    engine: str = "here"
    threads: int = field(default_factory=usable_threads)
    prefect_url: str = "http://127.0.0.1:4200"
    mlflow_url: str = "http://127.0.0.1:5000"
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("records_url", "store_url", "artifacts_url", "tracking_url", "prefect_url", "mlflow_url"):
            url = getattr(self, name)
            if shows_a_secret(url):
                raise UsageError(
                    f"{name}: {masked(url)}: holds a password, which would stand in logs and databases; write the name "
                    "of a variable in its place, as in ${DB_PASSWORD}, or let the environment say who you are "
                    "(AWS_PROFILE, PGPASSFILE, ...)"
                )

    @classmethod
    def local(
        cls,
        project: Path,
        folder: Path,
        store_url: str = "",
        records_url: str = "",
        threads: int | None = None,
        hosts: tuple[str, ...] = (),
        **pages: str,
    ) -> Workspace:
        """Everything in one folder of this machine.

        Args:
            project: The project's folder.
            folder: The workspace's folder.
            store_url: Another place for the tables.
            records_url: Another database for the records.
            threads: How many a fit may use; by default as many as there are processors to run on.
            hosts: Further names of the servers.
            pages: ``prefect_url`` and ``mlflow_url``, where they are not the defaults.
        """
        return cls(
            project,
            folder,
            records_url=records_url or f"sqlite:///{folder / 'records.db'}",
            store_url=store_url or str(folder / "store"),
            artifacts_url=(folder / "artifacts").as_uri(),
            tracking_url=f"sqlite:///{folder / 'mlflow.db'}",
            locks_url=str(folder / "locks"),
            threads=threads or usable_threads(),
            hosts=hosts,
            **pages,
        )

    @property
    def store_is_apart(self) -> bool:
        """Whether tables are kept elsewhere than in the workspace's folder."""
        return self.store_url != str(self.folder / "store")

    @property
    def deployments(self) -> Path:
        """The folder with one YAML a model."""
        return self.project / "deployments"

    @property
    def expectations(self) -> Path:
        """The folder with one YAML a suite."""
        return self.project / "expectations"

    def spec(self, model: str) -> ModelSpec:
        """A model's file.

        Raises:
            SpecError: there is no such file, or it is not understood.
        """
        return load_spec(self.deployments / f"{model}.yaml")

    @property
    def has_records(self) -> bool:
        """Whether there are records to ask: a database of its own, or a file of this machine that was made already."""
        file = self.records_url.removeprefix("sqlite:///")
        return file == self.records_url or Path(file).is_file()

    @property
    def champions(self) -> ChampionHistory:
        """Verdicts, the champion history, measurements, quarantine."""
        from evergreen.io.records import ChampionHistory

        return ChampionHistory(self.records_url)

    @property
    def monitoring(self) -> MonitoringRecords:
        """What the monitor saw, what the rules decided, freezes."""
        from evergreen.io.records import MonitoringRecords

        return MonitoringRecords(self.records_url)

    @property
    def ledger(self) -> Ledger:
        """The indexes of what was predicted and of what turned out to be true."""
        from evergreen.io.records import Ledger

        return Ledger(self.records_url)

    @property
    def windows(self) -> Windows:
        """Which windows of a source were read."""
        from evergreen.io.records import Windows

        return Windows(self.records_url)

    @property
    def store(self) -> Store:
        """Tables by digest."""
        from evergreen.io.store import Store

        return Store(self.store_url)

    @property
    def labelled_predictions(self) -> LabelledPredictions:
        """What was predicted, beside what turned out to be true."""
        from evergreen.io.labelled_predictions import LabelledPredictions

        return LabelledPredictions(self.ledger, self.store)

    @property
    def registry(self) -> Registry:
        """MLflow's runs and models."""
        from evergreen.io.registry import Registry

        return Registry(self.tracking_url, self.artifacts_url, self.project)

    @property
    def locks(self) -> Locks:
        """What one process at a time does for a model."""
        from evergreen.io.locks import FileLocks

        return FileLocks(Path(self.locks_url))
