#!/usr/bin/python3
"""maps_few.py: a change of one user looks at that user's keys and at nothing else, and whatever stops it, whoever
works beside it: Postfix's tables hold what the domains' files say. With a text that is rewritten, and with one so large
that it goes away until the next run for all."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from house import HASH  # noqa: E402
from killing import Stage, differences  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

DOMAINS = ("a.dk", "b.dk", "c.dk", "d.dk")


class Small(Stage):
    """Four domains of two users, and an alias of the first."""

    BULK = 0

    def build(self):
        h = self.h
        self.a = h.account("k")
        for d in DOMAINS:
            h.domain(d, self.a, {"abc": "", "kvt": ""})
        if self.BULK:
            h.domain("bulk.dk", self.a, {f"u{i:060d}": "" for i in range(self.BULK)})
        write(os.path.join(h.etc, "domains"), "alias.dk alias_of=a.dk\n")
        h.maps()
        for word in ("disable", "enable"):  # what every host has had: folders in state/, the one reload
            h.must_admin("user", word, "abc@a.dk")
        h.maps()

    def text(self, name="virtual"):
        return os.path.join(self.h.map_folder, name)

    def table(self, name="virtual"):
        r = run(["/usr/sbin/postmap", "-c", self.h.postfix.config, "-s", f"lmdb:{self.text(name)}"])
        if r.returncode or r.stderr:
            raise RuntimeError(r.stderr.decode())
        return dict(line.split("\t", 1) for line in r.stdout.decode().splitlines())

    def lines(self):
        """The text as a dictionary; None where there is none."""
        data = read(self.text()).decode()
        return dict(x.split("\t", 1) for x in data.splitlines() if x[0] != "#") if data else None

    def keys(self, domain):
        """The users of a domain that have a key, those of its alias too; all of them must lead to the right place."""
        found = {k: v for k, v in self.table().items() if k.endswith("@" + domain) and v != "postmaster"}
        of = "a.dk" if domain == "alias.dk" else domain
        wrong = [k for k, v in found.items() if v != f"{self.a.pw_name}+{k.partition('@')[0]}--{of}@virtual.invalid"]
        return sorted(k.partition("@")[0] for k in found) + wrong

    def user(self, *words):
        return self.h.admin("user", *words)

    def calls(self, which, argv, *options):
        """The lines of strace about these calls, children's too."""
        log = self.h.path("calls")
        run(["/usr/bin/strace", "-f", "-qq", "-s", "300", "-o", log, *options, "-e", f"trace={which}", *argv])
        return read(log).decode(errors="replace").splitlines()


class Large(Small):
    """The same beside a domain that makes the text of `virtual` larger than 2 MiB."""

    BULK = 13000


STEPS = [(("add", "new@a.dk", "--hash", HASH), ["abc", "kvt", "new"]), (("disable", "abc@a.dk"), ["kvt", "new"]),
         (("enable", "abc@a.dk"), ["abc", "kvt", "new"]), (("rename", "new@a.dk", "newer"), ["abc", "kvt", "newer"]),
         (("delete", "newer@a.dk", "--yes"), ["abc", "kvt"])]


def each_change(s, name, has_text):
    s.renew()
    rest = {k: v for k, v in s.table().items() if not k.endswith(("@a.dk", "@alias.dk"))}
    for words, users in STEPS:
        r = s.user(*words)
        equal(f"{name}: user {words[0]} is done without a complaint", (r.returncode, r.stderr), (0, b""))
        equal(f"{name}: user {words[0]}: the keys of the domain and of its alias", (s.keys("a.dk"), s.keys("alias.dk")), (users, users))
        if has_text:
            equal(f"{name}: user {words[0]}: the text says what the table says", s.lines(), s.table())
        else:
            equal(f"{name}: user {words[0]}: the text is gone", s.lines(), None)
    equal(f"{name}: all other keys are as they were", {k: v for k, v in s.table().items() if not k.endswith(("@a.dk", "@alias.dk"))}, rest)


def aliases(s, name):
    """An alias is a name like a user's; one of a user's name keeps the key when he goes."""
    s.renew()
    both = lambda: (s.keys("a.dk"), s.keys("alias.dk"))
    steps = [(("alias", "add", "info@a.dk", "abc"), ["abc", "info", "kvt"], "written"),
             (("alias", "add", "kvt@a.dk", "abc"), ["abc", "info", "kvt"], "left alone"),
             (("user", "delete", "kvt@a.dk", "--yes"), ["abc", "info", "kvt"], "left alone"),
             (("alias", "delete", "info@a.dk"), ["abc", "kvt"], "written"),
             (("alias", "delete", "kvt@a.dk"), ["abc"], "written")]
    for words, users, what in steps:
        lines = s.calls("pwrite64,pwritev,write", s.command(words), "-y")
        written = any("/virtual.lmdb>" in x for x in lines)
        equal(f"{name}: {' '.join(words[:3])}: the table is {what}", "written" if written else "left alone", what)
        equal(f"{name}: {' '.join(words[:3])}: the keys of the domain and of its alias", both(), (users, users))


def refusals(s, name):
    """Who is switched off stands in virtual_refused, and who is not does not."""
    s.renew()
    here = lambda: sorted(k for k in s.table("virtual_refused") if k.endswith(("@a.dk", "@alias.dk")))
    for word, want in (("disable", ["abc@a.dk", "abc@alias.dk"]), ("enable", []), ("disable", ["abc@a.dk", "abc@alias.dk"]), ("delete", [])):
        s.user(word, "abc@a.dk", *(["--yes"] if word == "delete" else []))
        equal(f"{name}: user {word}: who is refused", here(), want)


def followers(s, name):
    """Aliases and forwards that lead only to who takes no mail go with him and come back with him; another user's change brings nothing about."""
    s.renew()
    every = ["abc", "both", "fwd", "info", "kvt", "news", "out"]
    write(os.path.join(s.h.etc, "a.dk", "aliases"), "info: news\nnews: abc\nboth: abc, kvt\nout: abc, x@example.org\nfwd: kvt\n", 0o600, s.a)
    s.h.maps("a.dk")
    refused = lambda d: sorted(k.partition("@")[0] for k in s.table("virtual_refused") if k.endswith("@" + d))
    all_but_out = ["abc", "both", "fwd", "info", "kvt", "news"]
    steps = [(("user", "disable", "abc@a.dk"), ["abc", "info", "news"]), (("user", "set", "kvt@a.dk", "forward=abc@a.dk"), ["abc", "info", "news"]),
             (("user", "set", "kvt@a.dk", "keep_copy=no"), all_but_out), (("user", "enable", "abc@a.dk"), []), (("user", "disable", "abc@a.dk"), all_but_out),
             (("user", "set", "kvt@a.dk", "forward=abc@a.dk,x@example.org"), ["abc", "info", "news"]), (("user", "set", "kvt@a.dk", "forward=abc@a.dk"), all_but_out),
             (("user", "set", "kvt@a.dk", "keep_copy="), ["abc", "info", "news"]), (("user", "set", "kvt@a.dk", "forward="), ["abc", "info", "news"]),
             (("user", "set", "kvt@a.dk", "quota=5M"), ["abc", "info", "news"]),
             (("user", "set", "kvt@a.dk", "receive=no"), all_but_out), (("user", "set", "kvt@a.dk", "receive="), ["abc", "info", "news"]),
             (("user", "rename", "abc@a.dk", "new", "--aliases"), ["info", "new", "news"]), (("user", "rename", "new@a.dk", "abc", "--aliases"), ["abc", "info", "news"]),
             (("user", "enable", "abc@a.dk"), [])]
    for words, gone in steps:
        what = f"{name}: aliases: {' '.join(words)}"
        lines = s.calls("openat", s.command(words))
        left = sorted({"new" if x == "abc" and "new" in gone else x for x in every} - set(gone))
        equal(f"{what}: keys of the domain and of its alias", [s.keys(d) for d in ("a.dk", "alias.dk")], [left] * 2)
        equal(f"{what}: who is refused", [refused(d) for d in ("a.dk", "alias.dk")], [gone] * 2)
        equal(f"{what}: no other domain's files are opened", [x for x in lines if re.search(r'"[^"]*(bulk|b|c|d)\.dk', x) and ".lock" not in x], [])
        before = s.table(), s.table("virtual_refused")
        s.h.maps("a.dk")
        equal(f"{what}: as a run for the domain has it", (s.table(), s.table("virtual_refused")), before)


def hand_edits_wait(s, name):
    """What somebody else has changed by hand is not brought about by a change of another user, but by a run that guards against losses."""
    s.renew()
    write(os.path.join(s.h.etc, "a.dk", "aliases"), "".join(f"i{n}: kvt\n" for n in range(20)), 0o600, s.a)
    s.h.maps("a.dk")
    users = os.path.join(s.h.etc, "a.dk", "users")
    os.makedirs(users, 0o700, exist_ok=True)
    os.chown(users, s.a.pw_uid, s.a.pw_gid)
    write(os.path.join(users, "kvt"), "receive = no\n", 0o600, s.a)
    s.user("set", "abc@a.dk", "quota=5M")
    equal(f"{name}: a change of another: the aliases' keys are there", len(s.keys("a.dk")), 22)
    r = run([f"{s.h.bin}/make-postfix-maps", "-c", s.h.etc, "a.dk"])
    check(f"{name}: a run does not take so many away", r.returncode == 75 and b"would vanish" in r.stderr, r)
    equal(f"{name}: it does not", len(s.keys("a.dk")), 22)
    s.user("set", "kvt@a.dk", "retrieve=no")
    equal(f"{name}: a change of his own does", s.keys("a.dk"), ["abc"])
    s.user("enable", "kvt@a.dk")
    equal(f"{name}: and back", len(s.keys("a.dk")), 22)


def names_of_others(s):
    """Where names depend on other users, a change of one is looked at with all."""
    s.renew()
    folder = os.path.join(s.h.etc, "b.dk")
    write(os.path.join(folder, "domain.conf"), "match_full_name = yes\n", 0o600, s.a)
    write(os.path.join(folder, "aliases"), "o'c: abc\n", 0o600, s.a)
    s.h.maps("b.dk")
    names = lambda: sorted(k.partition("@")[0] for k in s.table() if k.endswith("@b.dk"))
    host = ["abuse", "postmaster"]
    equal("full names and other letters have keys", names(), sorted(["abc", "abcname", "kvt", "kvtname", "o'c"] + host))
    s.user("disable", "abc@b.dk")
    equal("user disable: all of his are gone", names(), sorted(["kvt", "kvtname"] + host))
    s.user("enable", "abc@b.dk")
    equal("user enable: and back", names(), sorted(["abc", "abcname", "kvt", "kvtname", "o'c"] + host))
    s.user("delete", "kvt@b.dk", "--yes")
    equal("user delete: his full name goes too", names(), sorted(["abc", "abcname", "o'c"] + host))


def nothing_else_is_looked_at(s):
    s.renew()
    s.user("disable", "kvt@c.dk")  # it does a reload that was due still
    for words in (("disable", "abc@b.dk"), ("enable", "abc@b.dk")):
        lines = s.calls("openat,execve", s.command(["user", *words]))
        equal(f"user {words[0]}: no other domain's files are opened",
              [x for x in lines if re.search(r'"[^"]*(bulk|a|c|d)\.dk', x) and ".lock" not in x], [])
        equal(f"user {words[0]}: no other program is run", len([x for x in lines if "execve(" in x]), 1)


def large_text(s):
    s.renew()
    table = s.table()
    s.user("delete", "kvt@b.dk", "--yes")
    r = run(["/usr/sbin/postmap", "-c", s.h.postfix.config, f"lmdb:{s.text()}"])
    check("a postmap by hand finds no text", r.returncode != 0 and b"No such file" in r.stderr, r)
    del table["kvt@b.dk"]
    equal("and brings nobody back", s.table(), table)
    s.h.must_admin("user", "disable", "abc@c.dk")
    del table["abc@c.dk"]
    s.h.maps("d.dk")
    equal("make-postfix-maps writes the text again", (s.lines(), s.table()), (table, table))


def the_long_way(s):
    """What is missing or damaged is mended by a change too, as by any other run."""
    lmdb = s.text() + ".lmdb"

    def other_key():
        write(s.text(), read(s.text()).replace(b"abc@c.dk", b"abd@c.dk"), 0o640)

    def stale_domain():
        write(os.path.join(s.h.etc, "domains"), "alias.dk alias_of=a.dk\nalso.dk alias_of=b.dk\n")

    for name, spoil, complaint in [
        ("a table is missing", lambda: os.unlink(lmdb), ""),
        ("a table is cut short", lambda: os.truncate(lmdb, 8192), ""),
        ("another table is missing", lambda: os.unlink(s.text("virtual_domains") + ".lmdb"), ""),
        ("a text is missing", lambda: os.unlink(s.text()), ""),
        ("a text was changed by hand", other_key, "checksum"),
        ("a new alias has no keys yet", stale_domain, ""),
    ]:
        s.renew()
        want = s.table()
        del want["kvt@b.dk"]
        spoil()
        r = s.user("disable", "kvt@b.dk")
        if "alias" in name:
            want.update({"abc@also.dk": want["abc@b.dk"], "postmaster@also.dk": "postmaster", "abuse@also.dk": "postmaster"})
        equal(f"{name}: the change is done, table and text are right", (r.returncode, s.table(), s.lines()), (0, want, want))
        contains(f"{name}: the right words", (r.stdout + r.stderr).decode(), complaint)


def reserved_names(s):
    """postmaster@ is the host's: a user of that name in passwd goes without taking that key."""
    s.renew()
    passwd = os.path.join(s.h.etc, "b.dk", "passwd")
    write(passwd, read(passwd) + b"postmaster:*:%d:%d::.:\n" % (s.a.pw_uid, s.a.pw_gid), 0o600, s.a)
    r = s.user("delete", "postmaster@b.dk", "--yes")
    equal("a user postmaster is deleted, and the host keeps the address", (r.returncode, s.table().get("postmaster@b.dk")), (0, "postmaster"))


def killed(s, name, cases):
    for words in cases:
        kills, wrong, ends = s.killed_everywhere(s.command(["user", *words]), name, later=lambda _: s.command(["domain", "list"]))
        check(f"{name}: user {words[0]} killed at {kills} calls: undone or done, whole", kills > 20 and not wrong, "\n".join(wrong[:3])[:3000])
        check(f"{name}: user {words[0]}: both ends were met", ends["old"] > 0 and ends["new"] > 0, ends)


def failing(s):
    """Every call of root's that touches the maps fails once."""
    folder = s.h.map_folder
    paths = [folder] + [os.path.join(folder, n + e) for n in ("virtual", "virtual_domains", "virtual_refused") for e in ("", ".lmdb")]

    def judge(_call, r, at_once, state, old, new, after):
        tables = [k for k in old if k.startswith("keys of")]
        # The key goes before the file changes, and the refusal comes behind that.
        odd = [k for k in tables if at_once[k] not in (old[k], new[k])]
        if odd:
            return f"neither old nor new: {[(k, at_once[k]) for k in odd]}"
        if r.returncode == 0 and any(at_once[k] != new[k] for k in tables):
            return "said it was done"
        return None if after.returncode == 0 and state in (old, new) else f"not mended\n{differences(state, old)}"

    faults, wrong = s.failing_everywhere(s.command(["user", "disable", "abc@b.dk"]), judge, paths_of=lambda _: paths,
                                         later=lambda _: s.command(["domain", "list"]))
    check(f"{faults} faults: tables old or new, finished by the next command", faults > 10 and not wrong, "\n".join(wrong[:4])[:3000])


def eight_at_once(s):
    """Eight writers, two in each domain, three readers beside them, and a run for all now and then."""
    s.renew()
    table, stop = f"lmdb:{s.text()}", s.h.path("stop")
    loop = (f"while [ ! -e {stop} ]; do for a in abc@a.dk abc@alias.dk abc@b.dk abc@c.dk abc@d.dk; do "
            f"/usr/sbin/postmap -c {s.h.postfix.config} -q $a {table} || echo missing $a; done; done")
    readers = [subprocess.Popen(["/bin/sh", "-c", loop], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)]
    admin = f"{s.h.bin}/postfix-virtual -c {s.h.etc} user"
    writers = []
    for i in range(8):
        d = DOMAINS[i % 4]
        script = "".join(f"{admin} add w{i}x{n}@{d} --hash '{HASH}' && {admin} disable w{i}x{n}@{d} && {admin} enable w{i}x{n}@{d} || exit 1; "
                         for n in range(3)) + f"{admin} delete w{i}x1@{d} --yes && {admin} rename w{i}x2@{d} r{i}"
        writers.append(subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    runs = [run([f"{s.h.bin}/make-postfix-maps", "-c", s.h.etc]).returncode for _ in range(2)]
    ends = [(w.communicate(timeout=240)[1], w.returncode) for w in writers]
    write(stop, "")
    answers = {line for p in readers for line in p.communicate(timeout=60)[0].decode().splitlines()}
    equal("eight writers and two runs for all end well", ([e for e in ends if e[1] != 0], runs), ([], [0, 0]))
    equal("no reader gets a wrong answer", answers, {f"{s.a.pw_name}+abc--{d}@virtual.invalid" for d in DOMAINS})
    want = {d: sorted(["abc", "kvt"] + [w for i in (n, n + 4) for w in (f"w{i}x0", f"r{i}")]) for n, d in enumerate(DOMAINS)}
    equal("every key is as the files say", {d: s.keys(d) for d in DOMAINS}, want)
    s.h.maps()
    equal("a run for all finds nothing else, and the text says the same", ({d: s.keys(d) for d in DOMAINS}, s.lines()), (want, s.table()))


def full_disk(s):
    s.renew()
    saved = {f: read(os.path.join(s.h.map_folder, f)) for f in os.listdir(s.h.map_folder)}
    scratch.small_disk(s.h.map_folder, "4m", mode=0o750)
    for f, data in saved.items():
        write(os.path.join(s.h.map_folder, f), data, 0o640)
    filler = os.path.join(s.h.map_folder, "filler")
    run(["/bin/dd", "if=/dev/zero", f"of={filler}", "bs=4096"])
    before = s.table()
    r = s.user("add", "new@b.dk", "--hash", HASH)
    now = s.table()
    check("a full disk: the table is the old one, and the command says so",
          r.returncode == 75 and now == before and b"No space" in r.stderr, f"{r} {now}")
    os.unlink(filler)
    r = run(s.command(["domain", "list"]))
    equal("with room again the next command finishes it", (r.returncode, s.keys("b.dk")), (0, ["abc", "kvt", "new"]))
    equal("the text says the same", s.lines(), s.table())


def main():
    disk = scratch.folder()
    scratch.small_disk(disk, "200m")  # some thousand fsyncs: not of a real disk
    tempfile.tempdir = disk
    small = Small()
    each_change(small, "small", True)
    aliases(small, "small")
    refusals(small, "small")
    followers(small, "small")
    hand_edits_wait(small, "small")
    names_of_others(small)
    the_long_way(small)
    reserved_names(small)
    failing(small)
    eight_at_once(small)
    full_disk(small)
    large = Large()
    check("the text is large", os.path.getsize(large.text()) > 2 << 20, os.path.getsize(large.text()))
    each_change(large, "large", False)
    aliases(large, "large")
    refusals(large, "large")
    followers(large, "large")
    nothing_else_is_looked_at(large)
    large_text(large)
    killed(large, "large", [("disable", "abc@b.dk")])
    done()


main()
