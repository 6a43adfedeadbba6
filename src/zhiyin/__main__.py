"""`python -m zhiyin` is `zhiyin`."""

from zhiyin.cli import main

if __name__ == "__main__":
    main()
