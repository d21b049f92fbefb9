#!/usr/bin/python3
"""postfix-virtual adopt killed before each call that changes the disk, in root's process and in its children: the next
command finishes it, or a second adopt does it; whole in either case.
"""
import os
import shutil
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from scratch import must, read, run  # noqa: E402
from site2002 import PARTS, Stage, changed  # noqa: E402
from tap import check, done, equal  # noqa: E402

CHANGING = ("write", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "fchown", "fchownat", "fchmod",
            "fchmodat", "pwrite64", "ftruncate")
ENDED = []


def kills(s, what, prepare):
    """Killed before the nth call of each kind: the next command finds it undone, or finishes it."""
    def state():
        found = {p: v[:3] + ((v[4],) if not p.endswith(".lmdb") else ()) for p, v in s.tree(dates=False).items() if "/run" not in p}
        return {p: v for p, v in found.items() if "/history/" not in p}

    def history():
        return read(s.h.path("state", "history", "kvt.dk")).count(b" adopt kvt.dk ")

    s.renew()
    prepare()
    shutil.rmtree(s.h.path("ready"), True)
    os.mkdir(s.h.path("ready"))
    must(["/usr/bin/cp", "-a", *[s.h.path(p) for p in PARTS], s.h.path("ready")])

    def renew():
        for part in PARTS:
            shutil.rmtree(s.h.path(part))
        must(["/usr/bin/cp", "-a", *[s.h.path("ready", p) for p in PARTS], s.h.top])

    command = [f"{s.h.bin}/postfix-virtual", "-c", s.h.etc, "adopt", "kvt.dk"]
    must(command)
    new, count, wrong, ends = state(), 0, [], set()
    for call in CHANGING:
        for nth in range(1, 100):
            renew()
            log = s.h.path("strace.log")
            r = run(["/usr/bin/strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}", *command])
            if b"killed by SIGKILL" not in read(log):
                break
            count += 1
            later = s.h.admin("domain", "list")
            done_now = history() == 1
            ends.add(done_now)
            again = None if done_now else s.h.admin("adopt", "kvt.dk")
            good = later.returncode == 0 and (done_now or again.returncode == 0) and not (r.returncode == 0 and not done_now)
            good = good and os.listdir(s.h.path("state", "pending")) == [] and history() == 1
            if not good or state() != new:
                wrong.append(f"{call} {nth}: {later} {again} {history()}\n{changed(new, state())}")
    check(f"{what}, killed at {count} calls: finished by the next command, or done by a second adopt; whole", count > 15 and not wrong, "\n".join(wrong[:3]))
    equal(f"{what}: both ends were met", ends, {True, False})
    ENDED.append(what)


def main():
    """Each in a house of its own, so that one works while the other waits for the disk."""
    roots, none = Stage(), Stage()
    cases = [threading.Thread(target=kills, args=(s, what, prepare)) for s, what, prepare in [
        (roots, "a folder of root's", lambda: roots.chown_folder(0)),
        (none, "no folder yet", lambda: (shutil.rmtree(none.site.folder), shutil.rmtree(f"{none.h.spool}/kvt.dk"))),
    ]]
    for c in cases:
        c.start()
    for c in cases:
        c.join()
    equal("both were done to the end", sorted(ENDED), ["a folder of root's", "no folder yet"])
    done()


main()
