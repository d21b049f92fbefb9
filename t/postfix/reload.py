#!/usr/bin/python3
"""A changed virtual_regexp and a Postfix that runs: it is told to reload, once for many changes, and also where the
program that changed it was killed before it could.
"""
import os
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import read, run, wait_for, write  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

AT_ONCE = 8


def stale(h, user):
    """Put a text there that Postfix would obey if it read it: make-postfix-maps makes its own in its place."""
    path = os.path.join(h.map_folder, "virtual_regexp")
    st = os.stat(path)
    write(f"{path}.{user}", f"/^{user}@kvt\\.dk$/ abc@kvt.dk\n", 0o640)
    os.chown(f"{path}.{user}", st.st_uid, st.st_gid)
    os.rename(f"{path}.{user}", path)


def reloads(h):
    return len(h.postfix.log_lines("reload -- version"))


def forget_time(h):
    """As if the last reload were long ago."""
    path = h.path("run", "reload")
    write(path, b" ".join(read(path).split()[:3] + [b"0\n"]), 0o600)


def answers(h, recipient, want):
    """Master tells its daemons a moment after `postfix reload` has ended."""
    wait_for(lambda: h.postfix.rcpt(recipient).startswith(want), 10)
    return h.postfix.rcpt(recipient)[:len(want)]


def maps(h, *args):
    return run([f"{h.bin}/make-postfix-maps", "-c", h.etc, *args])


def one_change(h):
    before = reloads(h)
    equal("the expression of before is in force", h.postfix.rcpt("stale@kvt.dk")[:3], "250")
    equal("--check and -n reload nothing", (maps(h, "-n").returncode, maps(h, "--check").returncode, reloads(h) - before), (0, 0, 0))
    r = maps(h)
    equal("make-postfix-maps works, without a word", (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    equal("its virtual_regexp is in force", answers(h, "stale@kvt.dk", "550 5.1.1"), "550 5.1.1")
    equal("by one reload", reloads(h) - before, 1)
    check("which is logged", h.log.wait("Postfix was reloaded"), h.log.lines)
    maps(h)
    h.must_admin("user", "add", "other@kvt.dk", "--random")
    equal("what does not change it reloads nothing", reloads(h) - before, 1)


def many_at_once(h):
    forget_time(h)
    before, results = reloads(h), []

    def change(n):
        stale(h, f"s{n}")
        results.append(maps(h).returncode)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(AT_ONCE)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(f"{AT_ONCE} changes at once work", results, [0] * AT_ONCE)
    wait_for(lambda: reloads(h) > before, 10)
    made = reloads(h) - before
    check(f"{AT_ONCE} changes at once make at most two reloads", 1 <= made <= 2, made)
    equal("and all are in force", [answers(h, f"s{n}@kvt.dk", "550") for n in range(AT_ONCE)], ["550"] * AT_ONCE)


def killed(h):
    """Killed before each rename, the text's among them: the next command, whatever it is, brings Postfix up to date."""
    kills, due = 0, 0
    for nth in range(1, 20):
        forget_time(h)
        stale(h, f"k{nth}")
        run(["/usr/bin/strace", "-qq", "-f", "-o", h.path("strace.log"), "-e", "trace=renameat", "-e",
             f"inject=renameat:signal=KILL:when={nth}", f"{h.bin}/make-postfix-maps", "-c", h.etc])
        if b"killed by SIGKILL" not in read(h.path("strace.log")):
            break
        kills += 1
        changed = b"abc@kvt.dk" not in read(f"{h.map_folder}/virtual_regexp")
        before = reloads(h)
        r = h.admin("domain", "list") if changed else maps(h)
        check(f"after kill {nth} the next command works", r.returncode == 0, r)
        if changed:
            due += 1
            contains("and says that it reloaded Postfix", r.stderr, b"postfix-virtual: Postfix was reloaded\n")
        check(f"after kill {nth} Postfix is reloaded", wait_for(lambda: reloads(h) > before, 10))
        equal(f"after kill {nth} the text that is there is in force", answers(h, f"k{nth}@kvt.dk", "550"), "550")
    note(f"{kills} kills, {due} between text and reload")
    check("some kills came between the text and the reload", due > 0 and kills > due, (kills, due))


def not_running(h):
    h.postfix.stop()
    stale(h, "late")
    before = reloads(h)
    r = maps(h)
    equal("a Postfix that does not run is no error", (r.returncode, r.stderr), (0, b""))
    check("and is not started", h.postfix.master_pid() is None and reloads(h) == before)


def main():
    h = House()
    h.must_admin("setup", "--yes")
    a = h.account("a")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    h.must_admin("user", "add", "abc@kvt.dk", "--random")
    stale(h, "stale")
    h.start()
    forget_time(h)
    one_change(h)
    many_at_once(h)
    killed(h)
    not_running(h)
    done()


main()
