"""`make chaos`: one run, of CHAOS_SECONDS, from CHAOS_SEED; its state is kept if it fails."""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.run import run


def main() -> int:
    """0 when nothing was lost."""
    seed = os.environ.get("CHAOS_SEED") or secrets.token_hex(4)
    seconds = float(os.environ.get("CHAOS_SECONDS") or 300)
    without = frozenset(os.environ.get("CHAOS_WITHOUT", "").split())
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    print(f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:.0f}, in {folder}", flush=True)
    try:
        found = asyncio.run(run(folder, seed, seconds, without))
    except BaseException:
        print(f"CHAOS_SEED={seed} broke off; everything is in {folder}", flush=True)
        raise
    found.faults += found.too_few()
    print("\n".join(found.lines()), flush=True)
    if found.faults:
        print(f"everything is in {folder}; CHAOS_SEED={seed} decides the same again")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
