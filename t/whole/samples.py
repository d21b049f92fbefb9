#!/usr/bin/env python3
"""Every file in samples/ is taken by our programs, does what its comments say, and states true defaults.

samples/main.cf and master.cf are loaded by the tests in t/postfix.
"""
import json
import os
import re
import shlex
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import MESSAGE, House, messages  # noqa: E402
from scratch import BUILD, TOP, folder, must, read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

SAMPLES = os.path.join(TOP, "samples")
ELSEWHERE = {"main.cf", "master.cf"}
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
    files = {"domains": (), "host-addresses": (), "domain.conf": ("example.org",), "virtual": ("example.edu",)}
    for name, where in files.items():
        h.put(name, sample(name), *where)
    h.put("bob.miller", sample("user.conf"), "example.org", "users")
    r = h.check()
    equal("passwd, domains, host-addresses, domain.conf and user.conf are accepted together",
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


def main():
    virtual_conf()
    domain_files()
    worked_example()
    there = {os.path.relpath(os.path.join(top, n), SAMPLES) for top, _, names in os.walk(SAMPLES) for n in names}
    equal("there is no sample that no test loads", there - ELSEWHERE, used)
    must(["grep", "-rqF", "use_samples", os.path.join(TOP, "t", "postfix")])
    done()


main()
