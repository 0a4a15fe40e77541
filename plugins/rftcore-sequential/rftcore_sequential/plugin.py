"""Announces the five curricula; imports nothing of them."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import CurriculumSpec


@hookimpl
def rft_curricula() -> tuple[CurriculumSpec, ...]:
    """Announce the curricula."""
    return (
        CurriculumSpec(
            name="single",
            target="rftcore_sequential.curricula:Single",
            summary="One environment, or one difficulty of it",
        ),
        CurriculumSpec(
            name="mixture",
            target="rftcore_sequential.curricula:Mixture",
            summary="Several sources at once, by weights",
        ),
        CurriculumSpec(
            name="sequential",
            target="rftcore_sequential.curricula:Sequential",
            summary="Stages one after the other, each with its budget, checkpoint and evaluation",
        ),
        CurriculumSpec(
            name="easy_to_hard",
            target="rftcore_sequential.curricula:EasyToHard",
            summary="The difficulties of one environment one after the other",
        ),
        CurriculumSpec(
            name="horizon",
            target="rftcore_sequential.curricula:Horizon",
            summary="One stage whose turn limit grows",
        ),
    )
