"""Lab images, from recipe to archive: which files make which layer, as bytes for `docker image load`.
Knows no engine, and needs no registry."""

from voltutor.images.archive import archive
from voltutor.images.programs import MissingPrograms, Programs, locate, unpacked
from voltutor.images.recipe import (
    MIB,
    RECIPE_LABEL,
    SEEDS_LAB,
    SEEDS_LARGE,
    SEEDS_MEASURE,
    Entry,
    Layer,
    Recipe,
    SeedFile,
    dockerfile,
    lab,
    seed_path,
    seeded,
)

__all__ = [
    "MIB",
    "RECIPE_LABEL",
    "SEEDS_LAB",
    "SEEDS_LARGE",
    "SEEDS_MEASURE",
    "Entry",
    "Layer",
    "MissingPrograms",
    "Programs",
    "Recipe",
    "SeedFile",
    "archive",
    "dockerfile",
    "lab",
    "locate",
    "seed_path",
    "seeded",
    "unpacked",
]
