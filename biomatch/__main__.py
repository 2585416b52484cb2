"""``python -m biomatch`` is the command ``biomatch``."""

from biomatch.cli import main

if __name__ == "__main__":
    main()
