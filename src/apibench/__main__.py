"""
The command's first instruction: answer what needs no library, hand over the rest.

`apibench --version` is asked by scripts and by package tests; it must not pay for the import
of the command line's libraries (some 300 ms). So they are imported only after a look at argv.

What imports make stays for ever. The garbage collector would walk over it again and again while it grows, for a
twentieth of the start-up; so it begins its work only when a verb does (`cli/app.py`).
"""

import sys


def main() -> int:
    """Run the command with `sys.argv`; returns the exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from apibench import __version__  # noqa: PLC0415 - the whole point: nothing is loaded before it is needed

        sys.stdout.write(f"apibench {__version__}\n")
        return 0
    import gc  # noqa: PLC0415 - as above

    gc.disable()
    from apibench.cli.app import run_command  # noqa: PLC0415 - as above

    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
