#!/usr/bin/python3
"""postfix-virtual nightly: what is old goes and nothing else; tables follow a hand's edit; what it prints, on a terminal
and without one; two at once; trash that an account laid out as a trap; every step of the clearing made to fail.
"""
import fcntl
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH, House  # noqa: E402
from scratch import CLEAN_ENV, read, run, write  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

OLD = "20250101T000000Z"


def stamp(days):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - days * 86400))


def line(days, what):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86400)) + f" root local {what}\n"


def nightly(h, *args):
    r = h.admin("nightly", *args)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def make(path, owner, text=None):
    """A file, or (text None) a folder, of the account's, and the folders on the way."""
    folder = path if text is None else os.path.dirname(path)
    missing = []
    while not os.path.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for f in reversed(missing):
        os.mkdir(f, 0o700)
        os.chown(f, owner.pw_uid, owner.pw_gid)
    if text is not None:
        write(path, text, 0o600, owner)
    return path


def lay_trash(h, a):
    """Returns (what is to go, what is to stay)."""
    places = [f"{h.etc}/kvt.dk", f"{h.spool}/kvt.dk", a.pw_dir, f"{a.pw_dir}/Mail", f"{a.pw_dir}/sub", f"{a.pw_dir}/sub/Mail"]
    old, young = [], []
    for p in places:
        old.append(make(f"{p}/.trash/abc.{stamp(31)}", a, b"x"))
        make(f"{p}/.trash/folder.{OLD}/deep/er", a, b"x")
        old.append(f"{p}/.trash/folder.{OLD}")
        young.append(make(f"{p}/.trash/abc.{stamp(29)}", a, b"x"))
        young.append(make(f"{p}/.trash/letter", a, b"not ours"))
        young.append(make(f"{p}/abc.{OLD}", a, b"not in the trash"))
    return old, young


def tree(h):
    found = {}
    for part in ("etc", "spool", "home", "state"):
        for folder, folders, files in os.walk(h.path(part)):
            for name in folders + files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                found[path] = (st.st_mode, st.st_mtime_ns, read(path) if os.path.isfile(path) and not os.path.islink(path) else b"")
    return found


def ordinary(h, a):
    old, young = lay_trash(h, a)
    log = h.path("state", "history", "kvt.dk")
    equal("before: all is there", [p for p in old + young if not os.path.lexists(p)], [])
    fresh = read(log).decode()
    write(log, line(500, "domain add x") + "  torn\n" + line(401, "user add y") + line(399, "user add z") + fresh, 0o640)
    os.chown(log, 0, a.pw_gid)
    gone = write(h.path("state", "history", "gone.dk"), line(900, "domain delete gone.dk"), 0o640)
    write(h.path("state", "history", "host-addresses"), line(900, "x") + line(1, "host-addresses set a root"), 0o640)
    with open(f"{h.etc}/kvt.dk/passwd", "a", encoding="utf-8") as f:
        f.write(f"hand:{HASH}:{a.pw_uid}:{a.pw_gid}:by hand:.:\n")
    before = tree(h)
    status, out, err = nightly(h, "-n")
    check("-n says what would be done", status == 0 and "+hand@kvt.dk" in out and not err, (status, out, err))
    equal("and leaves every byte and date", tree(h), before)
    status, out, _ = nightly(h, "-n", "--json")
    shown = json.loads(out)
    equal("in numbers", (status, shown["removed_from_trash"], shown["history_lines_dropped"], shown["complaints"]), (0, len(old), 5, 0))
    equal("without a terminal it says nothing where all is well", nightly(h), (0, "", ""))
    equal("what was in the trash for 30 days is gone", [p for p in old if os.path.lexists(p)], [])
    equal("all else is there", [p for p in young if not os.path.lexists(p)], [])
    equal("the history has lost what is older than 400 days", read(log).decode().splitlines()[0].partition(" ")[2], "root local user add z")
    equal("and nothing else", read(log).decode().splitlines()[1:], fresh.splitlines())
    st = os.stat(log)
    equal("its account may still read it", (st.st_uid, st.st_gid, oct(st.st_mode & 0o7777)), (0, a.pw_gid, "0o640"))
    equal("a history of old lines alone is gone", os.path.exists(gone), False)
    equal("the host's is trimmed too", read(h.path("state", "history", "host-addresses")).count(b"\n"), 1)
    r = run(["/usr/sbin/postmap", "-c", h.postfix.config, "-q", "hand@kvt.dk", f"lmdb:{h.map_folder}/virtual"])
    equal("what was edited by hand is in the tables", r.stdout.decode(), f"{a.pw_name}+hand--kvt.dk@virtual.invalid\n")
    equal("no lock of a domain that is gone stays", os.path.exists(h.path("run", "gone.dk.lock")), False)
    h.write_settings(history_days="1")
    nightly(h)
    equal("history_days says how long", read(log).decode().splitlines(), fresh.splitlines())
    h.write_settings(history_days="0")
    contains("which is a number", nightly(h)[2], "history_days = 0: write a number of days")
    h.write_settings(history_days="400")


def on_a_terminal(h):
    master, slave = pty.openpty()
    r = subprocess.run([f"{h.bin}/postfix-virtual", "-c", h.etc, "nightly"], stdin=slave, stdout=slave, stderr=slave, env=CLEAN_ENV,
                       check=False, timeout=60)
    os.close(slave)
    text = os.read(master, 65536).decode()
    os.close(master)
    check("on a terminal it prints one line", r.returncode == 0 and text.count("\n") == 1 and text.startswith("all is well: "), text)


def two_at_once(h, a):
    old = make(f"{h.spool}/kvt.dk/.trash/two.{OLD}", a, b"x")
    with open(h.path("run", "nightly.lock"), "ab") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        equal("a second one says so and leaves", nightly(h),
              (75, "", "postfix-virtual: another nightly run is at work, and does all of this: nothing was done\n"))
        equal("and has done nothing", os.path.exists(old), True)
    equal("the next one does it", (nightly(h)[0], os.path.exists(old)), (0, False))


def complaints(h, a):
    passwd = f"{h.etc}/kvt.dk/passwd"
    good = read(passwd)
    old = make(f"{h.spool}/kvt.dk/.trash/c.{OLD}", a, b"x")
    write(passwd, good + b"nonsense\n", 0o600, a)
    status, out, err = nightly(h)
    check("what is to be mended is told, with exit status 75", status == 75 and not out and "/kvt.dk/passwd, line" in err, (status, out, err))
    equal("and the rest is done", os.path.exists(old), False)
    status, out, _ = nightly(h, "--json")
    equal("in JSON too", (status, json.loads(out)["complaints"], len(json.loads(out)["notes"])), (75, 1, 1))
    write(passwd, good, 0o600, a)
    equal("mended", nightly(h), (0, "", ""))
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "nightly"], user=a.pw_uid, group=a.pw_gid, extra_groups=[])
    equal("it is root's", (r.returncode, r.stderr), (1, b"postfix-virtual: only root can do this: try sudo\n"))


def deep(path, owner, levels):
    make(path, owner)
    fd = os.open(path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", 0o700, dir_fd=fd)
        os.chown("d", owner.pw_uid, owner.pw_gid, dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def hostile(h, a, b):
    """An account's trash as a trap: nothing outside it is touched, and others' trash is cleared all the same."""
    trash = make(f"{h.spool}/b.dk/.trash", b)
    victim = h.path("victim")
    os.mkdir(victim, 0o755)
    for name in (f"precious.{OLD}", "precious"):
        write(f"{victim}/{name}", "x")
    make(f"{h.path('home')}/{a.pw_name}/open/.trash/his.{OLD}", a, b"x")
    os.symlink(victim, f"{trash}/link.{OLD}")
    os.symlink(f"{victim}/precious", f"{trash}/link2.{OLD}")
    os.mkfifo(f"{trash}/fifo.{OLD}")
    deep(f"{trash}/deep.{OLD}", b, 3000)
    make(f"{trash}/closed.{OLD}/inner/file", b, b"x")
    os.chmod(f"{trash}/closed.{OLD}/inner", 0)
    for i in range(3000):
        write(f"{trash}/many{i}.{OLD}", "", 0o600, b)
    make(f"{h.etc}/b.dk/.trash", b)
    os.rmdir(f"{h.etc}/b.dk/.trash")
    os.symlink(victim, f"{h.etc}/b.dk/.trash")
    os.symlink(victim, f"{b.pw_dir}/.trash")
    os.symlink(a.pw_dir, f"{b.pw_dir}/other")
    os.symlink("/", f"{b.pw_dir}/root")
    os.mkfifo(f"{b.pw_dir}/fifo")
    mine = make(f"{h.spool}/kvt.dk/.trash/mine.{OLD}", a, b"x")
    started = time.monotonic()
    status, out, err = nightly(h)
    note(f"a hostile trash took {time.monotonic() - started:.1f} s")
    equal("a trash full of traps is cleared", (status, out, err, os.listdir(trash)), (0, "", "", []))
    equal("what they lead to is untouched", sorted(os.listdir(victim)), ["precious", f"precious.{OLD}"])
    equal("another account's trash is cleared by itself", os.path.exists(mine), False)
    # What is another's cannot be removed by the account, and so is not.
    make(f"{trash}/his.{OLD}", b)
    os.mkdir(f"{trash}/his.{OLD}/roots", 0o755)
    write(f"{trash}/his.{OLD}/roots/file", "root's")
    mine = make(f"{h.spool}/kvt.dk/.trash/mine.{OLD}", a, b"x")
    status, out, err = nightly(h)
    check("another's file in it stays, and is told", status == 75 and f".trash of {b.pw_name}: " in err and
          os.path.exists(f"{trash}/his.{OLD}/roots/file"), (status, out, err))
    equal("while others are cleared", os.path.exists(mine), False)
    shutil.rmtree(f"{trash}/his.{OLD}")
    os.unlink(f"{b.pw_dir}/.trash")


def faults(h, a):
    """Every call of the clearing child's made to fail: nothing else goes, it is told, and the next night does it."""
    runs, wrong = 0, []
    folders = [f"{h.spool}/kvt.dk", f"{h.spool}/kvt.dk/.trash", f"{h.spool}/kvt.dk/.trash/f.{OLD}", a.pw_dir]
    for call, error in {"openat": "EMFILE", "unlinkat": "EIO", "getdents64": "EIO", "newfstatat": "EIO", "fstat": "EIO",
                        "write": "EPIPE", "setresuid": "EAGAIN", "clone": "EAGAIN", "pipe2": "EMFILE"}.items():
        paths = [w for p in folders for w in ("-P", p)] if call in ("openat", "unlinkat", "getdents64", "newfstatat", "fstat") else []
        for nth in range(1, 60):
            keep = make(f"{h.spool}/kvt.dk/.trash/keep.{stamp(1)}", a, b"x")
            old = make(f"{h.spool}/kvt.dk/.trash/f.{OLD}/x", a, b"x")
            log = h.path("strace.log")
            r = run(["/usr/bin/strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}", *paths,
                     f"{h.bin}/postfix-virtual", "-c", h.etc, "nightly"])
            if b"(INJECTED)" not in read(log):
                break
            runs += 1
            if not os.path.exists(keep) or r.returncode not in (0, 1, 75, 127) or (r.returncode and not r.stderr):
                wrong.append(f"{call} {nth}: {r.returncode} {r.stderr}")
            if r.returncode == 0 and r.stderr == b"" and os.path.exists(old) and call in ("unlinkat", "setresuid", "clone", "pipe2"):
                wrong.append(f"{call} {nth}: said nothing, and did nothing")
            later = nightly(h)
            if later != (0, "", "") or os.path.exists(old) or not os.path.exists(keep):
                wrong.append(f"{call} {nth}: later {later}")
    check(f"{runs} faults: nothing young goes, and the next night clears what is left", runs >= 30 and not wrong, "\n".join(wrong[:8]))


def main():
    h = House()
    a, b = h.account("a"), h.account("b")
    for domain, owner in (("kvt.dk", a), ("b.dk", b)):
        h.must_admin("domain", "add", domain, "--account", owner.pw_name)
    h.must_admin("user", "add", "abc@kvt.dk", "--hash", HASH)
    ordinary(h, a)
    on_a_terminal(h)
    two_at_once(h, a)
    complaints(h, a)
    hostile(h, a, b)
    faults(h, a)
    check("no .new is left", not [p for p in tree(h) if re.search(r"\.new$", p)])
    done()


main()
