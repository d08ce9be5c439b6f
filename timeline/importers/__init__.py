"""Input of others' data sets, one file each. Pure: rows go in, posts come out; the loader is `timeline.importing`.

    importer    what an importer is: columns, mapping, ids, the words shared by all
    tables      rows out of CSV, TAB and JSON files, with what is done to such files on their way

A module here that defines `IMPORTER`, or several as `IMPORTERS`, is an importer; there is no other place to enter it.
"""

import importlib
import pkgutil

from timeline.importers.importer import Importer


def _discover() -> dict[str, Importer]:
    """Every importer in this folder, by name."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    found = [each for module in modules for each in getattr(module, "IMPORTERS", ())]
    found += [module.IMPORTER for module in modules if hasattr(module, "IMPORTER")]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


IMPORTERS: dict[str, Importer] = _discover()
"""Every importer, by its name."""
