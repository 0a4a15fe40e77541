"""Shows what happens in a run in Trackio: a database on this machine, which `trackio show` opens as a page.

The run there has a name of its own, kept in the run folder, under which a resumed run goes on.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pydantic import Field

from rftcore.schemas.events import Evaluated, RunFinished, RunStarted, UpdateFinished
from rftcore.schemas.frozen import Frozen
from rftcore.tracker import Tracker, figures, success_table, tracked_id

FOLDER = "trackio"


class Trackio(Tracker):
    """The tracker `trackio`."""

    class Config(Frozen):
        """Where the run is shown."""

        project: str = Field(default="rftcore", min_length=1)
        """The database; one page shows all runs of a project."""

    name = "trackio"

    _run: Any = None

    def rft_run_started(self, event: RunStarted) -> None:
        """Begin or resume the run `NAME-ID` there, with the whole configuration."""
        import trackio

        folder = Path(event.folder)
        with redirect_stdout(sys.stderr):  # it prints, where a program may read what a command prints
            self._run = trackio.init(
                project=self.config.project,
                name=f"{folder.name}-{tracked_id(folder / FOLDER)}",
                config={**event.config, "rftcore_id": event.run},
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def rft_update_finished(self, event: UpdateFinished) -> None:
        """Log `STAGE/FIGURE` for each figure of the update, at the update's number."""
        found = {f"{event.stage}/{key}": value for key, value in figures(event.stats).items()}
        self._run.log(found, step=event.update)

    def rft_evaluated(self, event: Evaluated) -> None:
        """Log `evaluation/SCORE/ENVIRONMENT:DIFFICULTY/CHECKPOINT` for each score."""
        place = f"{event.environment}:{event.difficulty}/{event.train}"
        self._run.log({f"evaluation/{score}/{place}": value for score, value in event.scores.items()})

    def rft_run_finished(self, event: RunFinished) -> None:
        """Log the transfer matrix as the table `success`."""
        import trackio

        head, rows = success_table(event.report)
        self._run.log({"success": trackio.Table(columns=head, data=rows)})

    def close(self) -> None:
        """Write what is left, and end the session there."""
        run, self._run = self._run, None
        if run is not None:
            with redirect_stdout(sys.stderr):
                run.finish()
