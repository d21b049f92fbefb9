#!/usr/bin/env python3
"""Every file in samples/ is taken by our programs, does what its comments say, and states true defaults.

samples/main.cf and master.cf are loaded by the tests in t/postfix, those of the POP3 server by pop3_samples.py, what machines answer
with by answers.py.
"""
import json
import os
import re
import shlex
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import MESSAGE, House, messages  # noqa: E402
from scratch import BUILD, TOP, folder, mail_settings, must, read, run, write  # noqa: E402
from systemd import settings_of, verify  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

SAMPLES = os.path.join(TOP, "samples")
POP3 = {"virtual-pop3d.service", "virtual-pop3d.socket", "inetd.conf", "xinetd.d/virtual-pop3d", "fail2ban/filter.d/virtual-pop3d.conf",
        "fail2ban/jail.d/virtual-pop3d.conf"}
ELSEWHERE = {"main.cf", "master.cf", "responder.auto", "user.vacation"} | POP3
used = set()


def sample(name):
    used.add(name)
    with open(os.path.join(SAMPLES, name), encoding="utf-8") as f:
        return f.read()


def settings(text):
    """name → default of the lines `#name = value`."""
    return dict(re.findall(r"^#(\w+) =[ ]?(.*)$", text, re.M))


def uncommented(text):
    return re.sub(r"^#(\w+ =)", r"\1", text, flags=re.M)


def config(text, *more):
    etc = folder()
    write(os.path.join(etc, "virtual.conf"), text)
    return run([os.path.join(BUILD, "postfix-virtual"), "-c", etc, *more, "config"])


def virtual_conf():
    text = sample("virtual.conf")
    said = json.loads(config("", "--json").stdout)
    equal("virtual.conf states every setting with its default", settings(text), said)
    for title, form in (("as it is", text), ("with every line taken in", uncommented(text))):
        r = config(form, "-n")
        equal(f"virtual.conf is accepted {title}, and changes nothing", (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    r = config(text + "spool = /x\n", "-n")
    check("a virtual.conf with a wrong line is not accepted", r.returncode == 75 and b"line" in r.stderr, r)


class Domains(House):
    """The domains of the samples, with an account of this test in place of the samples' own."""

    def __init__(self, word):
        super().__init__()
        self.owner = self.account(word)

    def ours(self, text):
        text = re.sub(r":(1201|601):(1201|100):", f":{self.owner.pw_uid}:{self.owner.pw_gid}:", text)
        text = re.sub(r"/home/(example_org|kvt_dk)\b", self.owner.pw_dir, text)
        return re.sub(r"\b(example_org|kvt_dk)\b", self.owner.pw_name, text)

    def make(self, name, passwd):
        self.domain(name, self.owner, {})
        write(os.path.join(self.etc, name, "passwd"), self.ours(passwd), 0o600, self.owner)

    def put(self, name, text, *where):
        write(os.path.join(self.etc, *where, name), self.ours(text), 0o600 if where else 0o644,
              self.owner if where else None)

    def check(self):
        return run([os.path.join(self.bin, "make-postfix-maps"), "-c", self.etc, "--check"])

    def keys(self, name):
        text = read(os.path.join(self.map_folder, name)).decode()
        return dict(line.split("\t", 1) for line in text.splitlines() if not line.startswith("#"))

    def deliver(self, forward_text):
        """Do what local(8) does with a .forward file of one command: as the account, without a shell."""
        line = self.ours(forward_text).replace("/usr/local/bin/virtual-deliver", self.deliver_words)
        command = re.fullmatch(r'"\|(.*)"\n', line)
        if not command:
            raise ValueError(f"not a command in quotes: {line!r}")
        return run(shlex.split(command[1]), data=b"From s@example.org  Fri Nov 20 09:56:12 2026\n" + MESSAGE,
                   env={"HOME": self.owner.pw_dir}, user=self.owner.pw_uid, group=self.owner.pw_gid, extra_groups=[])

    @property
    def deliver_words(self):
        return f"{self.bin}/virtual-deliver -c {self.etc}"


def domain_files():
    h = Domains("s")
    h.make("example.org", sample("passwd"))
    h.make("example.edu", "# no users\n")
    h.make("example.net", "carol:*:1201:1201::.:\n")
    os.mkdir(os.path.join(h.etc, "example.org", "users"), 0o700)
    shutil.chown(os.path.join(h.etc, "example.org", "users"), h.owner.pw_name)
    os.mkdir(os.path.join(h.etc, "example.org", "include"), 0o700)
    shutil.chown(os.path.join(h.etc, "example.org", "include"), h.owner.pw_name)
    h.put("guests", "someone@elsewhere.example.com\n", "example.org", "include")
    files = {"domains": (), "host-addresses": (), "domain.conf": ("example.org",), "aliases": ("example.org",), "virtual": ("example.edu",)}
    for name, where in files.items():
        h.put(name, sample(name), *where)
    h.put("bob.miller", sample("user.conf"), "example.org", "users")
    r = h.check()
    equal("passwd, domains, host-addresses, domain.conf, aliases and user.conf are accepted together",
          (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    h.maps()
    keys = h.keys("virtual")
    target = f"{h.owner.pw_name}+alice--example.org@virtual.invalid"
    equal("a user of the sample passwd has a key", keys.get("alice@example.org"), target)
    equal("the alias domain of the sample leads to the same", keys.get("alice@example.com"), target)
    equal("the sample's host addresses are in every domain", keys.get("webmaster@example.net"), "www-admin@example.org")
    equal("an address of the sample virtual leads where it says", keys.get("sales@example.edu"),
          "info@example.net, bob.miller@example.org, someone@elsewhere.example.com")
    check("own=abuse takes that address from the host", "abuse@example.net" not in keys and
          keys.get("abuse@example.org") == "postmaster, abuse-desk@example.org", keys)
    check("without a fallback there is no catch-all", not any(k.startswith("@") for k in keys), keys)
    equal("the domains are those of the sample", sorted(h.keys("virtual_domains")),
          ["example.com", "example.edu", "example.net", "example.org"])
    for name, where in files.items():
        h.put(name, sample(name) + "no such thing here = at all ?\n", *where)
        r = h.check()
        check(f"a {name} with a wrong line is not accepted", r.returncode == 75 and name.encode() in r.stdout + r.stderr, r)
        h.put(name, sample(name), *where)
    alice = h.deliver(sample("forward"))
    check("the command of the sample .forward file delivers", alice.returncode == 0 and
          len(messages(h.mailbox("example.org", "alice"))) == 1, alice)
    switches(h)


def defaults():
    """domain.conf has every setting of a domain, user.conf what a user alone may have and the switches of both."""
    for name, column, all_of in ("domain.conf", 0, lambda s: s[0]), ("user.conf", 1, lambda s: s[1] and not s[0]):
        said, known = settings(sample(name)), mail_settings()
        equal(f"{name} states defaults", said, {k: known[k][2] for k in said if k in known and known[k][column]})
        equal(f"{name} leaves nothing out", {k for k, s in known.items() if all_of(s)} - set(said), set())


def switches(h):
    """What stands as a comment in domain.conf and user.conf is a default, and can be said."""
    for name, where in (("domain.conf", ("example.org", "domain.conf")), ("user.conf", ("example.org", "users", "bob.miller"))):
        h.put(where[-1], uncommented(sample(name)), *where[:-1])
        before = h.keys("virtual")
        r = h.check()
        h.maps()
        equal(f"every line of {name} taken in is accepted, and changes nothing",
              (r.returncode, r.stdout + r.stderr, h.keys("virtual")), (0, b"", before))


def worked_example():
    h = Domains("w")
    h.make("kvt.dk", sample("kvt.dk/etc/virtual/kvt.dk/passwd"))
    h.put("domains", sample("kvt.dk/etc/virtual/domains"))
    r = h.check()
    equal("the worked example is accepted", (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    h.maps()
    equal("its keys are those of the two users and of the host", sorted(h.keys("virtual")),
          ["abc@kvt.dk", "abuse@kvt.dk", "kvt@kvt.dk", "postmaster@kvt.dk"])
    places = {"abc": os.path.join(h.spool, "kvt.dk", "abc"), "kvt": os.path.join(h.owner.pw_dir, "Mail", "mailbox")}
    for user, path in places.items():
        r = h.deliver(sample(f"kvt.dk/home/kvt_dk/.forward+{user}--kvt.dk"))
        stored = messages(read(path))
        check(f"mail for {user}@kvt.dk lands in {os.path.basename(os.path.dirname(path))}/{os.path.basename(path)}",
              r.returncode == 0 and len(stored) == 1 and stored[0].endswith(b"\n\nhello\n"), (r, stored))
        contains(f"and says for whom it is: {user}", stored[0] if stored else b"", f"\nDelivered-To: {user}@kvt.dk\n".encode())


def verified(h):
    """What systemd says of the units, with our program in its place."""
    units = {n: sample(n).replace("/usr/local/sbin", h.bin) for n in ("postfix-virtual-nightly.service", "postfix-virtual-nightly.timer")}
    equal("systemd finds nothing in the units", verify(h.path("units"), units), (0, b""))
    r = run(["/usr/bin/systemd-analyze", "calendar", dict(settings_of(sample("postfix-virtual-nightly.timer")))["OnCalendar"]])
    check("the timer's time is one", r.returncode == 0 and b"03:30:00" in r.stdout, r)


def shut_in(h, service, command):
    """Run it with the service's capabilities only, where nothing but the service's folders can be written to."""
    places = {"/etc/virtual": h.etc, "/home": h.path("home"), "/var/lib/virtual": h.path("state"), "/var/spool/virtual": h.spool,
              "/var/spool/postfix": h.postfix.queue, "/var/lib/postfix": os.path.join(h.top, "data")}
    paths = dict(service)["ReadWritePaths"].split()
    equal("the service names the folders that it writes to", [p for p in paths if p.lstrip("-") not in places], [])
    # RuntimeDirectory= makes the last.
    writable = [places[p.lstrip("-")] for p in paths] + [h.path("run")]
    caps = dict(service)["CapabilityBoundingSet"].lower().replace("cap_", "").split()
    script = "".join(f"mount --bind {p} {p} && " for p in writable if os.path.isdir(p))
    tops = sorted({"/", *[l.split()[1] for l in read("/proc/mounts").decode().splitlines() if h.top.startswith(l.split()[1].rstrip("/") + "/")]})
    script += "".join(f"mount -o remount,ro,bind {t} && " for t in tops)
    script += f"! touch {h.top}/outside 2>/dev/null && exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,{','.join('+' + c for c in caps)} "
    return run(["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script + " ".join(command)])


def nightly():
    """The units and the cron line; and that the service's restrictions leave nightly all that it needs."""
    h = Domains("n")
    verified(h)
    service = settings_of(sample("postfix-virtual-nightly.service"))
    command = dict(service)["ExecStart"]
    cron = [l for l in sample("cron").splitlines() if l and not l.startswith("#")]
    check("the cron line is one, for root, with the same command", len(cron) == 1 and
          re.fullmatch(r"\d+ \d+ \* \* \* root " + re.escape(command), cron[0]), cron)
    h.must_admin("domain", "add", "kvt.dk", "--account", h.owner.pw_name)
    h.must_admin("domain", "add", "gone.dk", "--account", h.owner.pw_name)
    h.must_admin("user", "add", "abc@kvt.dk", "--random")
    # Begun and killed: moving a domain to the trash is what needs most.
    r = run(["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL:when=2",
             f"{h.bin}/postfix-virtual", "-c", h.etc, "domain", "delete", "gone.dk", "--yes"])
    check("a change is begun", r.returncode != 0 and os.listdir(h.path("state", "pending")), r)
    old = f"{h.spool}/kvt.dk/.trash/abc.20250101T000000Z"
    os.mkdir(os.path.dirname(old), 0o700)
    os.chown(os.path.dirname(old), h.owner.pw_uid, h.owner.pw_gid)
    write(old, "x", 0o600, h.owner)
    rooted = f"{h.etc}/.trash/old.dk.20250101T000000Z"
    os.mkdir(rooted, 0o700)
    write(f"{rooted}/passwd", "x", 0o600, h.owner)
    os.chown(rooted, h.owner.pw_uid, h.owner.pw_gid)
    with open(f"{h.etc}/kvt.dk/passwd", "a", encoding="utf-8") as f:
        f.write(f"hand:*:{h.owner.pw_uid}:{h.owner.pw_gid}:by hand:.:\n")
    h.start()
    r = shut_in(h, service, [f"{h.bin}/postfix-virtual", "-c", h.etc, *command.split()[1:]])
    check("shut in as the service is, nightly does its work", r.returncode == 0 and not r.stdout and b"finished what was interrupted" in r.stderr
          and r.stderr.count(b"\n") == r.stderr.count(b".trash") + 1, r)
    equal("all of it", (os.path.exists(old), os.path.exists(rooted), os.path.exists(f"{h.spool}/gone.dk"), os.listdir(h.path("state", "pending"))),
          (False, False, False, []))
    contains("the tables too", run(["/usr/sbin/postmap", "-c", h.postfix.config, "-q", "hand@kvt.dk", f"lmdb:{h.map_folder}/virtual"]).stdout,
             b"+hand--kvt.dk")


def main():
    nightly()
    virtual_conf()
    defaults()
    domain_files()
    worked_example()
    there = {os.path.relpath(os.path.join(top, n), SAMPLES) for top, _, names in os.walk(SAMPLES) for n in names}
    equal("there is no sample that no test loads", there - ELSEWHERE, used)
    must(["grep", "-rqF", "use_samples", os.path.join(TOP, "t", "postfix")])
    done()


main()
