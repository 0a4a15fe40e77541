from __future__ import annotations

import importlib
import subprocess
import sys

from rftcore.metric import Metric
from rftcore_generalization.plugin import rft_metrics


def test_the_announced_class_is_the_metric_of_that_name() -> None:
    (spec,) = rft_metrics()
    module, _, attribute = spec.target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert issubclass(found, Metric)
    assert found.name == spec.name == "generalization"


def test_announcing_imports_neither_numpy_nor_pydantic() -> None:
    code = (
        "import sys, rftcore_generalization.plugin as p; p.rft_metrics();"
        "print([m for m in ('numpy', 'pydantic', 'rftcore_generalization.metric') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
