"""From nothing to three members: what the administrators and the registrar type, in their order.

Law: only `referral ...` commands, and a fingerprint is what `node init` printed, on its way to the
registrar as it would be read out on the telephone. Every step may be cut short and done again.
"""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from referral_tools.demo.cast import (
    CONSOLE_HOST,
    DIRECTORY,
    ORIGIN,
    PLAYERS,
    REGISTRAR,
    REGISTRAR_NAME,
    Player,
)
from referral_tools.demo.fleet import Fleet, together
from referral_tools.demo.place import Place
from referral_tools.demo.ports import Ports
from referral_tools.demo.process import need
from referral_tools.demo.toml import write_toml
from referral_tools.demo.trouble import DemoTrouble
from referral_tools.demo.words import new_password

_ANCHOR: Final = re.compile(r"^anchor ((?:[A-Z2-7]{4} ?)+)$", re.MULTILINE)
_TOTP: Final = re.compile(r"^totp (otpauth://\S+)$", re.MULTILINE)
_FINGERPRINT: Final = re.compile(r"^Fingerprint\s+((?:[0-9]{5}\s+){11}[0-9]{5})\s", re.MULTILINE)
_LOOK_EVERY_SECONDS: Final = 2
"""How often a node of the demo looks into the directory: a person waits for it here."""
_MEMBERS_WITHIN: Final = 60.0
_PAUSE: Final = 0.4
"""Seconds between two looks at a node's status: each is a process, and they share the machine."""

Doing = Callable[[str], AbstractContextManager[None]]
"""Around a step, with the words for it."""


async def found(place: Place, ports: Ports, fleet: Fleet, doing: Doing, level: str) -> None:
    """Make what is not there yet, start everything, join whoever has not joined. ``level``: from
    which the directory logs; at ``info`` that is every request."""
    ready = asyncio.Event()

    async def directory() -> None:
        await _make_directory(place, ports, level)
        await fleet.directory.start()
        ready.set()

    async def organisation(player: Player) -> None:
        await _make_node(place, ports, player)
        await fleet.nodes[player.code].start()
        await ready.wait()
        await _join(place, ports, player)

    with doing("A directory and three nodes: keys made, started, asked to join"):
        await together(directory(), *(organisation(player) for player in PLAYERS))
    with doing("The registrar compares the fingerprints and admits the three"):
        await _admit(place, ports)
    with doing("All three nodes have read it in the directory"):
        await together(*(_member(place, player) for player in PLAYERS))


async def _make_directory(place: Place, ports: Ports, level: str) -> None:
    if place.has_directory:
        return
    place.forget(DIRECTORY)
    place.write(place.password(DIRECTORY), new_password() + "\n")
    printed = await need(
        *("directory", "init", "--state", place.node(DIRECTORY), "--origin", ORIGIN),
        *("--password-file", place.password(DIRECTORY)),
        *("--port", str(ports.directory), "--console-port", str(ports.console)),
        *("--registrar", REGISTRAR, "--display", REGISTRAR_NAME, "--console-host", CONSOLE_HOST),
        "--allow-loopback",
    )
    config = place.node(DIRECTORY) / "directory.toml"
    config.write_text(f'log_level = "{level}"\n' + config.read_text("utf-8"), "utf-8")
    anchor, totp = _ANCHOR.search(printed), _TOTP.search(printed)
    if anchor is None or totp is None:
        raise DemoTrouble("`referral directory init` printed no anchor, or no secret for codes")
    place.write(place.totp, totp[1] + "\n")
    place.write(place.anchor, anchor[1] + "\n")


async def _make_node(place: Place, ports: Ports, player: Player) -> None:
    if place.has_node(player.code):
        return
    place.forget(player.code)
    place.write(place.password(player.code), new_password() + "\n")
    place.write(place.profile(player.code), write_toml(player.profile))
    exchange = ports.exchange(player.code)
    printed = await need(
        *("node", "init", "--state", place.node(player.code)),
        *("--name", player.name, "--country", player.country, "--time-zone", player.zone),
        *("--endpoint", f"http://127.0.0.1:{exchange}", "--exchange-port", str(exchange)),
        *("--host", player.host, "--pages-port", str(ports.pages(player.code))),
        *("--metrics-port", str(ports.metrics(player.code)), "--allow-loopback"),
        *("--user", player.user, "--display", player.person),
        *("--password-file", place.password(player.code)),
        *("--kit-file", place.kit(player.code), "--kit-confirmed"),
    )
    with (place.node(player.code) / "node.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[directory]\nevery_seconds = {_LOOK_EVERY_SECONDS}\n")
    place.write(place.fingerprint(player.code), printed_fingerprint(printed) + "\n")


def printed_fingerprint(printed: str) -> str:
    """The twelve groups of five digits in what `node init` printed."""
    found = _FINGERPRINT.search(printed)
    if found is None:
        raise DemoTrouble("`referral node init` printed no fingerprint")
    return " ".join(found[1].split())


async def _join(place: Place, ports: Ports, player: Player) -> None:
    await need(
        *("node", "join", f"http://127.0.0.1:{ports.directory}"),
        *("--state", place.node(player.code), "--anchor", place.read(place.anchor)),
        *("--profile", place.profile(player.code)),
        *("--password-file", place.password(player.code)),
    )


async def _admit(place: Place, ports: Ports) -> None:
    """The registrar's part: for each that waits, type the fingerprint that was read out."""
    state = ("--state", place.node(DIRECTORY))
    waiting = {
        str(each["endpoint"]): str(each["id"])
        for each in json.loads(await need("directory", "requests", *state, "--json"))
    }

    async def approve(player: Player) -> None:
        request = waiting.get(f"http://127.0.0.1:{ports.exchange(player.code)}")
        if request is not None:
            await need(
                *("directory", "approve", request, *state),
                *("--fingerprint-file", place.fingerprint(player.code)),
                *("--password-file", place.password(DIRECTORY)),
            )

    await together(*(approve(player) for player in PLAYERS))


async def _member(place: Place, player: Player) -> None:
    """Wait until a node has read in the directory that all are members."""
    state = ("--state", place.node(player.code))
    entries = 1 + len(PLAYERS)
    said = None
    try:
        async with asyncio.timeout(_MEMBERS_WITHIN):
            while True:
                said = json.loads(await need("node", "status", *state, "--json"))["directory"]
                if said["state"] == "admitted" and said["entries"] >= entries:
                    return
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        waited = f"{player.readable} is not a member after {_MEMBERS_WITHIN:.0f} s"
        raise DemoTrouble(f"{waited}; its node says: {said}") from None
