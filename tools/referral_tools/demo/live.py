"""The demo that stays: everything runs until Ctrl-C, and goes on there the next time."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from referral_tools.demo.cast import CONSOLE_HOST, DIRECTORY, PLAYERS, REGISTRAR
from referral_tools.demo.fleet import Fleet
from referral_tools.demo.founding import found
from referral_tools.demo.place import Place, Progress
from referral_tools.demo.ports import BASE, Ports, free_ports
from referral_tools.demo.show import Show
from referral_tools.demo.trouble import DemoTrouble


async def live(state: Path, base_port: int | None, show: Show) -> None:
    """Run the demo of a state folder until it is cancelled; DemoTrouble if it cannot go on."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(Place(state))
        ports = choose_ports(place, base_port, show)
        fleet = await stack.enter_async_context(Fleet(place))
        stack.callback(show.say, "Stopping.")
        await bring_up(place, ports, fleet, show)
        _welcome(place, ports, show)
        raise await fleet.died()


async def bring_up(
    place: Place, ports: Ports, fleet: Fleet, show: Show, level: str = "warning"
) -> None:
    """Everything runs, and all are members: made first if need be, else as it was.

    ``level`` of the directory's log: for days three nodes that look often would fill it.
    """
    progress = place.progress or Progress(ports.base)
    place.keep(progress)
    if progress.joined:
        with show.doing("The directory and the three nodes are started"):
            await fleet.start()
        return
    await found(place, ports, fleet, show.doing, level)
    place.keep(replace(progress, joined=True))


def choose_ports(place: Place, base_port: int | None, show: Show) -> Ports:
    """The folder's own ports; for a new one those asked for, else a free range."""
    progress = place.progress
    wanted = Ports(base_port or BASE) if progress is None else Ports(progress.base_port)
    taken = wanted.taken()
    if progress is not None:
        if base_port not in (None, wanted.base):
            show.say(f"This state was made with ports from {wanted.base}: --base-port is not used.")
        if taken is not None:
            raise DemoTrouble(
                f"port {taken} ({wanted.all()[taken]}) is in use: stop the program that has it; "
                "or begin anew: `make demo-clean`, or another folder with --state"
            )
        return wanted
    if taken is None:
        return wanted
    free = free_ports()
    if free is None:
        raise DemoTrouble(f"port {taken} is in use, and no other free range of ports was found")
    show.say(f"Port {taken} is in use: the demo takes ports from {free.base} instead.")
    return free


def _office(place: Place, ports: Ports, show: Show) -> None:
    """VSE's office: where the registrar signs in, and how to get a code without a telephone."""
    show.heading("VSE's office, which admits organisations and suspends them:")
    show.say(f"Console: http://{CONSOLE_HOST}:{ports.console}/")
    password = place.read(place.password(DIRECTORY))
    show.say(f"Sign in as {REGISTRAR}, password {password}, and a code of six digits.")
    show.say(
        "The code of now, in a second terminal (each counts once): make demo-code, or"
        f" referral demo --state {place.path} --code"
    )


def _welcome(place: Place, ports: Ports, show: Show) -> None:
    """Where to go and how to sign in."""
    show.heading("Three organisations are ready. Sign in, each in a window of its own:")
    show.table(
        ("Organisation", "Address", "Name", "Password"),
        [
            (
                f"{player.readable}, {player.city}",
                f"http://{player.host}:{ports.pages(player.code)}/",
                player.user,
                place.read(place.password(player.code)),
            )
            for player in PLAYERS
        ],
    )
    _office(place, ports, show)
    show.say("")
    show.say("All people and organisations are made up. Type nothing about a real person.")
    show.say(f"For everybody, the map of published services: http://127.0.0.1:{ports.directory}/")
    show.say(f"State, logs and passwords: {place.path}")
    show.say("Ctrl-C stops everything; starting again goes on here.")
