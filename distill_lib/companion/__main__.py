"""The command `distill`, begun so that an interrupt or a missing package is one sentence.

That holds from the first moment on.
"""

import sys


def main() -> None:
    """Hand over to the command line."""
    try:
        from distill_lib.companion.cli import main as command

        command()
    except KeyboardInterrupt:
        print("distill: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    except ModuleNotFoundError as error:
        if "--debug" in sys.argv[1:] or (error.name or "").startswith("distill_lib"):
            raise
        print(
            f"distill: the package {error.name} is not installed; the command line and the book "
            "need "
            "the extra 'book': pip install 'distill-lib[book]'",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
