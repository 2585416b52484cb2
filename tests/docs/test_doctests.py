"""Every example in a docstring is run."""

import doctest
import importlib
import pkgutil

import biomatch_synthetic
import pytest

import biomatch


def modules():
    for package in (biomatch, biomatch_synthetic):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield found.name


@pytest.mark.parametrize("name", sorted(modules()))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
