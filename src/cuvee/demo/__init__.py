"""A made-up shop with drawn products, whose truth is known: `write_shop` is the door."""

from cuvee.demo.write import write_shop

__all__ = ["write_shop"]
