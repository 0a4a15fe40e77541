"""Shows what happens in a run in Weights & Biases: online, or in files under the run folder that are sent later.

The run there has an id of its own, kept in the run folder, under which a resumed run goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rftcore.schemas.events import Evaluated, RunFinished, RunStarted, UpdateFinished
from rftcore.schemas.frozen import Frozen
from rftcore.tracker import Tracker, figures, success_table, tracked_id

FOLDER = "wandb"


class WeightsAndBiases(Tracker):
    """The tracker `wandb`."""

    class Config(Frozen):
        """Where the run is shown."""

        project: str = "rftcore"
        entity: str | None = None
        """The user or team; null: the default of the account."""
        mode: Literal["online", "offline"] = "online"
        """`offline` writes files under `wandb/` of the run folder, which `wandb sync` sends."""

    name = "wandb"

    _run: Any = None

    def rft_run_started(self, event: RunStarted) -> None:
        """Begin or resume the run there, with the whole configuration. Raises RuntimeError when nobody is logged in."""
        import wandb

        folder, online = Path(event.folder), self.config.mode == "online"
        # Otherwise it asks at the terminal, and the run waits for the answer.
        if online and not wandb.login(prompt=False, verify=False):
            raise RuntimeError("nobody is logged in; `wandb login` does that, and mode: offline needs no account")
        self._run = wandb.init(
            project=self.config.project,
            entity=self.config.entity,
            id=tracked_id(folder / FOLDER),
            name=folder.name,
            dir=folder,
            mode=self.config.mode,
            resume="allow" if online else None,
            config={**event.config, "rftcore_id": event.run},
            settings=wandb.Settings(console="off", silent=True),
        )
        self._run.define_metric("update")
        self._run.define_metric("*", step_metric="update")

    def rft_update_finished(self, event: UpdateFinished) -> None:
        """Log `STAGE/FIGURE` for each figure of the update, over `update`."""
        found = {f"{event.stage}/{key}": value for key, value in figures(event.stats).items()}
        self._run.log({"update": event.update, **found})

    def rft_evaluated(self, event: Evaluated) -> None:
        """Log `evaluation/SCORE/ENVIRONMENT:DIFFICULTY/CHECKPOINT` for each score, which the summary keeps."""
        place = f"{event.environment}:{event.difficulty}/{event.train}"
        self._run.log({f"evaluation/{score}/{place}": value for score, value in event.scores.items()})

    def rft_run_finished(self, event: RunFinished) -> None:
        """Log the transfer matrix as the table `success`."""
        import wandb

        head, rows = success_table(event.report)
        self._run.log({"success": wandb.Table(columns=[*head], data=rows)})

    def close(self) -> None:
        """Send or write what is left, and end the session there."""
        run, self._run = self._run, None
        if run is not None:
            run.finish()
