"""Run the command line: ``python -m ctxrace``."""

from ctxrace.cli.main import main

if __name__ == "__main__":
    main()
