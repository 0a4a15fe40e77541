"""A checkpoint of a run as an ordinary Hugging Face folder, for programs that know nothing of runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from rftcore.blueprint import load_record
from rftcore.checkpoint import INDEX, verify
from rftcore.errors import ConfigError, RunError
from rftcore.records import RunFolder


def export(run: RunFolder, out: Path, *, checkpoint: str | None = None, merge: bool = False) -> Path:
    """Write a checkpoint, the last one if none is named, to the new folder `out`, whole or not at all; return `out`.

    What was trained with LoRA is an adapter, which peft loads; with `merge` it is a whole model, in the run's dtype.
    What was trained without is a whole model anyway.

    Raises ConfigError for a checkpoint that the run does not have or an `out` that is there, RunError when the
    checkpoint is not trained yet or damaged, or `out` cannot be written.
    """
    config, plan = load_record(run)
    names = [stage.name for stage in plan.stages]
    chosen = checkpoint or (names[-1] if names else None)
    if chosen not in names:
        raise ConfigError(f"--checkpoint: found {chosen}, but {run.path.name} has {', '.join(names) or 'none'}")
    source = run.stage(plan.chain(chosen)[-1].key) / "checkpoint"
    if not source.is_dir():
        raise RunError(f"{chosen} of {run.path.name} is not trained yet; finish it: rftcore resume {run.path.name}")
    if out.exists():
        raise ConfigError(f"--out: found {str(out)!r}, expected a folder that is not there yet")
    verify(source)
    staging = out.with_name(f".{out.name}.writing")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, staging, ignore=shutil.ignore_patterns(INDEX, *(["adapter_*"] if merge else [])))
        if merge and not (staging / "config.json").is_file():
            from rftcore.train.checkpoint import save_whole

            save_whole(staging, source, config.dtype)
        staging.rename(out)
    except OSError as error:
        raise RunError(f"{str(out)!r} cannot be written: {error}; choose another place, or make room") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return out
