"""The command `spanloom`: explain and cleanup, with the user's own kubeconfig, and score."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from spanloom_operator.explain.command import EPILOG, HELP, explain_command
from spanloom_operator.score import command as score

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Explain and clean up what Spanloom's operator does, and rate telemetry.",
)  # fmt: skip
app.command("explain", help=HELP, epilog=EPILOG, no_args_is_help=True)(explain_command)
app.command("score", help=score.HELP, epilog=score.EPILOG, no_args_is_help=True)(score.score_command)


@app.command()
def cleanup(
    namespaces: Annotated[str, typer.Option(help="only these, separated by commas")] = "",
    installation: Annotated[str, typer.Option(help="NAMESPACE/NAME of one installation; default: every one")] = "",
) -> None:
    """Remove everything that operators have added, in the whole cluster; for after they are uninstalled.

    Without --installation this concerns every operator of the cluster: one that still runs injects again.
    """
    import kopf  # noqa: PLC0415 - a second that explain does not need

    from spanloom_operator.controller.cleanup import withdraw_everything  # noqa: PLC0415
    from spanloom_operator.kube.api import ApiError  # noqa: PLC0415
    from spanloom_operator.kube.client import Client  # noqa: PLC0415

    async def withdraw() -> None:
        async with Client() as api:
            for key in await withdraw_everything(api, tuple(namespaces.split(",")), installation):
                print(f"withdrawn from {key.kind.lower()} {key.title}")

    try:
        asyncio.run(withdraw())
    except (ApiError, kopf.LoginError, OSError) as error:
        print(f"spanloom: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def kubectl_plugin() -> None:
    """Run as `kubectl spanloom`: kubectl starts the program `kubectl-spanloom`."""
    app(prog_name="kubectl spanloom")
