"""YAML by the rules of version 1.2: only `true` and `false` are booleans, so a key may be called `on`."""

import re
from typing import Any

import yaml

__all__ = ["dump", "load"]

_BOOL = "tag:yaml.org,2002:bool"
_TRUE_FALSE = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag != _BOOL]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _class.add_implicit_resolver(_BOOL, _TRUE_FALSE, list("tTfF"))


def load(text: str) -> Any:
    """Return the tree of one document.

    Raises:
        yaml.YAMLError: not valid YAML.
    """
    return yaml.load(text, Loader=_Loader)


def dump(tree: Any, *, width: int = 110) -> str:
    """Return block style with short mappings and lists on one line, in the order given."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=width)
