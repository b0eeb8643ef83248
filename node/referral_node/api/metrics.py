"""Figures for monitoring, in the text format of Prometheus; on loopback only.

Law: numbers, codes and member ids; never a case, a name or an address.
"""

from aiohttp import web

from referral_node.backup.age import backups
from referral_node.exchange import Exchange
from referral_node.store.room import Room
from referral_protocol.directory.replica import Freshness

_COUNTS = (
    (
        "referral_outbox_waiting",
        "Messages not held by their recipient yet",
        "SELECT COUNT(*) FROM outbox WHERE code IS NULL",
    ),
    (
        "referral_outbox_stopped",
        "Messages that will not be tried again",
        "SELECT COUNT(*) FROM outbox WHERE code IS NOT NULL",
    ),
    (
        "referral_messages_sealed",
        "Messages that nobody opened yet",
        "SELECT COUNT(*) FROM messages WHERE body = 'sealed' AND mine = 0",
    ),
    (
        "referral_messages_for_key",
        "Messages that wait for a key of their recipient",
        "SELECT COUNT(*) FROM messages WHERE body = 'unsealed' AND mine = 1",
    ),
    (
        "referral_files_waiting",
        "Files of ours that their recipient does not hold yet",
        "SELECT COUNT(*) FROM attachments WHERE waits IS NOT NULL",
    ),
    (
        "referral_files_bytes",
        "Size of all files that are kept here",
        "SELECT COALESCE(SUM(held), 0) FROM attachments",
    ),
    (
        "referral_threads_open",
        "Threads that have not ended",
        "SELECT COUNT(*) FROM threads WHERE ended = 0",
    ),
    (
        "referral_log_conflicts",
        "Versions of the directory's log that cannot be true beside ours, not settled",
        "SELECT COUNT(*) FROM forks WHERE settled_at IS NULL",
    ),
    (
        "referral_log_ahead",
        "Members that show more of the directory's log than anybody gives this node",
        "SELECT COUNT(*) FROM ahead",
    ),
    (
        "referral_mail_failures",
        "Mails in a row that were not taken",
        "SELECT COALESCE(MAX(failures), 0) FROM mailings",
    ),
)


def build_metrics(exchange: Exchange, room: Room) -> web.Application:
    """The application of the metrics listener: ``GET /metrics`` and ``GET /health``."""

    async def metrics(_request: web.Request) -> web.Response:
        lines = []
        for name, words, sql in _COUNTS:
            row = await exchange.store.row(sql)
            lines += [
                f"# HELP {name} {words}",
                f"# TYPE {name} gauge",
                f"{name} {0 if row is None else row[0]}",
            ]
        saved = (await backups(exchange.store)).at
        since = -1 if saved is None else (exchange.clock() - saved) / 1000
        lines += [
            "# HELP referral_backup_age_seconds Age of the last good backup; -1: there is none",
            "# TYPE referral_backup_age_seconds gauge",
            f"referral_backup_age_seconds {since:.0f}",
        ]
        dated = exchange.members.dated
        age = -1 if dated is None else (exchange.clock() - dated) / 1000
        lines += [
            "# HELP referral_directory_age_seconds Age of its newest checkpoint; -1: none",
            "# TYPE referral_directory_age_seconds gauge",
            f"referral_directory_age_seconds {age:.0f}",
        ]
        low = not room.enough()
        lines += [
            "# HELP referral_disk_free_bytes Room on the disk of the state folder",
            "# TYPE referral_disk_free_bytes gauge",
            f"referral_disk_free_bytes {room.free}",
            "# HELP referral_disk_low 1 while nothing is taken from others for want of room",
            "# TYPE referral_disk_low gauge",
            f"referral_disk_low {int(low)}",
        ]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    async def health(_request: web.Request) -> web.Response:
        await exchange.store.row("SELECT 1")
        forked = exchange.members.forked_at is not None
        stale = exchange.members.freshness is not Freshness.CURRENT
        told = {
            "store": "ok",
            "directory": "forked" if forked else "stale" if stale else "ok",
            "disk": "ok" if room.enough() else "low",
        }
        return web.json_response(told)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/health", health)])
    return app
