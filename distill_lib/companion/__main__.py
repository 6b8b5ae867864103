"""The command `distill`: an interrupt is one sentence from the first moment on, a missing package
too.
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
