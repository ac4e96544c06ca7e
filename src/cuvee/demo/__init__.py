"""Made-up data: `write_shop`, a shop with drawn products whose truth is known; `write_log`, a log of any size."""

from cuvee.demo.numbers import write_log
from cuvee.demo.write import write_shop

__all__ = ["write_log", "write_shop"]
