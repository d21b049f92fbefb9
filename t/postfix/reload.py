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


def decide(h, word):
    """Root's decision about the sub-domains of kvt.dk, by hand: virtual_regexp will be another."""
    write(f"{h.etc}/domains", f"kvt.dk sub_domains={word}\n")


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
    decide(h, "yes")
    before = reloads(h)
    equal("before, mail to a sub-domain is not ours", h.postfix.rcpt("abc@zero.kvt.dk")[:3], "454")
    equal("--check and -n reload nothing", (maps(h, "-n").returncode, maps(h, "--check").returncode, reloads(h) - before), (0, 0, 0))
    r = maps(h)
    equal("make-postfix-maps works, without a word", (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    equal("its virtual_regexp is in force", answers(h, "abc@one.kvt.dk", "250"), "250")
    equal("by one reload", reloads(h) - before, 1)
    check("which is logged", h.log.wait("Postfix was reloaded"), h.log.lines)
    maps(h)
    h.must_admin("user", "add", "other@kvt.dk", "--random")
    equal("what does not change it reloads nothing", reloads(h) - before, 1)
    refused = f"{h.map_folder}/virtual_refused_regexp"
    lines = read(refused)
    write(refused, b"".join(lines.splitlines(True)[:3]), 0o640)
    forget_time(h)
    maps(h)
    equal("the other file of expressions alone is of before: it is written, and by one reload in force", (read(refused), reloads(h) - before), (lines, 2))
    check("it has the sub-domains", b"kvt\\.dk$/ ${1}@kvt.dk" in lines, lines)


def sub_domains(h):
    """The change that this is all for: mail to a sub-domain is taken when the command has ended."""
    decide(h, "no")
    forget_time(h)
    maps(h)
    forget_time(h)
    equal("a sub-domain that is given up is refused", answers(h, "abc@two.kvt.dk", "454"), "454")
    before = reloads(h)
    r = h.admin("domain", "set", "kvt.dk", "sub_domains=yes")
    check("domain set sub_domains works and says that Postfix was reloaded", r.returncode == 0 and
          b"postfix-virtual: Postfix was reloaded\n" in r.stderr, r)
    equal("mail to a user of a sub-domain is taken", answers(h, "abc@three.kvt.dk", "250"), "250")
    equal("to nobody it is refused", h.postfix.rcpt("nosuch@three.kvt.dk")[:3], "550")
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(
        h.admin("domain", "set", f"many{n}.dk", "sub_domains=yes").returncode)) for n in range(AT_ONCE)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(f"{AT_ONCE} commands at once work", results, [0] * AT_ONCE)
    check("and with the one before make at most three reloads", wait_for(lambda: reloads(h) > before + 1, 10) and reloads(h) <= before + 3,
          reloads(h) - before)
    equal("all their sub-domains are taken", [answers(h, f"postmaster@x.many{n}.dk", "250") for n in range(AT_ONCE)], ["250"] * AT_ONCE)


def killed(h):
    """Killed before each rename, the text's among them: the next command, whatever it is, brings Postfix up to date."""
    kills, due = 0, 0
    for nth in range(1, 20):
        forget_time(h)
        word, answer = ("no", "454") if nth % 2 else ("yes", "250")
        decide(h, word)
        run(["/usr/bin/strace", "-qq", "-f", "-o", h.path("strace.log"), "-e", "trace=renameat", "-e",
             f"inject=renameat:signal=KILL:when={nth}", f"{h.bin}/make-postfix-maps", "-c", h.etc])
        if b"killed by SIGKILL" not in read(h.path("strace.log")):
            break
        kills += 1
        changed = (b"@kvt.dk" in read(f"{h.map_folder}/virtual_regexp")) == (word == "yes")
        before = reloads(h)
        r = h.admin("domain", "list") if changed else maps(h)
        check(f"after kill {nth} the next command works", r.returncode == 0, r)
        if changed:
            due += 1
            contains("and says that it reloaded Postfix", r.stderr, b"postfix-virtual: Postfix was reloaded\n")
        check(f"after kill {nth} Postfix is reloaded", wait_for(lambda: reloads(h) > before, 10))
        equal(f"after kill {nth} the text that is there is in force", answers(h, f"abc@k{nth}.kvt.dk", answer), answer)
    note(f"{kills} kills, {due} between text and reload")
    check("some kills came between the text and the reload", due > 0 and kills > due, (kills, due))


def not_running(h):
    h.postfix.stop()
    decide(h, "no")
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
    h.start()
    one_change(h)
    killed(h)
    for n in range(AT_ONCE):
        h.must_admin("domain", "add", f"many{n}.dk", "--account", a.pw_name)
    sub_domains(h)
    not_running(h)
    done()


main()
