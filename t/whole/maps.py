#!/usr/bin/python3
"""maps.py: make-postfix-maps on trees written by hand; what it wrote is read back by postmap."""
import grp
import os
import pty
import pwd
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch
from house import MAP_FILES
from scratch import run, write
from tap import check, contains, done, equal

scratch.need_root()
TOP = scratch.folder()
BIN = scratch.programs(TOP)
scratch.small_disk(os.path.join(TOP, "t"), "300m")  # some thousand fsyncs: not of a real disk
MAPS = os.path.join(BIN, "make-postfix-maps")
TARGET = "@virtual.invalid"
ONE, TWO = pwd.getpwnam("games"), pwd.getpwnam("list")  # any two accounts that every Debian has
POSTFIX = grp.getgrnam("postfix").gr_gid
LINE = "{}:*:{}:{}:{}name:.:\n"


class Tree:
    """A configuration folder with all that belongs to it, below TOP/NAME."""

    def __init__(self, name, main_cf=""):
        self.top = os.path.join(TOP, "t", name)
        shutil.rmtree(self.top, ignore_errors=True)
        for part in ("", "etc", "postfix", "run", "state"):
            os.mkdir(self.path(part), 0o755)
        self.etc, self.maps = self.path("etc"), self.path("maps")
        self.main_cf("compatibility_level = 3.6\nmyhostname = mail.example.net\nmydestination =\n" + main_cf)
        write(self.path("postfix", "master.cf"), "")
        write(self.path("etc", "virtual.conf"),
              f"map_directory = {self.maps}\nrun_directory = {self.path('run')}\n"
              f"state_directory = {self.path('state')}\npostfix_config_directory = {self.path('postfix')}\n"
              f"log_socket = {self.path('log')}\ndovecot_group =\n")

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def main_cf(self, text):
        """Postfix waits until a main.cf is two seconds old: make it so."""
        os.utime(write(self.path("postfix", "main.cf"), text), (1000000000, 1000000000))

    def domain(self, name, users, account=ONE, **files):
        """users: names, or the text of passwd; files: other files, `users__abc` for users/abc."""
        folder = os.path.join(self.etc, name)
        os.makedirs(folder, exist_ok=True)
        os.chown(folder, account.pw_uid, account.pw_gid)
        os.chmod(folder, 0o700)
        text = users
        if not isinstance(users, (str, bytes)):
            text = "".join(LINE.format(u, account.pw_uid, account.pw_gid, u) for u in users) or "# nobody yet\n"
        self.put(name, "passwd", text, account)
        for file, content in files.items():
            self.put(name, file.replace("__", "/").replace("_conf", ".conf"), content, account)

    def put(self, domain, file, text, account=ONE):
        path = os.path.join(self.etc, domain, file)
        if "/" in file and not os.path.isdir(os.path.dirname(path)):
            os.mkdir(os.path.dirname(path), 0o700)
            os.chown(os.path.dirname(path), account.pw_uid, account.pw_gid)
        write(path + ".t", text, 0o600, account)
        os.rename(path + ".t", path)

    def run(self, *args, **more):
        return run([MAPS, "-c", self.etc, *args], timeout=120, **more)

    def table(self, name="virtual"):
        """The table as a dictionary, by `postmap -s`; None where there is none."""
        if not os.path.exists(os.path.join(self.maps, name + ".lmdb")):
            return None
        r = run(["/usr/sbin/postmap", "-c", self.path("postfix"), "-s", "lmdb:" + os.path.join(self.maps, name)])
        if r.returncode or r.stderr:
            raise RuntimeError(f"postmap -s {name}: {r.returncode} {r.stderr}")
        return dict(line.split("\t", 1) for line in r.stdout.decode(errors="replace").splitlines())

    def text(self, name="virtual"):
        """The lines of a text, comments aside, as a dictionary; None where there is none."""
        data = scratch.read(os.path.join(self.maps, name)).decode()
        lines = [line.split("\t", 1) for line in data.splitlines() if not line.startswith("#")]
        return dict(lines) if data else None

    def all(self):
        names = ("virtual", "virtual_domains", "virtual_refused")
        return [self.table(), self.table("virtual_domains"), *map(self.text, names), self.table("virtual_refused")]

    def snapshot(self):
        """Everything below the tree: names, types, times, sizes."""
        found = []
        for folder, folders, files in os.walk(self.top):
            for name in folders + files:
                st = os.lstat(os.path.join(folder, name))
                found.append((os.path.join(folder, name), st.st_mode, st.st_size, st.st_mtime_ns, st.st_ino))
        return sorted(found)


def users_keys(domain, users, account=ONE):
    return {f"{u}@{domain}": f"{account.pw_name}+{u}--{domain}{TARGET}" for u in users}


def host_keys(domain):
    return {f"postmaster@{domain}": "postmaster", f"abuse@{domain}": "postmaster"}


def worked_example():
    t = Tree("example")
    t.domain("kvt.dk", ["kvt", "abc"])
    t.domain("other.example.org", ["x"], TWO)
    write(os.path.join(t.etc, "domains"), "kvt.dk sub_domains=yes\n")
    r = t.run()
    equal("the worked example is done without a word", (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    want = {**users_keys("kvt.dk", ["abc", "kvt"]), **host_keys("kvt.dk"),
            **users_keys("other.example.org", ["x"], TWO), **host_keys("other.example.org")}
    equal("virtual holds one key per user and the host's addresses", t.table(), want)
    equal("its text says the same", t.text(), want)
    domains = {"kvt.dk": ONE.pw_name, "other.example.org": TWO.pw_name}
    equal("virtual_domains leads from a domain to its account", t.table("virtual_domains"), domains)
    equal("its text says the same too", t.text("virtual_domains"), domains)
    lines = [x for x in scratch.read(os.path.join(t.maps, "virtual")).decode().splitlines() if x[0] != "#"]
    equal("the text is sorted", lines, sorted(lines))
    head = scratch.read(os.path.join(t.maps, "virtual")).decode()
    contains("the text begins with who wrote it", head.splitlines()[0], "make-postfix-maps")
    contains("the text says where own lines belong", head.splitlines()[1], t.path("postfix", "virtual"))
    equal("the folder of maps holds these files and no other", sorted(os.listdir(t.maps)), MAP_FILES)
    accounts = {f"{a.pw_name}+--@": "550 5.7.1 This address is for the use of this host alone" for a in (ONE, TWO)}
    equal("virtual_refused has a line for each account", t.table("virtual_refused"), accounts)
    equal("its text says the same as well", t.text("virtual_refused"), accounts)
    modes = {f: (os.stat(os.path.join(t.maps, f)).st_mode & 0o7777) for f in os.listdir(t.maps)}
    equal("all are 0640", set(modes.values()), {0o640})
    equal("the folder is 0750", os.stat(t.maps).st_mode & 0o7777, 0o750)
    owners = {(s.st_uid, s.st_gid) for s in (os.stat(os.path.join(t.maps, f)) for f in [".", *modes])}
    equal("all are root's and Postfix's", owners, {(0, POSTFIX)})
    before = t.snapshot()
    equal("a second run is as quiet", t.run().returncode, 0)
    equal("a second run writes nothing", [x[:4] for x in t.snapshot()], [x[:4] for x in before])


def addresses():
    t = Tree("addresses")
    t.domain("a.dk", ["u", "postmaster", "off"], users__off="receive = no\n", domain_conf="fallback = u\n")
    t.domain("own.dk", ["postmaster"])
    write(os.path.join(t.etc, "host-addresses"), "postmaster root, desk@example.org\nabuse root\n")
    write(os.path.join(t.etc, "domains"), "own.dk own=postmaster,abuse\nalias.dk alias_of=a.dk\n")
    r = t.run()
    equal("own addresses, aliases and a fallback are done", (r.returncode, r.stderr), (0, b""))
    u = f"{ONE.pw_name}+u--a.dk{TARGET}"
    star = f"{ONE.pw_name}+--a.dk{TARGET}"
    host = "root, desk@example.org"
    want = {"own.dk": {"postmaster@own.dk": f"{ONE.pw_name}+postmaster--own.dk{TARGET}"}}
    for d in ("a.dk", "alias.dk"):
        # off takes no mail, and the fallback must not get it
        want[d] = {f"u@{d}": u, f"off@{d}": u.replace("+u--", "+off--"), f"@{d}": star, f"postmaster@{d}": host, f"abuse@{d}": "root"}
    for d, keys in want.items():
        equal(f"{d} has exactly its keys", {k: v for k, v in t.table().items() if k.endswith("@" + d)}, keys)
    equal("who takes no mail stands in virtual_refused, in alias domains too",
          {k: v for k, v in t.table("virtual_refused").items() if k[-1] != "@"},
          {f"off@{d}": "550 5.2.1 this mailbox takes no mail" for d in ("a.dk", "alias.dk")})
    equal("an alias domain stands in virtual_domains", t.table("virtual_domains"),
          {d: ONE.pw_name for d in ("a.dk", "alias.dk", "own.dk")})
    t.domain("a.dk", ["u", "postmaster", "off", "new"])
    equal("a run for one domain is done", t.run("a.dk").returncode, 0)
    check("a run for one domain brings its alias domains up to date", "new@alias.dk" in t.table(), t.table())
    t.domain("a.dk", ["u", "v"])
    t.domain("own.dk", ["w"])
    equal("a run for an alias domain is done", t.run("ALIAS.dk").returncode, 0)
    check("a run for an alias domain reads the domain it stands for", "v@alias.dk" in t.table(), t.table())
    check("a run for one domain leaves the others alone", "w@own.dk" not in t.table(), t.table())
    write(os.path.join(t.etc, "domains"), "own.dk own=postmaster,abuse\n")
    equal("an alias domain that is no more is done", t.run().returncode, 0)
    check("its keys are gone", not any("alias.dk" in k for k in t.table()), t.table())
    shutil.rmtree(os.path.join(t.etc, "own.dk"))
    equal("a domain without a folder is done", t.run().returncode, 0)
    equal("it is gone from both tables", ([k for k in t.table() if "own.dk" in k],
                                         "own.dk" in t.table("virtual_domains")), ([], False))


def refusals():
    """Domains that get no keys, each with its reason; the good one beside them gets its own."""
    t = Tree("refusals", "relay_domains = relayed.dk hash:$config_directory/relay\n"
                         "virtual_mailbox_domains = /TOP/mailbox-domains, inline:{ {inline.dk=x} }\n")
    text = scratch.read(t.path("postfix", "main.cf")).decode().replace("/TOP", t.top)
    t.main_cf(text.replace("mydestination =", "mydestination = $myhostname, mine.dk"))
    write(t.path("postfix", "relay"), "table.dk x\n")
    scratch.must(["/usr/sbin/postmap", "-c", t.path("postfix"), "hash:" + t.path("postfix", "relay")])
    write(t.path("mailbox-domains"), "# comment\nfile.dk\n")
    t.domain("good.dk", ["a"])
    nobody = pwd.struct_passwd(("x", "x", 61234, 61234, "", "/", "/"))
    rows = {
        "mine.dk": "mydestination", "relayed.dk": "relay_domains", "table.dk": "relay_domains",
        "file.dk": "virtual_mailbox_domains", "inline.dk": "virtual_mailbox_domains",
        "roots.dk": "root", "nobody.dk": "61234", "open.dk": "writable", "wrong.dk": "account=",
        "long." + "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + "." + "d" * 58 + ".dk": "line 1",
        "to-nothing.dk": "no folder",
    }
    for name in rows:
        if name != "to-nothing.dk":
            t.domain(name, ["a"])
    os.chown(os.path.join(t.etc, "roots.dk"), 0, 0)
    t.domain("nobody.dk", ["a"], nobody)
    os.chmod(os.path.join(t.etc, "open.dk"), 0o777)
    write(os.path.join(t.etc, "domains"), f"wrong.dk account={TWO.pw_name}\ngood.dk account={ONE.pw_name}\n"
          "to-nothing.dk alias_of=nothing.dk\n")
    r = t.run()
    equal("refusals make the exit 75", r.returncode, 75)
    words = r.stderr.decode().splitlines()
    for name, reason in rows.items():
        check(f"{name[:20]} is refused with the reason", any(name in w and reason in w for w in words), r.stderr)
    equal("each is named once", len(words), len(rows))
    long = next(n for n in rows if n.startswith("long"))
    want = {**users_keys("good.dk", ["a"]), **host_keys("good.dk"), **host_keys(long)}
    equal("none has a key, but the good ones beside them", t.table(), want)
    c = t.run("--check")
    equal("--check says the same on standard output", (c.returncode, sorted(c.stdout.decode().splitlines())),
          (75, sorted(w.partition(": ")[2] for w in words)))


def odd_accounts():
    """Accounts that useradd would not make, in a passwd(5) of this test's own."""
    t = Tree("accounts")
    names = {"good_1": True, "with.dot-9": True, "a+b": False, "Upper": False, "a b": False, "a,b": False, "a@b": False,
             "x" * 33: False, "": False}
    text = scratch.read("/etc/passwd").decode()
    for i, name in enumerate(names):
        uid = 61000 + i
        text += f"{name}:x:{uid}:{uid}::/:/bin/false\n"
        t.domain(f"d{i}.dk", ["u"], pwd.struct_passwd((name, "x", uid, uid, "", "/", "/")))
    write(t.path("passwd"), text)
    r = run(["/usr/bin/unshare", "-m", "/bin/sh", "-c",
             f"mount --bind {t.path('passwd')} /etc/passwd && exec {MAPS} -c {t.etc}"])
    good = {f"d{i}.dk": name for i, (name, fine) in enumerate(names.items()) if fine}
    equal("an account whose name could be read as something else gets no domain", t.table("virtual_domains"), good)
    equal("and no key", {v for k, v in t.table().items() if k.startswith("u@")},
          {f"{name}+u--{d}{TARGET}" for d, name in good.items()})
    check("each is named", r.returncode == 75 and len(r.stderr.splitlines()) == len(names) - len(good), r.stderr)


def collisions():
    t = Tree("collisions")
    t.domain("b--c.dk", ["a"])
    t.run()
    t.domain("c.dk", ["a--b", "x"])
    r = t.run()
    equal("a name that Postfix would fold into another makes the exit 75", r.returncode, 75)
    contains("it is named", r.stderr.decode(), "a--b@c.dk")
    equal("the older name keeps its key, the newer has none",
          ("a@b--c.dk" in t.table(), "a--b@c.dk" in t.table(), "x@c.dk" in t.table()), (True, False, True))


def ways_to_be_unreadable():
    def replace(path, make):
        os.unlink(path)
        make(path)

    passwd, folder = os.path.join("{}", "passwd"), "{}"
    return {
        "passwd is missing": (passwd, os.unlink, "missing"),
        "passwd is empty": (passwd, lambda p: os.truncate(p, 0), "passwd"),
        "passwd has no final newline": (passwd, lambda p: os.truncate(p, os.path.getsize(p) - 1), "newline"),
        "passwd has a bad line": (passwd, lambda p: open(p, "a").write("x:y\n"), "line 11"),
        "passwd has a user twice": (passwd, lambda p: open(p, "a").write(LINE.format("u1", ONE.pw_uid, 1, "x")), "u1"),
        "passwd holds a NUL": (passwd, lambda p: open(p, "ab").write(b"x\0y:*:1:1:n:.:\n"), "passwd"),
        "passwd has another uid": (passwd, lambda p: open(p, "a").write("x:*:0:0:x:.:\n"), "line 11"),
        "passwd is another's": (passwd, lambda p: os.chown(p, TWO.pw_uid, 0), "Permission"),
        "passwd is group-writable": (passwd, lambda p: os.chmod(p, 0o660), "writable"),
        "passwd is a FIFO": (passwd, lambda p: (replace(p, os.mkfifo), os.chown(p, ONE.pw_uid, 0)), "regular"),
        "passwd is a folder": (passwd, lambda p: replace(p, os.mkdir), "regular"),
        "passwd is root's symlink to nowhere": (passwd, lambda p: replace(p, lambda q: os.symlink("/no", q)), "symlink"),
        "passwd is somebody's symlink": (passwd, lambda p: (replace(p, lambda q: os.symlink("/etc/passwd", q)),
                                                           os.lchown(p, TWO.pw_uid, 0)), "symlink"),
        "passwd is its own symlink to what it may not read":
            (passwd, lambda p: (replace(p, lambda q: os.symlink("/etc/shadow", q)),
                                os.lchown(p, ONE.pw_uid, 0)), "passwd"),
        "passwd has 50 GB": (passwd, lambda p: os.truncate(p, 50 << 30), "larger"),
        "the folder is writable by all": (folder, lambda p: os.chmod(p, 0o777), "writable"),
        "the folder is root's": (folder, lambda p: os.chown(p, 0, 0), "root"),
        "domain.conf cannot be parsed": (folder, lambda p: write(p + "/domain.conf", "x y\n", 0o600, ONE), "line 1"),
        "users/u1 cannot be parsed": (folder, lambda p: (os.mkdir(p + "/users"), os.chown(p + "/users", ONE.pw_uid, 0),
                                                         write(p + "/users/u1", "receive = perhaps\n", 0o600, ONE)),
                                      "users/u1"),
        "passwd has lost two thirds": (passwd, lambda p: os.truncate(p, os.path.getsize(p) // 10 * 3), "vanish"),
    }


def unreadable_domains_keep_their_keys():
    for name, (where, spoil, word) in ways_to_be_unreadable().items():
        t = Tree("unreadable")
        for d in ("bad.dk", "good.dk"):
            t.domain(d, [f"u{i}" for i in range(10)], ONE)
        write(os.path.join(t.etc, "domains"), "alias.dk alias_of=bad.dk\n")
        t.run()
        before, domains = t.table(), t.table("virtual_domains")
        spoil(where.format(os.path.join(t.etc, "bad.dk")))
        t.domain("good.dk", [f"u{i}" for i in range(10)] + ["new"])
        r = t.run()
        want = {**before, **users_keys("good.dk", ["new"])}
        equal(f"{name}: keys stay, the other domain goes on, exit 75",
              (r.returncode, t.table(), t.table("virtual_domains"), t.text()), (75, want, domains, want))
        check(f"{name}: said with the file and the reason",
              any("bad.dk" in x and word in x for x in r.stderr.decode().splitlines()), r.stderr)
    r = t.run("--force", "bad.dk")
    equal("--force lets them vanish", (r.returncode, len([k for k in t.table() if "@bad.dk" in k])), (0, 5))


def lost_texts():
    t = Tree("texts")
    t.domain("bad.dk", ["a", "b"])
    t.domain("good.dk", ["a"])
    t.run()
    want = t.table()
    os.unlink(os.path.join(t.etc, "bad.dk", "passwd"))
    text = os.path.join(t.maps, "virtual")
    write(text, scratch.read(text) + b"hand@good.dk\tme\n", 0o640)
    r = t.run()
    equal("a text changed by hand: the table is believed", (r.returncode, t.table(), t.text()), (75, want, want))
    contains("it is said", r.stderr.decode(), "checksum")
    os.unlink(text)
    t.run("good.dk")
    equal("a text that is missing: the table is believed", (t.table(), t.text()), (want, want))
    os.unlink(os.path.join(t.maps, "virtual.lmdb"))
    t.run("good.dk")
    equal("a table that is missing is built from the text", t.table(), want)
    os.truncate(os.path.join(t.maps, "virtual.lmdb"), 8192)
    t.run()
    equal("a table that is cut short is built anew", t.table(), want)
    write(os.path.join(t.maps, "virtual.lmdb"), b"garbage " * 10000)
    t.run()
    equal("a table that is none is built anew", t.table(), want)
    write(os.path.join(t.maps, "virtual.lmdb"), b"garbage " * 10000)
    os.unlink(text)
    r = t.run()
    equal("neither text nor table: from nothing, the rest goes on", (r.returncode, t.table()),
          (75, {k: v for k, v in want.items() if "@good.dk" in k}))
    contains("and it is said", r.stderr.decode(), "cannot be read either")


def command_line():
    t = Tree("command")
    t.domain("kvt.dk", ["a"])
    t.run()
    t.domain("kvt.dk", ["a", "b"])
    nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    rows = [
        ("--help", [MAPS, "--help"], 0, b"usage: make-postfix-maps", None),
        ("--version", [MAPS, "--version"], 0, b"make-postfix-maps 0.", None),
        ("an unknown option", [MAPS, "--frob"], 2, None, b"usage: "),
        ("a missing argument", [MAPS, "-c"], 2, None, b"usage: "),
        ("a name that is no domain", [MAPS, "-c", t.etc, "a/b"], 1, None, b"a/b"),
        ("a domain that is not there", [MAPS, "-c", t.etc, "nosuch.dk"], 75, None, b"no domain here"),
        ("no such folder", [MAPS, "-c", t.path("none")], 75, None, b"none"),
        ("not root", [*nobody, MAPS, "-c", t.etc], 1, None, b"only root"),
        ("not root with --check", [*nobody, MAPS, "-c", t.etc, "--check"], 75, None, b"maps/virtual: Permission denied"),
        ("a full standard output", ["/bin/sh", "-c", f"{MAPS} -c {t.etc} -n >/dev/full"], 75, None, b"output"),
    ]
    for name, argv, status, out, err in rows:
        r = run(argv)
        check(f"{name}: exit {status} and the right words",
              r.returncode == status and (out or b"") in r.stdout and (err or b"") in r.stderr,
              f"{r.returncode} {r.stdout} {r.stderr}")
    for bad in ("virtual.conf", "domains", "host-addresses"):
        before = scratch.read(os.path.join(t.etc, bad))
        maps = t.all()
        write(os.path.join(t.etc, bad), before + b"\nthis is = no/line\n")
        r = t.run()
        equal(f"a bad line in {bad}: exit 75 and nothing changed", (r.returncode, t.all()), (75, maps))
        check(f"a bad line in {bad}: file and line are named", bad in r.stderr.decode() and b"line " in r.stderr, r.stderr)
        os.unlink(os.path.join(t.etc, bad)) if not before else write(os.path.join(t.etc, bad), before)


def dry_run():
    t = Tree("dry")
    for d in ("a.dk", "b.dk"):
        t.domain(d, [f"u{i}" for i in range(30)])
    before = t.snapshot()
    r = t.run("-n")
    equal("-n on a new host: exit 0, nothing made", (r.returncode, t.snapshot()), (0, before))
    t.run()
    t.domain("a.dk", [f"u{i}" for i in range(2, 30)] + ["new"])
    t.domain("c.dk", ["x"])
    before = t.snapshot()
    r = t.run("-n")
    equal("-n: exit 0, nothing changed", (r.returncode, t.snapshot()), (0, before))
    copy = t.path("copy")
    os.mkdir(copy)
    for f in ("virtual", "virtual_domains"):
        shutil.copy(os.path.join(t.maps, f), copy)
    diff = r.stdout.replace(t.maps.encode() + b"/", b"")
    p = run(["/usr/bin/patch", "--fuzz=0", "-p0", "-d", copy], diff)
    equal("patch takes the diff", p.returncode, 0)
    t.run()
    for f in ("virtual", "virtual_domains"):
        equal(f"what patch made of {f} is what a run makes", scratch.read(os.path.join(copy, f)),
              scratch.read(os.path.join(t.maps, f)))
    equal("-n with nothing to do prints nothing", t.run("-n").stdout, b"")


USER = re.compile(r"[a-z0-9_][a-z0-9._-]{0,63}\Z")
ENDINGS = (".lock", ".new", ".tmp", ".auto", ".vacation", ".db", ".journal", ".msg")


def is_user(name):
    """The grammar of design.md, written down a second time."""
    n = name.lower()
    return bool(USER.match(n)) and ".." not in n and not n.endswith((".", *ENDINGS)) and "+" not in n


def hostile_names(count):
    rnd = random.Random(1)
    pieces = ["a", "b", "abc", "-", "--", "_", ".", "..", " ", "\t", "@", "%", "!", ",", ";", "'", '"', "`", "$", "$(id)",
              "&", "|", "<", ">", "(", ")", "{", "}", "[", "]", "#", "=", "*", "?", "\\", "/", "../", "\0", "\1", "\x1b[2J",
              "\x7f", "\r", "é", "æøå", "。", "%n%s", "+", "+tag", ":include:", "\xff", "A", "x" * 63, "x" * 64, "x" * 65, "x" * 300,
              ".lock", ".new", ".db", "postmaster", "@evil.com", "victim@evil.com", "virtual.invalid", "xn--"]
    names = list(pieces)
    while len(names) < count:
        names.append("".join(rnd.choice(pieces) for _ in range(rnd.randint(1, 4))))
    return names


def hostile_users():
    """Each name in the passwd of a domain of its own: an error, or exactly the key that it stands for."""
    t = Tree("hostile")
    names = hostile_names(5000)
    want = {}
    for i, name in enumerate(names):
        d = f"d{i}.dk"
        raw = name.encode("latin-1", "ignore") if "\xff" in name else name.encode()
        t.domain(d, raw + f":*:{ONE.pw_uid}:{ONE.pw_gid}:n:.:\n".encode())
        want.update(host_keys(d))
        if is_user(name) and name.lower() not in ("postmaster", "abuse"):
            want.update(users_keys(d, [name.lower()]))
    r = t.run()
    got = t.table()
    check("5,000 hostile names: every key was asked for by a good name", set(got) <= set(want),
          list(set(got.items()) - set(want.items()))[:5])
    users = [k for k, v in want.items() if v != "postmaster"]
    check("and every good name has its key", len(users) > 100 and all(got.get(k) == want[k] for k in users),
          [k for k in users if got.get(k) != want[k]][:5])
    bad = sum(not is_user(n) for n in names)
    complaints = r.stderr.decode().splitlines()
    check("every bad name is an error in a line of its own, printable",
          r.returncode == 75 and bad - 300 <= len(complaints) <= bad and
          all(re.fullmatch(rb"[ -~]+", line.encode()) for line in complaints), f"{bad} {len(complaints)}")
    asked = b"".join(n.encode("utf-8", "ignore").replace(b"\n", b"") + f"@d{i}.dk\n".encode() for i, n in enumerate(names)
                     if "\0" not in n and "\r" not in n)
    q = run(["/usr/sbin/postmap", "-c", t.path("postfix"), "-q", "-", "lmdb:" + os.path.join(t.maps, "virtual")], asked)
    answered = {line.split(b"\t")[0].decode().lower() for line in q.stdout.splitlines()}
    check("postmap -q answers for good names only", answered and answered <= set(want), list(answered - set(want))[:5])


def hostile_domains():
    """Folders and lines of `domains` with names that are none."""
    t = Tree("hostile-domains")
    good = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+\Z")
    want = set()
    for name in hostile_names(1500):
        folder = name.replace("/", "_").replace("\0", "_")[:200] + ".dk"
        if folder in (".", "..") or len(os.fsencode(folder)) > 255:
            continue
        t.domain(folder, ["u"])
        if good.match(folder):
            want.add(folder)
    r = t.run()
    equal("folders with hostile names make no domain", set(t.table("virtual_domains")), want)
    equal("nor a key", {k.rpartition("@")[2] for k in t.table()}, want)
    maps = t.all()
    wrong = []
    for name in (n for n in hostile_names(400)[25:] if not good.match(n)):
        line = f"{name} alias_of=a.dk\n"
        write(os.path.join(t.etc, "domains"), line.encode("utf-8", "ignore"))
        r = t.run()
        if t.all() != maps or (r.returncode == 0 and not name.lstrip().startswith("#")):
            wrong.append((name, r.returncode, r.stderr))
    equal("hostile lines of `domains` change nothing and are an error", wrong[:5], [])


# --- killed and failing at each call ---

# A kill before a call that only reads leaves what a kill before the next one that changes something does.
CHANGING = ("mkdir,write,pwrite64,writev,fsync,fdatasync,rename,renameat,unlink,unlinkat,link,linkat,chown,fchown,chmod,"
            "fchmod,ftruncate,clone")
FAILING = CHANGING + ",openat,fcntl,pipe2,mmap"
TABLES = ("virtual.lmdb", "virtual_domains.lmdb", "virtual", "virtual_domains", "virtual_refused", "virtual_refused.lmdb")


def tree_for_kills(scenario):
    t = Tree("kill")
    if scenario != "first":
        t.domain("a.dk", ["x", "y"])
        t.domain("gone.dk", ["x"])
        t.run()
        shutil.rmtree(os.path.join(t.etc, "gone.dk"))
    t.domain("a.dk", ["y", "new"])
    t.domain("b.dk", ["x"], TWO)
    if scenario == "rebuild":
        os.unlink(os.path.join(t.maps, "virtual.lmdb"))
    return t


class Kills:
    """A tree that is brought back to its first state again and again, and what may come of it."""

    def __init__(self, scenario, calls, follow=()):
        self.scenario, self.follow = scenario, follow
        self.tree = tree_for_kills(scenario)
        self.old = self.tree.all()
        self.first = self.tree.top + ".first"
        shutil.rmtree(self.first, ignore_errors=True)
        scratch.must(["/bin/cp", "-a", self.tree.top, self.first])
        log = self.tree.path("strace")
        self.strace(calls, ["-o", log])
        self.new = self.tree.all()
        self.counts = {}
        for line in scratch.read(log).decode(errors="replace").splitlines():
            found = re.match(r"(?:\d+ +)?(\w+)\(", line)
            if found:
                self.counts[found.group(1)] = self.counts.get(found.group(1), 0) + 1

    def strace(self, calls, options):
        return run(["strace", *self.follow, "-e", f"trace={calls}", *options, MAPS, "-c", self.tree.etc], timeout=120)

    def again(self):
        shutil.rmtree(self.tree.top)
        scratch.must(["/bin/cp", "-a", self.first, self.tree.top])

    def disturb(self, how):
        """Disturb each call in turn. Returns (runs, reasons)."""
        runs, reasons = 0, []
        for call, times in sorted(self.counts.items()):
            for n in range(1, times + 1):
                self.again()
                self.strace(call, ["-o", "/dev/null", "-e", f"inject={call}:{how}:when={n}"])
                runs += 1
                reason = self.judge() or self.mend()
                if reason:
                    reasons.append(f"{self.scenario}, {call} {n}, {how}: {reason}")
        return runs, reasons

    def judge(self):
        """A reason why the state is wrong, or None. A table is as before, as after, or as after with what is to be
        removed last; where a child was disturbed, that holds for each domain."""
        now = self.tree.all()
        for name, is_, old, new in zip(TABLES, now, self.old, self.new):
            if not self.is_between(is_, old, new):
                return f"{name} is neither old nor new: {is_}"
        refused = [k for k in self.new[0] if k.rpartition("@")[2] in (now[1] or {}) and k not in (now[0] or {}) and
                   (k in (self.old[0] or {}) or k.rpartition("@")[2] not in (self.old[1] or {}))]
        return f"real users are refused: {refused}" if refused else None

    def is_between(self, is_, old, new):
        if is_ is None or old is None:
            return is_ == old or is_ == new or (is_ is not None and self.by_domain(is_, {}, new))
        return is_ in (old, new, {**old, **new}) or self.by_domain(is_, old, new)

    def by_domain(self, is_, old, new):
        """Where a child that reads can be disturbed, each account may be old or new."""
        part = lambda key: key.rpartition("@")[2] or key
        for each in {part(k) for k in (*is_, *old, *new)}:
            i, o, n = ({k: v for k, v in d.items() if part(k) == each} for d in (is_, old, new))
            if i not in (o, n, {**o, **n}):
                return False
        return self.children

    def mend(self):
        """The next run must bring everything up to date and leave no litter."""
        r = self.tree.run()
        if r.returncode or self.tree.all() != self.new:
            return f"the next run does not mend it: {r.returncode} {r.stderr} {self.tree.all()}"
        files = sorted(os.listdir(self.tree.maps)) + sorted(os.listdir(self.tree.path("run")))
        want = [*MAP_FILES, "maps.lock"]
        # which text Postfix has read, where one was replaced; what is torn of it goes with the next one
        if [f for f in files if f not in ("reload", "reload.lock", ".reload.new")] != want:
            return f"left over: {files}"
        owners = {(st.st_gid, st.st_mode & 0o7777) for st in
                  (os.stat(os.path.join(self.tree.maps, f)) for f in (".", *want[:-1]))}
        good = {(POSTFIX, 0o640), (POSTFIX, 0o750)}
        return None if owners == good else f"Postfix cannot read it: {owners}"


def disturbed(sentence, scenario, calls, how, follow=(), children=False):
    kills = Kills(scenario, calls, follow)
    kills.children = children
    runs, reasons = kills.disturb(how)
    check(f"{scenario}: {sentence} ({runs} runs)", runs > 20 and not reasons, "\n".join(r[:600] for r in reasons[:6]))


def killed():
    for scenario in ("first", "change", "rebuild"):
        disturbed("killed at each call: old or new, no user refused, mended by the next run", scenario, CHANGING,
                  "signal=KILL")
    disturbed("the same with its children, postmap too", "first", CHANGING, "signal=KILL", ("-f",), True)


def failing():
    for scenario, error in (("first", "EIO"), ("change", "ENOSPC")):
        disturbed(f"each call fails with {error}: old or new, mended by the next run", scenario, FAILING,
                  f"error={error}", (), True)


def full_disk():
    t = Tree("full")
    os.mkdir(t.maps)
    scratch.small_disk(t.maps, "128k", mode=0o750)
    t.domain("a.dk", ["x"])
    equal("a small disk holds a small table", t.run().returncode, 0)
    before = t.all()
    t.domain("a.dk", [f"u{i}" for i in range(3000)] + ["x"])
    r = t.run()
    after = t.all()
    equal("a full disk: exit 75 and every table as it was", (r.returncode, after[:2]), (75, before[:2]))
    check("a full disk: texts old or new", after[2] == before[2] or len(after[2]) > 3000, len(after[2]))
    run(["/usr/bin/mount", "-o", "remount,size=16m", t.maps])
    equal("with room again all is done", (t.run().returncode, len(t.table())), (0, 3003))


# --- at the same time ---

def eight_at_once():
    t = Tree("eight")
    for i in range(4):
        t.domain(f"d{i}.dk", ["x"], (ONE, TWO)[i % 2])
    t.run()
    bad = []
    for round_ in range(6):
        for i in range(4):
            t.domain(f"d{i}.dk", ["x", f"r{round_}"], (ONE, TWO)[i % 2])
        jobs = [subprocess.Popen([MAPS, "-c", t.etc, *([f"d{i % 4}.dk"] if i % 2 else [])], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE) for i in range(8)]
        by_hand = subprocess.Popen(["/usr/sbin/postmap", "-c", t.path("postfix"), "lmdb:" + os.path.join(t.maps, "virtual")])
        ends = [(j.communicate(timeout=120)[1], j.returncode) for j in jobs]
        by_hand.wait(timeout=60)
        if any(code for _, code in ends):
            bad.append(f"round {round_}: {ends}")
        t.run()
        want = {}
        for i in range(4):
            want.update({**host_keys(f"d{i}.dk"), **users_keys(f"d{i}.dk", ["x", f"r{round_}"], (ONE, TWO)[i % 2])})
        if t.table() != want or t.text() != want:
            bad.append(f"round {round_}: {set(t.table()) ^ set(want)}")
    equal("eight runs and a postmap by hand at once: every key right, no complaint", bad, [])


def slow_run():
    """A run that has read the old files and is slow must not undo what a later one has written."""
    t = Tree("slow")
    t.domain("a.dk", ["x"])
    t.run()
    t.domain("a.dk", ["x", "first"])
    slow = subprocess.Popen(["strace", "-o", "/dev/null", "-e", "trace=renameat", "-e",
                             "inject=renameat:delay_enter=1000000:when=1", MAPS, "-c", t.etc], stderr=subprocess.DEVNULL)
    check("a slow run is about to write", scratch.wait_for(lambda: os.path.exists(os.path.join(t.maps, ".virtual.new"))))
    t.domain("a.dk", ["x", "second"])
    r = t.run()
    equal("a run that begins later ends well", (r.returncode, r.stderr, slow.wait(timeout=60)), (0, b"", 0))
    want = {**host_keys("a.dk"), **users_keys("a.dk", ["x", "second"])}
    equal("the later files are what the tables say", (t.table(), t.text()), (want, want))


def live_update():
    """One postmap -q has the table open while it is changed: Postfix's daemons do not open it again."""
    t = Tree("live")
    t.domain("a.dk", ["old", "goes"])
    t.run()
    table = os.path.join(t.maps, "virtual")
    p = subprocess.Popen(["/usr/sbin/postmap", "-c", t.path("postfix"), "-q", "-", "lmdb:" + table],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    inode = os.stat(table + ".lmdb").st_ino

    def has_it_open():
        try:
            return any(f.stat().st_ino == inode for f in os.scandir(f"/proc/{p.pid}/fd"))
        except FileNotFoundError:  # it closed one meanwhile
            return False

    p.stdin.write(b"goes@a.dk\n")
    p.stdin.flush()
    check("a reader has the table open, and has asked it", scratch.wait_for(has_it_open))
    t.domain("a.dk", ["old"] + [f"new{i}" for i in range(2000)])
    r = t.run()
    equal("2,000 users come while it is open", (r.returncode, r.stderr), (0, b""))
    out, err = p.communicate(b"old@a.dk\ngoes@a.dk\n" + b"".join(b"new%d@a.dk\n" % i for i in range(2000)), timeout=60)
    answers = [line.split(b"\t")[0] for line in out.splitlines()]
    equal("it saw the one that goes before, and then no more, and every new user",
          (len(set(answers)), answers.count(b"goes@a.dk"), b"new1999@a.dk" in answers, err), (2002, 1, True, b""))


def lookups_go_on():
    """100 changes while lookups run: not one answer is wrong."""
    t = Tree("busy")
    t.domain("a.dk", ["always"])
    t.run()
    stop = t.path("stop")
    loop = (f"while [ ! -e {stop} ]; do /usr/sbin/postmap -c {t.path('postfix')} -q always@a.dk lmdb:{t.maps}/virtual "
            "|| echo missing; done")
    p = subprocess.Popen(["/bin/sh", "-c", loop], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    codes = set()
    for i in range(60):
        t.domain("a.dk", ["always", f"u{i}"])
        codes.add(t.run().returncode)
    write(stop, "")
    out = p.communicate(timeout=60)[0].splitlines()
    right = f"{ONE.pw_name}+always--a.dk{TARGET}".encode()
    check(f"{len(out) // 20 * 20} lookups and more beside 60 changes are all right",
          codes == {0} and len(out) > 20 and set(out) == {right}, (codes, set(out)))


def many_sub_domains():
    """The expressions of 150 domains, proved at once: a terminal sees how far it is, and memory is left for others."""
    t = Tree("many")
    names = [f"n{i}.example.net" for i in range(150)]
    for name in names:
        t.domain(name, ["abc"])
    write(os.path.join(t.etc, "domains"), "".join(f"{n} sub_domains=yes\n" for n in names))
    master, slave = pty.openpty()
    with subprocess.Popen([MAPS, "-c", t.etc], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave) as p:
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 4096):
                said += part
        except OSError:  # nobody has it open any more
            pass
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    os.close(master)
    check("on a terminal it says how many are proved, and wipes that out at the end",
          p.returncode == 0 and re.search(rb"\r *\r[0-9]+ of 150 domains proved", said) and said.endswith(b" \r"), (p.returncode, said[-300:]))
    check("and takes less than 64 MiB", usage.ru_maxrss < 64 << 10, f"{usage.ru_maxrss} KiB")
    write(os.path.join(t.etc, "domains"), "".join(f"{n} sub_domains=yes\n" for n in names[1:]))
    r = t.run()
    equal("elsewhere it says nothing", (r.returncode, r.stdout, r.stderr), (0, b"", b""))


FAULTS = {  # file → (text, what is said about which of its lines: a part of the sentence)
    "domain.conf": ("receive = yes\nextra_aliases = more\nquota = much\nnonsense\ndeliver_with = /nonexistent/d -x\n", {3: "quota", 4: "nonsense", 5: "/nonexistent/d"}),
    "aliases": ("good: u\n"                                             # 1
                "dead: nosuch\n"                                        # 2
                "loop1: loop2\nloop2: loop1\n"                         # 3, 4
                "twice: u\ntwice: v\n"                                 # 5, 6
                "no colon\n"                                           # 7
                "empty:\n"                                             # 8
                "#: expires=2001-02-30\nday: u\n"                      # 9
                "lists: :include:good\nmissing: :include:nothing\n"    # 11, 12
                "badlist: :include:bad\n"                              # 13
                "o'c: x@example.org\n"                                 # 14
                "\xc3\x86: u\n"                                        # 15
                "shell: \"|/bin/cat $HOME\"\n"                         # 16
                "file: /etc/passwd\n"                                  # 17
                "chain: a1\na1: a2\na2: a3\na3: u\n"                   # 18
                "open: \"u\n"                                          # 22
                "/^p-[a-z]+$/: nosuch\n"                               # 23
                "/^(a*)*$/: u\n"                                       # 24
                "noprog: \"|/nonexistent/x 'a b'\"\n"                 # 25
                "noexec: u, |/etc/debian_version\n"                    # 26
                "into: loop1\nself: self2\nself2: self\n"              # 27
                "prog: |/bin/cat\n",                                    # 30
                {2: "`nosuch` leads nowhere", 4: "loop", 29: "a loop: self -> self2 -> self", 6: "line 5", 7: "no `:`", 8: "leads nowhere", 9: "expires=", 12: "there is no file",
                 14: "x@example.org", 15: "looked up in other letters", 16: "$", 17: "lies neither below", 22: "quote", 23: "which is nobody",
                 24: "/^(a*)*$/", 25: "/nonexistent/x, looked at as account", 26: "/etc/debian_version is no program that account"}),
    "more": ("good: nosuch\nalso-dead: nosuch\n", {2: "`nosuch` leads nowhere"}),
    "include/good": ("u\n# comment\nv, x@example.org\n", {}),
    "include/bad": ("u\n\"open\nu v\nnosuch\n", {2: "quote", 3: "blank"}),
    "users/u": ("forward = nosuch@faults.dk\n", {1: "`nosuch` leads nowhere"}),
    "users/v": ("receive = perhaps\nquota = 5 apples\nvacation_interval = 9\nnonsense = 1\nfilter = /nonexistent/f\n",
                {1: "receive", 2: "quota", 4: "nonsense", 5: "filter = /nonexistent/f"}),
}
ANSWER_FAULTS = {  # in .files/ of the spool, and in v's home
    ".files/good.auto": (b"Subject: x\n\nhello\n", None),
    ".files/bad.auto": (b"Subject: x\nno field\n\nhello\n", ", line 2: "),
    ".files/nul.auto": (b"Subject: x\n\na\0b\n", " has a NUL"),
    ".files/u.vacation": (b"Subject x\n", ", line 1: "),
    ".files/u.vacation.db": (b"", None),
    ".files/v.vacation.db": (b"1795000000 1 s@example.org\nnonsense\n", ", line 2: "),
    ".files/notes": (b"\0", None),
    "home/.vacation": (b"Subject: a\nSubject: b\n\n", ", line 2: "),
    "home/.vacation.db": (b"", None),
}


def put_answers(t):
    """Returns the parts of sentences that are to be said."""
    os.mkdir(t.path("home"), 0o755)
    owner = scratch.account(t.path("home"), "f")
    home = os.path.join(owner.pw_dir, "vhome")
    files = t.path("spool", "faults.dk", ".files")
    os.mkdir(t.path("spool"), 0o755)
    for folder in (t.path("spool", "faults.dk"), files, home):
        os.mkdir(folder, 0o700)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    t.put("faults.dk", "passwd", "".join(LINE.format(u, owner.pw_uid, owner.pw_gid, u) for u in "uv") + f"w:*:{owner.pw_uid}:{owner.pw_gid}:w:{home}:\n", owner)
    for folder, folders, names in os.walk(os.path.join(t.etc, "faults.dk")):
        for name in [".", *names]:
            os.chown(os.path.join(folder, name), owner.pw_uid, owner.pw_gid)
    with open(os.path.join(t.etc, "virtual.conf"), "a", encoding="utf-8") as f:
        f.write(f"spool_directory = {t.path('spool')}\n")
    said = []
    for name, (text, part) in ANSWER_FAULTS.items():
        path = name.replace("home", home, 1) if name.startswith("home") else name.replace(".files", files, 1)
        write(path, text, 0o600, owner)
        if part:
            said.append(path + part)
    return said


def check_names_every_fault():
    t = Tree("faults")
    t.domain("faults.dk", ["u", "v"], **{name.replace("/", "__").replace(".conf", "_conf"): text.encode("latin-1") for name, (text, _) in FAULTS.items()})
    t.domain("good.dk", ["u"], aliases="a: u\nb: a, x@example.org\n")
    t.domain("fallback.dk", ["u"], domain_conf="\nfallback = nosuch\n")
    answers = put_answers(t)
    t.run()
    before = t.snapshot()
    r = t.run("--check")
    lines = r.stdout.decode().splitlines()
    equal("--check ends with 75, says nothing on standard error, and changes nothing", (r.returncode, r.stderr, t.snapshot()), (75, b"", before))
    dead = [x for x in lines if x.startswith(f"{t.etc}/fallback.dk/domain.conf, line 2: ")]
    check("a fallback that leads nowhere is named once", len(dead) == 1 and "nosuch" in dead[0], dead)
    left = [x for x in lines if x not in dead]
    for name, (_, faults) in FAULTS.items():
        for line, part in faults.items():
            place = f"{t.etc}/faults.dk/{name}, line {line}:"
            found = [x for x in left if x.startswith(place)]
            check(f"{name}, line {line} is named once, with `{part}`", len(found) == 1 and part in found[0], found or lines)
            left = [x for x in left if x not in found]
    for part in answers:
        found = [x for x in left if x.startswith(part)]
        equal(f"{part} is named once", len(found), 1)
        left = [x for x in left if x not in found]
    equal("and nothing else", left, [])
    places = [(m[1], int(m[2] or 0)) for x in lines if (m := re.match(r"([^ ]+?)(?:, line ([0-9]+))?[: ]", x))]
    equal("in the order of domains, files and lines", (places, len(places)), (sorted(places), len(lines)))
    equal("it is the same for the domain alone", sorted(t.run("--check", "faults.dk").stdout.decode().splitlines()), sorted(set(lines) - set(dead)))
    r = t.run("--check", "good.dk")
    equal("a domain without faults", (r.returncode, r.stdout), (0, b""))


def check_names_what_the_host_hides():
    """A line whose address is the host's gets no mail: the mail goes where host-addresses says."""
    t = Tree("hidden")
    lines = "sales: u\nAbuse: u\npostmaster: u\nabuse+x: u\ndesk: u\nwebmaster: u\n"
    t.domain("kvt.dk", ["u"], aliases=lines)
    t.domain("own.dk", ["u"], aliases=lines)
    t.domain("standard.dk", [], virtual="abuse u@kvt.dk\nsales u@kvt.dk\n")
    write(os.path.join(t.etc, "domains"), "kvt.dk own=webmaster\nkvt.org alias_of=kvt.dk\nown.dk own=postmaster,abuse,webmaster\nstandard.dk postfix=yes\n")
    write(os.path.join(t.etc, "host-addresses"), "abuse postmaster\npostmaster root\ndesk root\n")
    r = t.run()
    equal("a run that writes says nothing of it", (r.returncode, r.stderr), (0, b""))
    equal("the tables: the host's, but for what is the domain's own", [t.table().get(f"{k}@{d}") for d in ("kvt.dk", "own.dk", "standard.dk") for k in ("abuse", "desk")],
          ["postmaster", "root", t.table()["abuse@own.dk"], "root", "postmaster", "root"])
    check("the domain's own abuse is not the host's", "+abuse--own.dk@" in t.table()["abuse@own.dk"])

    def say(place, address, hosts, mend):
        return f"{t.etc}/{place}: mail for {address} goes to the host's {hosts}, and does not come here: take this line out, or {mend}"

    own, out = "let root give the domain the name: postfix-virtual domain set ", f"take the name out of {t.etc}/host-addresses"
    want = [say("kvt.dk/aliases, line 2", "abuse@kvt.dk", "postmaster", own + "kvt.dk own=abuse,webmaster"),
            say("kvt.dk/aliases, line 3", "postmaster@kvt.dk", "root", own + "kvt.dk own=postmaster,webmaster"),
            say("kvt.dk/aliases, line 5", "desk@kvt.dk", "root", out),
            say("own.dk/aliases, line 5", "desk@own.dk", "root", out),
            say("standard.dk/virtual, line 1", "abuse@standard.dk", "postmaster", own + "standard.dk own=abuse")]
    r = t.run("--check")
    equal("--check names file, line and mend", (r.returncode, r.stdout.decode().splitlines()), (75, want))
    write(os.path.join(t.etc, "host-addresses"), "abuse postmaster\n")
    write(os.path.join(t.etc, "domains"), "kvt.dk own=abuse,webmaster\nkvt.org alias_of=kvt.dk\nown.dk own=postmaster,abuse\nstandard.dk postfix=yes own=abuse\n")
    r = t.run("--check")
    equal("the mends mend it", (r.returncode, r.stdout), (0, b""))


def check_asks_other_domains():
    """Who forwards to another domain of this host, be it another account's, is told where nobody has that address."""
    t = Tree("onward")
    t.main_cf(f"compatibility_level = 3.6\nmyhostname = mail.example.net\nmydestination =\nvirtual_alias_maps = texthash:{t.path('postfix')}/own, "
              f"lmdb:{t.maps}/virtual, pipemap:{{pcre:{t.maps}/virtual_regexp,lmdb:{t.maps}/virtual}}\n")
    write(t.path("postfix", "own"), "own@b.dk x@b.dk\n")
    write(os.path.join(t.etc, "domains"), "b.dk sub_domains=yes\nb.org alias_of=b.dk\n")
    t.domain("b.dk", ["x", "off"], TWO, users__off="receive = no\n", aliases="/^p-([a-z0-9]+)$/: x\n#: expires=2001-01-01\nold: x\n")
    t.domain("catch.dk", ["x"], TWO, domain_conf="fallback = x\n")
    rows = [("x@b.dk", False), ("gone@b.dk", True), ("off@b.dk", False), ("old@b.dk", False), ("x+t@b.dk", False), ("gone+t@b.dk", True), ("any@catch.dk", False),
            ("p-1@b.dk", False), ("p-@b.dk", True), ("x@s.b.dk", False), ("gone@s.b.dk", True), ("X@B.org", False), ("gone@b.org", True), ("own@b.dk", False),
            ("nobody@example.org", False), ("abuse@b.dk", False), ("gone@c.b.org", True)]
    t.domain("a.dk", ["u", "v"], users__u="quota = 5M\nforward = gone@b.dk\n", include__list="x@b.dk\nlost@b.dk\n",
             aliases="".join(f"n{i}: v, {address}\n" for i, (address, _) in enumerate(rows)) + "list: :include:list\n")
    places = [(f"aliases, line {i + 1}", address.lower()) for i, (address, dead) in enumerate(rows) if dead]
    places += [("include/list, line 2", "lost@b.dk"), ("users/u, line 2", "gone@b.dk")]
    want = [f"{t.etc}/a.dk/{place}: `{address}` leads nowhere" for place, address in places]
    said = lambda r: [": ".join(line.split(": ")[:2]) for line in r.stdout.decode().splitlines()]
    equal("before there is a table: each is named, with its place", said(t.run("--check")), want)
    t.run()
    equal("a run makes its keys, and says nothing of them", t.run().stderr, b"")
    equal("afterwards the same", said(t.run("--check")), want)
    equal("and for the domain alone, whose neighbours are not read", said(t.run("--check", "a.dk")), want)
    equal("of the neighbour nothing", (t.run("--check", "b.dk").returncode, t.run("--check", "b.dk").stdout), (0, b""))
    os.remove(t.path("postfix", "own"))
    equal("a table that cannot be asked may have them all", said(t.run("--check")), [])


def check_is_quick():
    """2,000 aliases, a chain of 50, a list of 1,000."""
    t = Tree("quick")
    aliases = "".join(f"a{i}: a{i + 1}\n" for i in range(50)) + "a50: u\nall: :include:all\n" + "".join(f"n{i}: u, a{i % 50}\n" for i in range(2000))
    t.domain("quick.dk", ["u"], aliases=aliases, include__all="".join(f"n{i}\n" for i in range(1000)))
    r = t.run("--check")
    equal("2,000 aliases are checked without a complaint", (r.returncode, r.stdout, r.stderr), (0, b"", b""))


def broken_aliases():
    """What cannot be read of a file of aliases keeps its keys, all else works."""
    t = Tree("broken")
    aliases = "a: u\nb: u\nc: u\n"
    t.domain("b.dk", ["u", "v"], aliases=aliases)
    equal("three aliases", t.run().returncode, 0)
    whole = t.table()
    keys = lambda names: {**host_keys("b.dk"), **users_keys("b.dk", names)}
    equal("have three keys", whole, keys(["u", "v", "a", "b", "c"]))
    for what, text, names, said in [
        ("an alias that goes", "a: u\nb: u\n", "uvab", None),
        ("a line that is none: it may have been one", "a: u\nb u\nc: u\n", "uvabc", "aliases, line 2"),
        ("a line whose name is known", "a: u\nb:\nc: u\n", "uvabc", "aliases, line 2"),
        ("a line that is none, and an alias that goes", "a: u\nb u\n", "uvabc", "aliases, line 2"),
        ("a name twice", "a: u\nb: u\nb: v\nc: u\n", "uvabc", "aliases, line 3"),
        ("a new line whose name is known", "a: u\nb: u\nc: u\nd:\n", "uvabcd", "aliases, line 4"),
        ("a new line without a colon", "a: u\nb: u\nc: u\nd u\n", "uvabcd", "aliases, line 4"),
        ("a new line with a bad day", "a: u\nb: u\nc: u\n#: expires=soon\nd: u\n", "uvabcd", "aliases, line 4"),
        ("a new name twice", "a: u\nb: u\nc: u\nd: u\nd: v\n", "uvabcd", "aliases, line 5"),
        ("a new line without a name", "a: u\nb: u\nc: u\n\"d: u\n", "uvabc", "aliases, line 4"),
        ("a new alias beside a bad line", "a: u\nb u\nc: u\nd: u\n", "uvabcd", "aliases, line 2"),
    ]:
        t.put("b.dk", "aliases", aliases)
        t.run()
        t.put("b.dk", "aliases", text)
        r = t.run()
        equal(f"{what}: the keys", t.table(), keys(names))
        check(f"{what}: {said or 'no complaint'}", r.stderr.decode().count("\n") == (said is not None) and (said or "") in r.stderr.decode(), r.stderr)
    t.put("b.dk", "aliases", "a: u\nb u\n")
    t.put("b.dk", "users/v", "receive = no\n")
    t.run()
    equal("a user who takes no mail goes beside a line that is none", t.table(), keys("uabcd"))
    equal("and is refused", t.table("virtual_refused").get("v@b.dk"), "550 5.2.1 this mailbox takes no mail")
    t.put("b.dk", "users/v", "")
    t.put("b.dk", "aliases", aliases)
    t.run()
    path = os.path.join(t.etc, "b.dk", "aliases")
    os.chmod(path, 0o666)
    t.domain("b.dk", ["u", "v", "w"])
    r = t.run()
    equal("a file that others may write: its keys stay, a new user has one", t.table(), keys("uvabcw"))
    check("and the file is named", r.returncode == 75 and path in r.stderr.decode(), r.stderr)
    t.put("b.dk", "aliases", aliases)
    equal("mended", (t.run().returncode, t.table()), (0, keys("uvabcw")))
    regexp = lambda: scratch.read(os.path.join(t.maps, "virtual_regexp"))
    patterns = "/^p-[a-z]+$/: u\n/^q-[a-z]+$/: v\n"
    t.put("b.dk", "aliases", aliases + patterns)
    t.run()
    both = regexp()
    check("two patterns", b"p-" in both and b"q-" in both, both)
    t.put("b.dk", "aliases", aliases + patterns[:16] + "q-[a-z]+$/ v\n")
    t.run()
    equal("a line that may have been a pattern: both stay", regexp(), both)
    os.chmod(path, 0o666)
    t.run()
    equal("a file that others may write: its patterns stay", regexp(), both)
    t.put("b.dk", "aliases", aliases + patterns[:16])
    t.run()
    check("a pattern that is taken out goes", b"p-" in regexp() and b"q-" not in regexp(), regexp())


def many_expire():
    """That their day is over was read: any number of aliases may go by that, and not otherwise."""
    t = Tree("expire")
    names = [f"a{i}" for i in range(30)]
    lines = lambda day: "".join(f"#: expires={day}\n{n}: u\n" for n in names)
    t.domain("e.dk", ["u"], aliases=lines("2999-12-31"))
    equal("thirty aliases", (t.run().returncode, t.table()), (0, {**host_keys("e.dk"), **users_keys("e.dk", ["u", *names])}))
    t.put("e.dk", "aliases", lines("2001-01-01"))
    r = t.run()
    equal("expire in one night", (r.returncode, r.stderr, t.table()), (0, b"", {**host_keys("e.dk"), **users_keys("e.dk", ["u"])}))
    equal("and are refused", set(t.table("virtual_refused").values()) - {"550 5.7.1 This address is for the use of this host alone"},
          {"550 5.2.1 this address is no longer in use"})
    t.put("e.dk", "aliases", lines("2999-12-31"))
    t.run()
    equal("and come back", (len(t.table()), len(t.table("virtual_refused"))), (33, 1))
    t.put("e.dk", "aliases", "# none\n")
    r = t.run()
    equal("but thirty that are only gone stay", (r.returncode, len(t.table())), (75, 33))


SECTIONS = [worked_example, check_names_every_fault, check_names_what_the_host_hides, check_asks_other_domains, check_is_quick, broken_aliases, many_expire, addresses, refusals, odd_accounts, collisions, unreadable_domains_keep_their_keys, lost_texts, command_line,
            dry_run, hostile_users, hostile_domains, killed, failing, full_disk, eight_at_once, slow_run, live_update,
            lookups_go_on, many_sub_domains]
for section in SECTIONS:
    if len(sys.argv) < 2 or section.__name__ in sys.argv[1:]:
        section()
done()
