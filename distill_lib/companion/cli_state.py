"""The commands of `distill state`: a profile's runs as one file that goes on elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from distill_lib.companion.root import project_root

state = typer.Typer(
    help="A profile's runs as one file that goes on elsewhere.", no_args_is_help=True
)
Archive = Annotated[Path, typer.Argument(metavar="FILE", help="A zip file.")]
Profile = Annotated[
    str, typer.Option("--profile", "-p", help="A profile of notebooks/profiles.yml.")
]


@state.command("pack")
def pack_state(file: Archive, profile: Profile = "digits") -> None:
    """Write everything done for a profile, finished or not, into one file."""
    from distill_lib.companion.run.state import pack

    names = pack(project_root(), profile, file)
    print(f"{file}: profile {profile}, {len(names)} notebooks ({', '.join(names)})")


@state.command("unpack")
def unpack_state(
    file: Archive,
    replace: Annotated[
        bool, typer.Option("--replace", help="Even where work that is here alone is lost.")
    ] = False,
) -> None:
    """Go on here with what was packed elsewhere."""
    from distill_lib.companion.run.state import unpack

    profile, names, differs = unpack(project_root(), file, replace=replace)
    print(
        f"profile {profile}: {len(names)} notebooks ({', '.join(names)}); 'distill run -p "
        f"{profile}' goes on"
    )
    if differs:
        print(f"what was made with other versions or devices is made anew here: {differs}")
