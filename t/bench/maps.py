"""Postfix's tables: a full build and one changed user, beside what postmap alone needs for the same keys; lookups."""

import os
import random
import statistics
import subprocess
import sys
import time

import common as c

sys.path.insert(0, os.path.join(c.TOP, "t", "lib"))
import scratch as test_scratch  # noqa: E402

USERS = 10
SMALL, SMALL_ROUNDS = 1000, 5
LARGE, LARGE_ROUNDS, CHANGES = 100000, 3, 10
QUESTIONS = 100000
POSTMAP = "/usr/sbin/postmap"
ADMIN = os.path.join(c.PROGRAMS, "postfix-virtual")
HASH = "$6$abc$XLyx6DsRIdZbOoC8pN6YwDZVv8bSqYFVEcGYLCUlAVTCJcFHSTmVPd5jGpKDdPhGbVUJqgTqh46cTSDvmyT0u1"


class Host:
    """So many domains of one account, on a disk in memory: what is measured is the programs, not this disk's fsync."""

    def __init__(self, scratch, name, domains, account):
        self.top, self.domains, self.account = scratch.folder(name), domains, account
        test_scratch.small_disk(self.top, "4g")
        self.etc, self.maps = self.at("etc"), self.at("maps")
        for part in ("etc", "maps", "run", "state", "spool", "postfix"):
            os.mkdir(self.at(part), 0o755)
        os.chmod(self.maps, 0o750)
        self.write("main.cf", "compatibility_level = 3.6\nmydestination =\n", "postfix")
        self.write("master.cf", "", "postfix")
        if os.path.exists("/etc/postfix/dynamicmaps.cf"):
            with open("/etc/postfix/dynamicmaps.cf", encoding="utf-8") as f:
                self.write("dynamicmaps.cf", f.read(), "postfix")
        os.utime(self.at("postfix", "main.cf"), (1000000000, 1000000000))
        self.write("virtual.conf", f"dovecot_group =\nmap_directory = {self.maps}\nrun_directory = {self.at('run')}\n"
                   f"state_directory = {self.at('state')}\nspool_directory = {self.at('spool')}\nmail_directory =\n"
                   f"postfix_config_directory = {self.at('postfix')}\nlog_socket = {scratch.at('log')}\n"
                   f"delivery_program = {c.DELIVER}\n", "etc")
        for i in range(domains):
            self.make_domain(i)

    def at(self, *names):
        return os.path.join(self.top, *names)

    def write(self, name, text, *below):
        with open(self.at(*below, name), "w", encoding="utf-8") as f:
            f.write(text)

    def make_domain(self, i, users=USERS):
        a, folder = self.account, self.at("etc", name_of(i))
        os.makedirs(folder, 0o700, exist_ok=True)
        self.write("passwd", "".join(f"user{u}:*:{a.pw_uid}:{a.pw_gid}::.:\n" for u in range(users)), folder)
        os.chmod(os.path.join(folder, "passwd"), 0o600)
        spool = self.at("spool", name_of(i))  # which `domain add` makes
        os.makedirs(spool, 0o700, exist_ok=True)
        for path in (os.path.join(folder, "passwd"), folder, spool):
            os.chown(path, a.pw_uid, a.pw_gid)

    def build(self, *args):
        return timed([c.MAPS, "-c", self.etc, *args])

    def admin(self, *args):
        return timed([ADMIN, "-c", self.etc, *args])

    def postmap(self, folder):
        return timed([POSTMAP, "-c", self.at("postfix")] + [f"lmdb:{folder}/{n}" for n in ("virtual", "virtual_domains")])

    def forget_tables(self):
        for name in ("virtual", "virtual_domains"):
            for path in (os.path.join(self.maps, name), os.path.join(self.maps, name + ".lmdb")):
                if os.path.exists(path):
                    os.unlink(path)

    def copy_texts(self):
        """The texts alone, for postmap, in a folder of their own."""
        folder = self.at("by-hand")
        os.makedirs(folder, exist_ok=True)
        for name in ("virtual", "virtual_domains"):
            with open(os.path.join(self.maps, name), "rb") as source, open(os.path.join(folder, name), "wb") as to:
                to.write(source.read())
            if os.path.exists(os.path.join(folder, name + ".lmdb")):
                os.unlink(os.path.join(folder, name + ".lmdb"))
        return folder


def name_of(i):
    return f"d{i}.example.net"


def timed(command):
    """(wall ms, CPU ms, peak MiB) of a command and its children; it must work."""
    begin = time.monotonic()
    with subprocess.Popen(command, env=dict(c.CLEAN_ENV, PATH="/usr/sbin:/usr/bin:/bin"), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as p:
        said = p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    if p.returncode != 0:
        print(f"  # {' '.join(command)}: exit {p.returncode}: {said.decode()[:300]}")
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024


def builds(host, rounds):
    """Figures by name: lists of (wall, CPU, MiB), round by round."""
    names = ("full build", "postmap of the same texts", "nothing changed, all domains", "one user more, one domain")
    figures = {n: [] for n in names}
    for i in range(rounds):
        host.forget_tables()
        figures[names[0]].append(host.build())
        figures[names[1]].append(host.postmap(host.copy_texts()))
        figures[names[2]].append(host.build())
        host.make_domain(7, USERS + 1 + i)
        figures[names[3]].append(host.build(name_of(7)))
    host.make_domain(7)
    host.build()
    rows = [[n] + [c.median([f[k] for f in figures[n]]) for k in range(3)] for n in names]
    c.table(f"maps: {host.domains:,} domains with {USERS} users each, median of {rounds} runs, disk in memory",
            ["what", "ms", "CPU ms", "MiB"], rows)
    return [figures[n] for n in names]


def changes(host, count):
    """CPU milliseconds by kind of change, each of another domain."""
    figures = {}
    for i in range(count):
        domain = name_of(i * (host.domains // count) + 11)
        for kind, args in (("add", ["new@" + domain, "--hash", HASH]), ("disable", ["new@" + domain]),
                           ("enable", ["new@" + domain]), ("rename", ["new@" + domain, "newer"]),
                           ("delete", ["newer@" + domain, "--yes"])):
            figures.setdefault(kind, []).append(host.admin("user", kind, *args))
    rows = [[f"user {k}"] + [c.median([f[n] for f in v]) for n in range(3)] + [max(f[1] for f in v)] for k, v in figures.items()]
    c.table(f"maps: one changed user of {host.domains * USERS:,}, {count} of each kind", ["what", "ms", "CPU ms", "MiB", "most CPU ms"], rows)
    return max(statistics.median(f[1] for f in v) for v in figures.values())


def lookups(host, rounds):
    """CPU milliseconds of postmap -q for so many random addresses that are there, round by round."""
    rnd = random.Random(1)
    questions = host.at("questions")
    with open(questions, "w", encoding="ascii") as f:
        for _ in range(QUESTIONS):
            f.write(f"user{rnd.randrange(USERS)}@{name_of(rnd.randrange(host.domains))}\n")
    command = [POSTMAP, "-c", host.at("postfix"), "-q", "-", f"lmdb:{host.maps}/virtual"]
    figures = []
    for _ in range(rounds):
        with open(questions, "rb") as f:
            before = os.times()
            answers = subprocess.run(command, stdin=f, stdout=subprocess.PIPE, check=False).stdout.count(b"\n")
            after = os.times()
        if answers != QUESTIONS:
            print(f"  # {answers} answers to {QUESTIONS} questions")
        figures.append((0, (after.children_user + after.children_system - before.children_user - before.children_system) * 1000))
    return figures


def section_maps(scratch):
    if not os.path.exists(c.MAPS) or not os.path.exists(POSTMAP):
        print("\nmaps: make-postfix-maps is not built, or Postfix is not installed")
        return
    try:
        measure(scratch)
    finally:
        test_scratch.clean_up()  # unmounts, so that the folder can go


def measure(scratch):
    account = test_scratch.account(scratch.folder("home"), "bench")
    small, large = (Host(scratch, n, d, account) for n, d in (("small", SMALL), ("large", LARGE)))
    builds(small, SMALL_ROUNDS)
    ours, theirs, again, _ = builds(large, LARGE_ROUNDS)
    c.goal("CPU of a full build, to postmap's", c.paired(ours, theirs, 1), "<=", 2)
    c.goal("wall clock of a full build, to postmap's", c.paired(ours, theirs, 0), "<=", 2)
    c.limit("peak memory of a full build", round(max(f[2] for f in ours)), 300, "MiB")
    c.limit("peak memory where nothing changed", round(max(f[2] for f in again)), 300, "MiB")
    changes(large, CHANGES)  # the first one takes the text away
    c.limit("CPU of one changed user, of the slowest kind", round(changes(large, CHANGES), 1), 20, "ms")
    few, many = lookups(small, LARGE_ROUNDS + 2), lookups(large, LARGE_ROUNDS + 2)
    rows = [[f"{h.domains:,} domains", c.median([f[1] for f in v]) * 1000 / QUESTIONS] for h, v in ((small, few), (large, many))]
    c.table(f"maps: {QUESTIONS:,} lookups by one postmap -q, median of {len(few)} runs", ["what", "CPU us each"], rows)
    c.goal(f"CPU of a lookup with {LARGE:,} domains, to {SMALL:,}", c.paired(many, few, 1), "<=", 2)
