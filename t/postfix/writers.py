#!/usr/bin/python3
"""Eight writers at once, by command and by editor, and clients beside them: no key is lost, nobody whose address stays
is refused at any time, a new user is taken at once in a session that was open before, below the domain too, and in the end
files and tables hold what the model says.
"""
import os
import random
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import smtp  # noqa: E402
from house import HASH, House  # noqa: E402
from scratch import CLEAN_ENV, run, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

SHARED = ("one.dk", "two.dk", "three.dk")  # every writer of users changes these; all have sub-domains
ROUNDS = 14                                # changes of each writer
LIMITS = ("smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000000\nsmtpd_soft_error_limit = 1000000\n"
          "smtpd_recipient_limit = 1000000\n")


class Session:
    """An SMTP session that asks about recipients and never sends."""

    def __init__(self, port):
        self.dialogue = smtp.Dialogue(port)
        self.dialogue.command("MAIL FROM:<s@example.org>")

    def asks(self, recipient):
        return self.dialogue.command(f"RCPT TO:<{recipient}>")[:3]


class Stage:
    def __init__(self, seed):
        h = self.h = House(LIMITS)
        self.seed, self.problems, self.stop, self.hung = seed, [], threading.Event(), threading.Event()
        a, b = h.account("a"), h.account("b")
        self.accounts = {"one.dk": a, "two.dk": b, "three.dk": a, "hand.dk": b, "switch.dk": a, "calm.dk": b}
        h.use_samples()
        for domain, account in self.accounts.items():
            h.must_admin("domain", "add", domain, "--account", account.pw_name)
            h.must_admin("user", "add", f"stays@{domain}", "--hash", HASH)
        # By hand, and before Postfix runs: five reloads would take 10 s each.
        write(os.path.join(h.etc, "domains"), "".join(f"{d} account={a.pw_name} sub_domains={'no' if d == 'switch.dk' else 'yes'}\n"
                                                      for d, a in self.accounts.items()))
        h.maps()
        h.start()
        self.users = {d: {"stays"} for d in self.accounts}  # who should get mail in the end
        self.lock = threading.Lock()

    def wrong(self, text):
        with self.lock:
            self.problems.append(text)

    def command(self, *args):
        if self.hung.is_set():  # the first one that hangs says enough
            return False
        try:
            r = self.h.admin(*args)
        except subprocess.TimeoutExpired:
            self.hung.set()
            return self.wrong(f"{' '.join(args)}: hangs")
        if r.returncode != 0:
            self.wrong(f"{' '.join(args)}: exit {r.returncode} {r.stderr.decode()}")
        return r.returncode == 0

    def maps(self, *args):
        if self.hung.is_set():
            return
        try:
            r = run([f"{self.h.bin}/make-postfix-maps", "-c", self.h.etc, *args])
        except subprocess.TimeoutExpired:
            self.hung.set()
            self.wrong(f"make-postfix-maps {' '.join(args)}: hangs")
            return
        if r.returncode != 0 or r.stderr:
            self.wrong(f"make-postfix-maps {' '.join(args)}: exit {r.returncode} {r.stderr.decode()}")


# --- the writers ---

def users_by_command(stage, number):
    """Add, rename, disable, enable and delete users of one's own, and ask about each at once."""
    r, session = random.Random(stage.seed + number), Session(stage.h.postfix.port)
    mine = {d: set() for d in SHARED}

    def ask(domain, user, want):
        for recipient in (f"{user}@{domain}", f"{user}+t@{domain}", f"{user}@sub.{domain}", f"{user}+t@a.b.{domain}"):
            got = session.asks(recipient)
            if got != want:
                stage.wrong(f"writer {number}: {recipient} got {got}, not {want}")

    for i in range(ROUNDS):
        domain = r.choice(SHARED)
        name = f"w{number}-{i}"
        if stage.command("user", "add", f"{name}@{domain}", "--hash", HASH):
            ask(domain, name, "250")
        what = r.choice(["stay", "rename", "disable", "again", "delete"])
        if what == "rename" and stage.command("user", "rename", f"{name}@{domain}", f"{name}.later@{domain}"):
            ask(domain, name, "550")
            ask(domain, name + ".later", "250")
            name += ".later"
        elif what in ("disable", "again") and stage.command("user", "disable", f"{name}@{domain}"):
            ask(domain, name, "550")
            if what == "again" and stage.command("user", "enable", f"{name}@{domain}"):
                ask(domain, name, "250")
        elif what == "delete" and stage.command("user", "delete", f"{name}@{domain}", "--yes"):
            ask(domain, name, "550")
        if what not in ("disable", "delete"):
            mine[domain].add(name)
    with stage.lock:
        for domain, names in mine.items():
            stage.users[domain] |= names


def users_by_editor(stage):
    """passwd replaced by hand, with a run for this domain after each."""
    account, path = stage.accounts["hand.dk"], os.path.join(stage.h.etc, "hand.dk", "passwd")
    for i in range(ROUNDS):
        users = {"stays"} | {f"hand{n}" for n in range(i, i + 4)}
        text = "".join(f"{u}:*:{account.pw_uid}:{account.pw_gid}:{u}::\n" for u in sorted(users))
        write(path + ".mine", text, 0o600, account)
        os.rename(path + ".mine", path)
        stage.maps("hand.dk")
    with stage.lock:
        stage.users["hand.dk"] = users


def whole_runs(stage):
    """make-postfix-maps for all, or for some."""
    r = random.Random(stage.seed)
    for _ in range(ROUNDS):
        stage.maps(*r.choice([[], [], ["one.dk"], ["two.dk", "calm.dk"], ["switch.dk"], ["--check"]]))


def sub_domains(stage):
    """Sub-domains of switch.dk on and off. Each waits for its reload."""
    for value in ("yes", "no"):
        if stage.command("domain", "set", "switch.dk", f"sub_domains={value}"):
            want = {"yes": "250", "no": "454"}[value]
            fresh = f"stays@s{time.monotonic_ns()}.switch.dk"  # one that no smtpd has been asked about
            got = Session(stage.h.postfix.port).asks(fresh)
            if got != want:
                stage.wrong(f"after sub_domains={value}, a new session: {fresh} got {got}, not {want}")


# --- the readers ---

STABLE = {f"stays@{d}": "250" for d in ("one.dk", "two.dk", "three.dk", "hand.dk", "switch.dk", "calm.dk")}
STABLE |= {f"stays+t@y.z.{d}": "250" for d in ("one.dk", "two.dk", "three.dk", "hand.dk", "calm.dk")}
STABLE |= {f"postmaster@a.{d}": "250" for d in SHARED}
STABLE |= {f"nosuch@{d}": "550" for d in SHARED} | {f"nosuch@s.{d}": "550" for d in SHARED}
STABLE |= {"stays@xone.dk": "454", '"stays "@one.dk': "550", '"stays"@s.one.dk': "250", '"stays "@s.one.dk': "550", "stays%x@one.dk": "454"}


def client(stage, asked, length):
    """Ask for addresses that nobody changes, in sessions of `length` rounds (None: one for all the time)."""
    session, rounds = Session(stage.h.postfix.port), 0
    while not stage.stop.is_set():
        for recipient, want in STABLE.items():
            got = session.asks(recipient)
            asked.append(1)
            if got != want:
                stage.wrong(f"a client that changes nothing: {recipient} got {got}, not {want}")
        rounds += 1
        stage.stop.wait(0.02)  # the machine is the writers'
        if length and rounds % length == 0:
            session.dialogue.close()
            session = Session(stage.h.postfix.port)
    session.dialogue.close()


def lookups(stage, asked):
    """postmap on the tables, again and again."""
    table, folder = "lmdb:{m}/virtual", stage.h.map_folder
    pipe = "pipemap:{{pcre:{m}/virtual_regexp,lmdb:{m}/virtual}}"
    wants = {a: w == "250" for a, w in STABLE.items() if "+" not in a and '"' not in a and "%" not in a}
    while not stage.stop.is_set():
        for name, below in ((table, False), (pipe, True)):
            keys = [a for a in wants if (a.partition("@")[2].count(".") > 1) == below]
            r = subprocess.run(["/usr/sbin/postmap", "-c", stage.h.postfix.config, "-q", "-", name.format(m=folder)], check=False,
                               input="".join(k + "\n" for k in keys).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN_ENV)
            found = {line.split("\t")[0] for line in r.stdout.decode().splitlines()}
            asked.append(len(keys))
            if found != {k for k in keys if wants[k]} or r.stderr:
                stage.wrong(f"postmap -q in {name[:7]}: {found ^ {k for k in keys if wants[k]}} {r.stderr.decode()}")


# --- the end ---

def keys_of(stage, table):
    r = run(["/usr/sbin/postmap", "-c", stage.h.postfix.config, "-s", f"lmdb:{stage.h.map_folder}/{table}"])
    return dict(line.split("\t", 1) for line in r.stdout.decode().splitlines())


def expected_keys(stage):
    keys = {}
    for domain, account in stage.accounts.items():
        keys |= {f"{u}@{domain}": f"{account.pw_name}+{u}--{domain}@virtual.invalid" for u in stage.users[domain]}
        keys |= {f"{name}@{domain}": "postmaster" for name in ("postmaster", "abuse")}
    return keys


def end_state(stage):
    h = stage.h
    equal("in the end every user has his key, and nobody else has one", keys_of(stage, "virtual"), expected_keys(stage))
    equal("and every domain", sorted(keys_of(stage, "virtual_domains")), sorted(stage.accounts))
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "-n"])
    equal("a run for all would change nothing", (r.returncode, r.stdout, r.stderr), (0, b"", b""))
    equal("no change is left open", os.listdir(os.path.join(h.path("state"), "pending")), [])
    known = {"virtual", "virtual_domains", "virtual_regexp", "virtual.lmdb", "virtual_domains.lmdb"}
    left = [n for n in os.listdir(h.map_folder) if n not in known and n.startswith(".") and "new" in n]
    equal("no half-written table lies about", left, [])
    session = Session(h.postfix.port)
    wrong = [a for a in expected_keys(stage) if session.asks(a) != "250" or session.asks(a.replace("@", "@below.")) != ("454" if "switch" in a else "250")]
    equal("every address is taken, at its domain and, but for the one where that was switched off, below", wrong, [])


def main():
    seed = int(os.environ.get("PV_SEED", time.time_ns() % 1000000))
    note(f"seed {seed}")
    stage = Stage(seed)
    asked, looked = [], []
    readers = [threading.Thread(target=client, args=(stage, asked, length)) for length in (None, 3)]
    readers += [threading.Thread(target=lookups, args=(stage, looked))]
    writers = [threading.Thread(target=users_by_command, args=(stage, n)) for n in range(5)]
    writers += [threading.Thread(target=work, args=(stage,)) for work in (users_by_editor, whole_runs, sub_domains)]
    begun = time.monotonic()
    for t in readers + writers:
        t.start()
    for t in writers:
        t.join()
    note(f"{len(writers)} writers took {time.monotonic() - begun:.1f} s, {len(asked)} questions by SMTP and {sum(looked)} by postmap meanwhile")
    stage.stop.set()
    for t in readers:
        t.join()
    check("eight writers at once, and nobody ever hears a wrong answer", not stage.problems, "\n".join(stage.problems[:30]))
    check("the readers asked often meanwhile", len(asked) > 300 and sum(looked) > 100, (len(asked), sum(looked)))
    end_state(stage)
    # A reload ends a daemon that somebody was just talking to; Postfix asks again.
    complaints = stage.h.postfix.log_lines(": warning: ") + stage.h.postfix.log_lines(": fatal: ")
    equal("Postfix has nothing to complain about", [l for l in complaints if "problem talking to service" not in l], [])
    done()


main()
