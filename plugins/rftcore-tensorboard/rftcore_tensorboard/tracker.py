"""Writes what happens in a run as TensorBoard's event files, into the run folder.

Written with tensorboard alone, which needs neither torch nor TensorFlow. Every event is on the disk when its method
returns: what a killed run has told stays told, and a resumed one adds a file to the same folder.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rftcore.schemas.events import Evaluated, RunFinished, RunStarted, UpdateFinished
from rftcore.tracker import Tracker, figures, success_table

FOLDER = "tensorboard"


class TensorBoard(Tracker):
    """The tracker `tensorboard`."""

    name = "tensorboard"

    _writer: Any = None

    def rft_run_started(self, event: RunStarted) -> None:
        """Open an event file under `tensorboard/` of the run folder; a new run begins with its configuration."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(Path(event.folder) / FOLDER))
        if not event.resumed:
            self._write([_text("configuration", f"```json\n{json.dumps(event.config, indent=2)}\n```")])

    def rft_update_finished(self, event: UpdateFinished) -> None:
        """Write one scalar `STAGE/FIGURE` for each figure of the update, at the update's number."""
        found = figures(event.stats)
        self._write([_scalar(f"{event.stage}/{key}", value) for key, value in found.items()], event.update)

    def rft_evaluated(self, event: Evaluated) -> None:
        """Write one scalar `evaluation/SCORE/ENVIRONMENT:DIFFICULTY/CHECKPOINT` for each score."""
        place = f"{event.environment}:{event.difficulty}/{event.train}"
        self._write([_scalar(f"evaluation/{score}/{place}", value) for score, value in event.scores.items()])

    def rft_run_finished(self, event: RunFinished) -> None:
        """Write the transfer matrix as a table in Markdown, which TensorBoard shows under Text."""
        head, rows = success_table(event.report)
        lines = [head, ["---"] * len(head), *(["" if cell is None else _shown(cell) for cell in row] for row in rows)]
        self._write([_text("success", "\n".join(f"| {' | '.join(line)} |" for line in lines))])

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, values: list[Any], step: int = 0) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        self._writer.flush()


def _shown(cell: str | float) -> str:
    return cell if isinstance(cell, str) else f"{cell:.3f}"


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def _text(tag: str, markdown: str) -> Any:
    """Return a text as TensorBoard's plugin for texts reads it: one string, marked as that plugin's."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.metadata import create_summary_metadata

    one = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[markdown.encode()], tensor_shape=one)
    return Summary.Value(tag=tag, metadata=create_summary_metadata(tag, ""), tensor=tensor)
