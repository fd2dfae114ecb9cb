"""``python -m gliascope``: the command line where the folder of scripts is not on the path."""

from gliascope.cli import main

if __name__ == "__main__":
    main()
