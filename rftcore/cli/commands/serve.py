"""`rftcore serve`: an environment in a process of its own, for whoever cannot or should not run it beside training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from rftcore.cli.settings import read_settings


def serve(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Name of an installed environment.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the environment, fixed for all who play."),
    ] = None,
    protocol: Annotated[str, typer.Option(help="What is spoken; `rftcore plugins` lists the protocols.")] = "rftcore",
    listening: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="KEY=VALUE", help="Option of the protocol, such as port=8765. May be repeated."),
    ] = None,
) -> None:
    """Serve an environment to other processes, until Ctrl-C.

    It listens on this machine only, and asks for a token: that in RFTCORE_SERVE_TOKEN, or a new one that is printed
    once. `rftcore info rftcore --kind protocol` lists every option of --with.

    Whoever plays needs neither the environment nor what it needs, but the environment `remote`:

        rftcore play remote --set url=http://127.0.0.1:8765
        rftcore train --train textcraft environments.textcraft.name=remote \\
            environments.textcraft.url=http://127.0.0.1:8765

    Examples:

        rftcore serve textcraft
        rftcore serve textcraft --set max_turns=20 --with port=8765 --with sessions=64
        rftcore serve webshop --with host=0.0.0.0 --with certificate=cert.pem --with key=key.pem
    """
    from rftcore import registry
    from rftcore.cli.terminal import console
    from rftcore.protocol import Offer, Protocol

    fixed = read_settings(settings)
    make = _maker(environment, fixed)
    make({})  # what is wrong with it is said before anybody connects
    chosen: Protocol = registry.create("protocol", protocol, read_settings(listening, "--with ", "port=8765"), "--with")
    offer = Offer(environment, registry.spec("environment", environment).version, make)
    chosen.serve(offer, lambda line: console().print(line))


def _maker(name: str, fixed: Mapping[str, Any]) -> Any:
    """Return what builds the environment with the options that whoever plays adds to the fixed ones."""
    from rftcore import registry
    from rftcore.errors import ConfigError

    def make(options: Mapping[str, Any]) -> Any:
        for key, value in options.items():
            if key in fixed and fixed[key] != value:
                raise ConfigError(f"options.{key}: found {value!r}, but whoever serves {name} has fixed {fixed[key]!r}")
        return registry.create("environment", name, {**fixed, **options}, "options")

    return make
