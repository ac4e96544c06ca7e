"""A service is soon ready: what takes long to import is imported where it is used."""

import subprocess
import sys

_ALL = """
import sys
from importlib import import_module
from pkgutil import iter_modules
import cuvee.serve.app
from cuvee.serve import routes
for module in iter_modules(routes.__path__):
    import_module(f"cuvee.serve.routes.{module.name}")
print(sorted({"torch", "transformers", "scipy.stats", "sklearn", "alembic"} & set(sys.modules)))
"""


def test_a_service_starts_without_what_only_fits_need() -> None:
    done = subprocess.run([sys.executable, "-c", _ALL], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
