"""What the jobs of a study need: cores, GPUs, and a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rftcore import ConfigError, Experiment
from rftcore.display import Display
from rftcore.executor import Job
from tests.study.conftest import small


class Needs(Display):
    """Keeps what is planned, and stops before anything runs."""

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        self.jobs = list(jobs)
        raise KeyboardInterrupt


def test_a_job_with_a_model_needs_its_threads_and_a_gpu_and_a_policy_needs_neither(model: Path, tmp_path: Path) -> None:
    for device, gpus in (("auto", 1), ("cuda", 1), ("cuda:1", 0), ("cpu", 0)):
        needs = Needs()
        with pytest.raises(KeyboardInterrupt):
            Experiment(small(model, train="even", name=device[:4], threads=3, device=device)).run(
                tmp_path / device, display=needs
            )
        assert {job.folder for job in needs.jobs} == {str(tmp_path / device / device[:4])}
        found = {(job.label.split()[0], "random" in job.label or "oracle" in job.label): job for job in needs.jobs}
        assert {key: (job.cpus, job.gpus) for key, job in found.items()} == {
            ("train", False): (3, gpus),
            ("evaluate", False): (3, gpus),
            ("evaluate", True): (1, 0),
        }


def test_a_stage_with_rollouts_beside_learning_needs_the_threads_of_both(model: Path, tmp_path: Path) -> None:
    needs = Needs()
    training = {"updates": 3, "groups": 3, "samples": 4, "max_staleness": 1}
    with pytest.raises(KeyboardInterrupt):
        Experiment(small(model, train="even", threads=3, training=training, references=[])).run(tmp_path, display=needs)
    cores = {job.label.split()[0]: job.cpus for job in needs.jobs}
    assert cores == {"train": 6, "evaluate": 3}


def test_one_numbered_gpu_for_all_is_refused_where_jobs_run_side_by_side(model: Path, tmp_path: Path) -> None:
    config = small(model, train="even", device="cuda:1", executor={"name": "processes", "workers": 2})
    with pytest.raises(ConfigError, match="device: found 'cuda:1', expected 'cuda' or 'auto' with the executor 'proc"):
        Experiment(config).run(tmp_path)
