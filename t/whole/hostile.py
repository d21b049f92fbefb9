#!/usr/bin/python3
"""Accounts that do to their files, and to the children that read them, whatever they can: each domain is reported
with its reason and keeps its addresses, all others are built, and the whole run takes about 10 s more than it would.

Every account here has a uid of its own, so kill(-1) of one of its processes reaches its own processes alone.
"""
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import House  # noqa: E402
from scratch import CLEAN_ENV, at_end, read, run, write  # noqa: E402

GOOD = ["good%d.dk" % i for i in range(6)]
MAPS_SECONDS = 10

# Programs that an account runs against its reader.
STOP = "import os, time\nwhile True:\n    try:\n        os.kill(-1, 19)\n    except OSError:\n        pass\n    time.sleep(0.001)\n"
KILL = STOP.replace("19", "9")
FORK = ("import os, time\nwhile True:\n    p = os.fork()\n    if p == 0:\n        os._exit(0)\n    os.waitpid(p, 0)\n"
        "    time.sleep(0.001)\n")
# A passwd that never ends, and is never whole.
GROW = "import sys, time\nwith open(sys.argv[1], 'ab', 0) as f:\n    while f.tell() < 200 << 20:\n        f.write(b'x' * 65536)\n        time.sleep(0.001)\n"
# One that is now a good file, now a FIFO.
SWAP = ("import os, sys\np = sys.argv[1]\nwhile True:\n    os.mkfifo(p + '.f')\n    os.rename(p + '.f', p)\n    with open(p + '.n', 'w') as f:\n"
        "        f.write('half a line')\n    os.rename(p + '.n', p)\n")


class Enemy:
    """An account, its domain, and what it does. reason: what its complaint says; None: whatever it says."""

    def __init__(self, h, word, act, reason):
        self.word, self.act, self.reason = word, act, reason
        self.account = h.account(word)
        self.domain = f"{word}.dk"
        self.folder = os.path.join(h.etc, self.domain)
        h.domain(self.domain, self.account, {"abc": ".", "xyz": "."})
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def own(self, path):
        os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)

    def fifo(self, name):
        if os.path.lexists(self.path(name)):
            os.unlink(self.path(name))
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        self.own(os.path.dirname(self.path(name)))
        os.mkfifo(self.path(name))
        self.own(self.path(name))

    def many_users(self, count):
        """As many files in users/, all of them one."""
        os.mkdir(self.path("users"), 0o700)
        self.own(self.path("users"))
        first = write(self.path("users/u"), "", 0o600, self.account)
        for n in range(count):
            if n % 60000 == 0:  # a file has 65,000 links at most
                first = write(self.path(f"users/v{n}"), "", 0o600, self.account)
            os.link(first, self.path(f"users/u{n}"))

    def start(self, program, *args):
        p = subprocess.Popen([sys.executable, "-c", program, *args], user=self.account.pw_uid, group=self.account.pw_gid,
                             extra_groups=[], env=CLEAN_ENV, cwd="/", stdin=subprocess.DEVNULL)
        self.processes.append(p)
        at_end(self.stop)

    def stop(self):
        for p in self.processes:
            p.kill()
            p.wait()
        self.processes = []


def replace(e, name, text):
    write(e.path(name) + ".t", text, 0o600, e.account)
    os.rename(e.path(name) + ".t", e.path(name))


def huge(e):
    replace(e, "passwd", "")
    os.truncate(e.path("passwd"), 50 << 30)


def loop(e):
    os.unlink(e.path("passwd"))
    for a, b in (("passwd", "other"), ("other", "passwd")):
        os.symlink(b, e.path(a))
        e.own(e.path(a))


def watched(program):
    """A domain that takes long enough to read for its program to be in time."""
    def act(e):
        e.many_users(30000)
        e.start(program)
    return act


def grow(e):
    e.start(GROW, e.path("passwd"))


def swap(e):
    e.start(SWAP, e.path("passwd"))


def forks(e):
    for _ in range(3):
        e.start(FORK)
    huge(e)


ENEMIES = [
    ("fifo", lambda e: e.fifo("passwd"), "passwd is not a regular file"),
    ("alias", lambda e: e.fifo("aliases"), "aliases is not a regular file"),
    ("users", lambda e: e.fifo("users/abc"), "users/abc is not a regular file"),
    ("huge", huge, "passwd is larger than 33554432 bytes"),
    ("million", lambda e: e.many_users(210000), "users holds more than 200000 files"),
    ("lines", lambda e: replace(e, "aliases", "".join(f"a{n}: abc\n" for n in range(1000000))), "aliases is larger than 8388608 bytes"),
    ("loop", loop, "passwd"),
    ("stop", watched(STOP), "longer than 8 s"),
    ("stop2", watched(STOP), "longer than 8 s"),
    ("kill", watched(KILL), "killed by signal 9"),
    ("grow", grow, None),
    ("swap", swap, None),
    ("forks", forks, "passwd is larger than"),
]


def maps(h):
    """(exit status, what was said about each domain, seconds)"""
    begin = time.monotonic()
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc], timeout=120)
    took = time.monotonic() - begin
    lines = (r.stdout + r.stderr).decode().splitlines()
    return r.returncode, lines, took


def keys(h, domain):
    lines = read(os.path.join(h.map_folder, "virtual")).decode().splitlines()
    return sorted(l for l in lines if l.split("\t")[0].endswith("@" + domain))


def processes_of(uids):
    """pid → (uid, state) of every process of these accounts."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        status = read_status(pid)
        if status.get("Uid", "-1").split()[0] in uids:
            found[int(pid)] = (status["Uid"].split()[0], status["State"][0])
    return found


def read_status(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            return dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
    except OSError:
        return {}


def add_user(h, domain, user):
    path = os.path.join(h.etc, domain, "passwd")
    text = read(path).decode()
    write(path + ".t", text + f"{user}:*:{h.owner.pw_uid}:{h.owner.pw_gid}::.:\n", 0o600, h.owner)
    os.rename(path + ".t", path)


def attack(h, enemies, normal):
    before = {e.domain: keys(h, e.domain) for e in enemies}
    for e in enemies:
        e.act(e)
    for domain in GOOD:
        add_user(h, domain, "zoe")
    status, lines, took = maps(h)
    equal("the run says that something was wrong", status, 75)
    check(f"and takes {MAPS_SECONDS} s more than it would at most", took < MAPS_SECONDS + max(2, 4 * normal), f"{took:.1f} s, before {normal:.1f} s")
    for domain in GOOD:
        check(f"{domain} is built", any(k.startswith("zoe@") for k in keys(h, domain)), keys(h, domain))
    for e in enemies:
        said = [l for l in lines if f"/{e.domain}" in l]
        check(f"{e.word}: it is reported", len(said) == 1 or e.reason is None, "\n".join(lines))
        contains(f"{e.word}: with its reason", "\n".join(said), e.reason or "")
        equal(f"{e.word}: its addresses stay", keys(h, e.domain), before[e.domain])
    ours = {p.pid for e in enemies for p in e.processes}
    uids = {str(e.account.pw_uid) for e in enemies}
    left = {p: s for p, s in processes_of(uids).items() if p not in ours and int(read_status(p).get("PPid", "0")) not in ours}
    equal("no child of the run is left", left, {})


def asked(h, enemies):
    """doctor looks at each account by a child, side by side too. (The keys are looked at first, as above.)"""
    stoppers = [e for e in enemies if e.word.startswith("stop")]
    for e in stoppers:  # enough to look at for the child to be met
        for n in range(3000):
            e.own(write(f"{e.account.pw_dir}/.forward+x{n}--{e.domain}", "x\n"))
    for _ in range(15):  # a child may be through before it is met
        begin = time.monotonic()
        out = h.admin("doctor").stdout.decode()
        took = time.monotonic() - begin
        found = [e.domain for e in stoppers if f"unknown: {e.domain}: what is account {e.account.pw_name}'s cannot be looked at: " in out]
        if found:
            break
    check("doctor names the accounts that stop their children", found, out)
    check(f"and takes {2 * MAPS_SECONDS} s at most", took < 2 * MAPS_SECONDS + 4, f"{took:.1f} s\n{out}")


def mend(h, enemies):
    for e in enemies:
        e.stop()
        run(["/usr/bin/rm", "-rf", e.path("passwd"), e.path("aliases"), e.path("users")])
        line = f":*:{e.account.pw_uid}:{e.account.pw_gid}::.:\n"
        write(e.path("passwd"), f"abc{line}new{line}xyz{line}", 0o600, e.account)
    status, lines, _ = maps(h)
    equal("mended, all is well", (status, lines), (0, []))
    for e in enemies:
        check(f"{e.word}: its new user has a key", any(k.startswith("new@") for k in keys(h, e.domain)), keys(h, e.domain))


def main():
    h = House()
    h.owner = h.account("good")
    for domain in GOOD:
        h.domain(domain, h.owner, {"abc": "."})
    enemies = [Enemy(h, *row) for row in ENEMIES]
    status, lines, normal = maps(h)
    equal("at first all is well", (status, lines), (0, []))
    attack(h, enemies, normal)
    asked(h, enemies)
    mend(h, enemies)
    done()


signal.alarm(150)
main()
