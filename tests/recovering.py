"""A member of a federation whose node is set up anew because its vault key is lost."""

from pathlib import Path
from typing import Any

from fed_member import PASSWORD, Member, RoutedHttp
from federation import Federation
from node_world import Entropy
from referral_node.operations import Operations
from referral_node.store import Store
from referral_node.vault import SignIn, SlotKeys


def spare(fed: Federation, folder: Path) -> None:
    """A second folder for Lisbon, called lisboa2 until it takes the first one's place."""
    new = Member(fed, "lisboa", folder, strong=False)
    new.entropy = Entropy("another machine")
    fed.members["lisboa2"] = new


async def set_up_anew(fed: Federation, **changes: Any) -> dict[str, Any]:
    """`init` in another folder, then `join --recover`."""
    old, new = fed["lisboa"], fed["lisboa2"]
    await new.make(old.config.exchange.endpoint)
    return await ask(fed, old.id, **changes)


async def ask(fed: Federation, member: bytes, **changes: Any) -> dict[str, Any]:
    """What the command does while the node does not serve."""
    new = fed["lisboa2"]
    store, keys = await Store.open(new.folder.database), SlotKeys(new.cost, new.entropy)
    http = RoutedHttp(lambda url: fed.route("lisboa", url))
    operations = Operations(
        store=store,
        folder=new.folder,
        config=new.config,
        node=new.folder.read_node_key(),
        http=http,
        keys=keys,
        door=SignIn(fed.clock, keys),
        clock=fed.clock,
        entropy=new.entropy,
    )
    try:
        answer: dict[str, Any] = await operations.recover(
            {
                "url": "http://127.0.0.1:1",
                "anchor": fed.anchor,
                "member": member,
                "authority": {"name": new.sign_in_name, "password": PASSWORD},
            }
            | changes
        )
    finally:
        await http.close()
        keys.close()
        await store.close()
    return answer


async def announce(fed: Federation, endpoint: str | None = None) -> None:
    """The registrar has telephoned, and signs. ``endpoint``: how it answered, if it is asked."""
    async with fed.registrar() as office:
        (request,) = await office.ask("requests")
        found = await office.ask("request", request=request["id"], check=True)
        if endpoint is not None:
            assert found["answer"] == endpoint, found
        signed = fed._signed(bytes(found["content"]))
        assert (await office.ask("approve", request=request["id"], signatures=signed))["done"]


async def complete(fed: Federation) -> None:
    """After three days the registrar signs once more."""
    async with fed.registrar() as office:
        (found,) = await office.ask("recoveries")
        content = bytes(found["complete"])
        assert (await office.ask("propose", content=content, signatures=fed._signed(content)))[
            "done"
        ]
