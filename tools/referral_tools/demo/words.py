"""Passwords for the demo that a person can read from one window and type into another.

Four words out of 128 are 28 bits: enough for made-up cases on this machine, for nothing else.
"""

import secrets
from typing import Final

COUNT: Final = 4

# fmt: off
WORDS: Final = tuple(
    word
    for line in (
        "acorn amber anchor apple arrow autumn badger bamboo basket beach beaver berry birch",
        "bottle bridge bronze butter button cabin candle canoe carpet castle cedar cherry clover",
        "cobalt copper coral cotton cradle cricket crystal daisy desert dolphin drum eagle ember",
        "engine fabric falcon feather ferry fiddle flannel forest fossil fountain garden ginger",
        "glacier granite grape guitar hammer harbor hazel helmet heron hollow honey iris island",
        "ivory jacket jasmine jigsaw juniper kettle kitten ladder lagoon lantern lemon lilac linen",
        "lizard magnet mango maple marble meadow melon mirror mitten mosaic nectar needle nutmeg",
        "oasis olive onion orchard otter oyster paddle panda pebble pepper piano pigeon planet",
        "plum pocket poplar puzzle quartz quilt rabbit radish raven ribbon river saddle saffron",
        "salmon sandal shadow silver spruce squirrel statue sunset temple thistle thunder timber",
    )
    for word in line.split()
)
# fmt: on


def new_password() -> str:
    """Four different words with hyphens between them."""
    chosen: list[str] = []
    while len(chosen) < COUNT:
        word = secrets.choice(WORDS)
        if word not in chosen:
            chosen.append(word)
    return "-".join(chosen)
