"""Lab images, from recipe to archive: which files make which layer, as bytes for `docker image load`.
Knows no engine, and needs no registry."""

from voltutor.images.archive import archive
from voltutor.images.content import (
    FIRST,
    LAB_IMAGES,
    MIB,
    SEEDS_LAB,
    SEEDS_LARGE,
    SEEDS_MEASURE,
    SEEDS_SMALL,
    TREE_FILES,
    LabImage,
    SeedFile,
    seed_path,
    tree_path,
)
from voltutor.images.programs import MissingPrograms, Programs, locate
from voltutor.images.recipe import (
    RECIPE_LABEL,
    Entry,
    Layer,
    Recipe,
    dockerfile,
    extended,
    lab,
)
from voltutor.images.store import DATA
from voltutor.images.web import ANSWERS, LISTED, NOTES, PAGE, SOCKETS

__all__ = [
    "ANSWERS",
    "DATA",
    "FIRST",
    "LAB_IMAGES",
    "LISTED",
    "MIB",
    "NOTES",
    "PAGE",
    "RECIPE_LABEL",
    "SEEDS_LAB",
    "SEEDS_LARGE",
    "SEEDS_MEASURE",
    "SEEDS_SMALL",
    "SOCKETS",
    "TREE_FILES",
    "Entry",
    "LabImage",
    "Layer",
    "MissingPrograms",
    "Programs",
    "Recipe",
    "SeedFile",
    "archive",
    "dockerfile",
    "extended",
    "lab",
    "locate",
    "seed_path",
    "tree_path",
]
