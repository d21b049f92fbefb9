"""scratch.py: a folder, accounts and mounts of a test's own, gone at its end.

Whatever a test makes outside its folder is registered here, so that an exception or a SIGTERM undoes it too.
"""
import atexit
import fcntl
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PV_BUILD", os.path.join(TOP, "build", "plain"))
CLEAN_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

_undo = []
_numbers = itertools.count(1)


def at_end(function, *args):
    """Call function(*args) when the test ends, last registered first."""
    _undo.append((function, args))


def clean_up():
    """Undo everything now. Each step is tried, whatever became of the others."""
    while _undo:
        function, args = _undo.pop()
        try:
            function(*args)
        except Exception as problem:  # noqa: BLE001: the next steps must run
            print(f"# clean-up: {function.__name__}: {problem}", file=sys.stderr)


atexit.register(clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))


def keep():
    """Leave everything as it is: what was registered is somebody else's to undo."""
    _undo.clear()


def need_root():
    if os.geteuid() != 0:
        print("not ok 1 - this test runs as root\n1..1")
        sys.exit(1)


def run(argv, data=None, timeout=60, env=None, **more):
    """Run a program with a clean environment; returns CompletedProcess with bytes, never raises on its status."""
    return subprocess.run([str(a) for a in argv], input=b"" if data is None else data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, env=dict(CLEAN_ENV, **(env or {})), check=False, **more)


def must(argv, **more):
    """run() for what has to work: raises with everything the program said where it does not."""
    r = run(argv, **more)
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {r.returncode}\n{r.stdout.decode(errors='replace')}"
                           f"{r.stderr.decode(errors='replace')}")
    return r.stdout.decode(errors="replace")


def folder(prefix="pv."):
    """A folder that every account may pass through and that root alone may write; removed at the end."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o755)
    at_end(shutil.rmtree, path, True)
    return path


def programs(into):
    """Copy what was built to `into`/bin, where every account can run it (a clone below /root is closed)."""
    target = os.path.join(into, "bin")
    os.makedirs(target, exist_ok=True)
    for name in ("virtual-deliver", "make-postfix-maps", "postfix-virtual", "virtual-checkpassword", "virtual-pop3d",
                 "virtual-pop3d.so"):
        source = os.path.join(BUILD, name)
        if os.path.exists(source):
            shutil.copy(source, os.path.join(target, name))
            os.chmod(os.path.join(target, name), 0o755)
    return target


def write(path, text, mode=0o644, owner=None):
    """Make or replace a file; owner is a struct passwd or None."""
    data = text if isinstance(text, bytes) else text.encode()
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return path


def read(path):
    """The bytes of a file; empty where there is none."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def wait_for(condition, seconds=20, step=0.02):
    """Wait until condition() is true; returns its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(step)


# --- accounts ---

class _AccountLock:
    """useradd and userdel of several tests at once would fail for the lock of /etc/passwd."""

    def __enter__(self):
        self.fd = os.open("/run/lock" if os.path.isdir("/run/lock") else "/run", os.O_RDONLY)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self.fd)


def _account_tool(argv):
    """useradd, usermod or userdel, tried again while somebody else holds the lock of /etc/passwd (status 1 and 10),
    or a process of that account ends (8)."""
    for _ in range(50):
        with _AccountLock():
            r = run(argv)
        if r.returncode not in (1, 8, 10):
            break
        time.sleep(0.2)
    return r


def remove_account(name):
    r = _account_tool(["/usr/sbin/userdel", name])
    if r.returncode not in (0, 6):
        raise RuntimeError(f"userdel {name}: {r.stderr.decode()}")


def account_command(name, home):
    return ["/usr/sbin/useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home,
            "--shell", "/usr/sbin/nologin", name]


def account(home_below, word="a", name=None):
    """Make an account of a unique name (or of that name), home in `home_below`/NAME (0700, its own); removed at the end."""
    name = name or f"pvt_{word}{next(_numbers)}_{os.getpid()}"
    home = os.path.join(home_below, name)
    r = _account_tool(account_command(name, home))
    if r.returncode != 0:
        raise RuntimeError(f"useradd {name}: {r.stderr.decode()}")
    at_end(remove_account, name)
    entry = pwd.getpwnam(name)
    os.mkdir(home, 0o700)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return entry


def set_password(name, password_hash):
    """Give an account of this test a password, as its hash in the host's shadow file."""
    r = _account_tool(["/usr/sbin/usermod", "--password", password_hash, name])
    if r.returncode != 0:
        raise RuntimeError(f"usermod {name}: {r.stderr.decode()}")


# --- mounts ---

def small_disk(path, size, owner=None, mode=0o755):
    """Mount a tmpfs of `size` (as in mount(8): 256k) at path; unmounted at the end."""
    os.makedirs(path, exist_ok=True)
    options = f"size={size},mode={mode:o}"
    if owner:
        options += f",uid={owner.pw_uid},gid={owner.pw_gid}"
    must(["/usr/bin/mount", "-t", "tmpfs", "-o", options, "pv-test", path])
    at_end(run, ["/usr/bin/umount", "-l", path])


def mail_settings():
    """name → (may stand in domain.conf, may stand in users/USER, default), as the library's table has them."""
    with open(os.path.join(TOP, "postfix-virtual", "lib", "store", "mail_settings.c"), encoding="utf-8") as f:
        rows = re.findall(r'\{ "(\w+)",\s*(true|false),\s*(true|false),\s*"([^"]*)",', f.read())
    return {name: (domain == "true", user == "true", default) for name, domain, user, default in rows}
