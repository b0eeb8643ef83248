"""The state folder: who may work in it, and what is refused."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from referral_node.folder import FolderBusy, FolderLock, StateFolder, write_private
from referral_node.trouble import Trouble
from referral_protocol.suite import Signer


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    made = StateFolder(path)
    made.config.write_text("")
    made.database.write_text("")
    made.write_node_key(Signer(b"n" * 32))
    return made


def test_a_right_folder_passes_and_gives_its_key(folder: StateFolder) -> None:
    folder.check()
    assert folder.read_node_key().public == Signer(b"n" * 32).public
    assert folder.node_key.stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_written_over(folder: StateFolder) -> None:
    with pytest.raises(FileExistsError):
        folder.write_node_key(Signer(b"m" * 32))
    assert folder.read_node_key().public == Signer(b"n" * 32).public


def test_no_folder_and_a_foreign_one_are_told_apart(tmp_path: Path, folder: StateFolder) -> None:
    with pytest.raises(Trouble, match="no such folder"):
        StateFolder(tmp_path / "nowhere").check()
    with pytest.raises(Trouble, match="not a node's folder"):
        StateFolder(tmp_path).check()
    folder.node_key.unlink()
    with pytest.raises(Trouble, match="key is missing"):
        folder.check()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701, 0o770])
def test_a_folder_open_to_others_is_refused(folder: StateFolder, mode: int) -> None:
    folder.path.chmod(mode)
    with pytest.raises(Trouble, match="others on this machine may read it: run `chmod go= "):
        folder.check()


def test_a_key_open_to_others_is_refused(folder: StateFolder) -> None:
    folder.node_key.chmod(0o640)
    with pytest.raises(Trouble, match=r"node\.key: others on this machine"):
        folder.check()


@pytest.mark.parametrize("data", [b"", b"n" * 31, b"n" * 33])
def test_a_damaged_key_says_so_and_not_what_it_holds(folder: StateFolder, data: bytes) -> None:
    folder.node_key.write_bytes(data)
    with pytest.raises(Trouble) as caught:
        folder.read_node_key()
    assert str(caught.value) == f"{folder.node_key}: damaged: restore it from your copy"


def test_the_second_one_is_told_who_holds_the_folder(folder: StateFolder) -> None:
    with FolderLock(folder.path), pytest.raises(FolderBusy, match=f"process {os.getpid()}"):
        FolderLock(folder.path).take()
    with FolderLock(folder.path):
        pass


def test_another_process_is_kept_out_and_a_killed_one_is_not(folder: StateFolder) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from referral_node.folder import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).take()\nprint('taken', flush=True)\ntime.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        with pytest.raises(FolderBusy, match=f"process {holder.pid} works in this folder"):
            FolderLock(folder.path).take()
    finally:
        holder.kill()
        holder.communicate()
    with FolderLock(folder.path):
        pass


def test_what_lies_in_the_lock_file_does_not_matter(folder: StateFolder) -> None:
    (folder.path / "lock").write_bytes(b"\xff\x00 nonsense that is longer than a number")
    with FolderLock(folder.path), pytest.raises(FolderBusy):
        FolderLock(folder.path).take()


def test_a_folder_that_cannot_be_written_says_so(folder: StateFolder) -> None:
    """A folder where the lock should be: refused like a read-only file system, for root too."""
    (folder.path / "lock").mkdir()
    with pytest.raises(Trouble, match=r"cannot be written \(Is a directory\)"):
        FolderLock(folder.path).take()


def test_a_read_only_folder_says_so() -> None:
    """Root may write everywhere, so root becomes somebody else for this."""
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from referral_node.folder import FolderLock\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try:\n    FolderLock(Path(sys.argv[1])).take()\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", code, name], capture_output=True, text=True, check=True
        )
        Path(name).chmod(0o755)
    assert done.stdout == (
        f"Trouble {name}: cannot be written (Permission denied): check its owner and that the "
        "file system is not read-only\n"
    )


def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands in for a full disk."""
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from referral_node.folder import write_private\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))\n"
        "try:\n    write_private(Path(sys.argv[1]), b'x' * 100)\n"
        "except OSError as error:\n    print(error.strerror)\n"
    )
    file = tmp_path / "secret"
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "File too large\n"
    assert not file.exists()
    write_private(file, b"x")
    assert file.stat().st_mode & 0o777 == 0o600
