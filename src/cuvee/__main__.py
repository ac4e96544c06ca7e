"""`python -m cuvee` is `cuvee`."""

from cuvee.cli.main import main

if __name__ == "__main__":
    main()
