#!/usr/bin/python3
"""postfix-virtual setup and setup --undo on a host that has mail of its own: all of that behaves the same
before, after, and after undo; and main.cf and master.cf are what they were.
"""
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import smtp  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402
from house import House  # noqa: E402
from postfix import free_port  # noqa: E402
from scratch import must, read, write  # noqa: E402

INSIDE, OUTSIDE = "127.0.0.2", "127.0.0.1"  # mynetworks holds the first one only

# What both hosts have: a hand-made `virtual` with two domains, a relay domain with its own transport, submission.
MAIN = """\
virtual_alias_maps = hash:{top}/postfix/virtual
relay_domains = relayed.example
transport_maps = inline:{{relayed.example=discard:}}
"""
SUBMISSION = """\
127.0.0.1:{port} inet n - y - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_recipient_restrictions=
"""
VIRTUAL = """\
one.example      anything
info@one.example {one}
two.example      anything
@two.example     {two}
away@two.example someone@outside.example
"""
# A parameter that stands twice makes Postfix's programs warn, and nothing else.
HOSTS = [
    ("home_mailbox", "home_mailbox = Elsewhere\nhome_mailbox = Mailbox\n", ""),
    ("mailbox_transport", "mailbox_transport = boxes:\nvirtual_alias_domains = one.example two.example\nrecipient_delimiter =\n",
     "boxes unix - n n - - pipe\n  flags=FRODX user={one} argv=/usr/bin/tee -a {top}/boxes/${{user}}\n"),
]

# client, port, recipient: every road that mail takes through this host
PROBES = [(client, port, recipient)
          for client in (OUTSIDE, INSIDE) for port in ("smtp", "submission")
          for recipient in (
              "{one}@localhost", "{one}+tag@mail.example.net", "nosuch@localhost", "postmaster@mail.example.net",
              "info@one.example", "info+tag@one.example", "nosuch@one.example", "any@two.example", "away@two.example",
              "x@relayed.example", "someone@outside.example", "x@kvt.dk", "{one}%x@localhost")]
# virtual.invalid is a name of ours (RFC 2606 keeps it free), which no outsider may use.
PROBES.append((OUTSIDE, "smtp", "{one}+abc--kvt.dk@virtual.invalid"))
PLAIN_MESSAGE = "Subject: {mark}\nMessage-ID: <{mark}@example.org>\n\nbody\n"


class Host:
    def __init__(self, name, main_cf, master_cf):
        self.name, self.house = name, House("")
        h = self.house
        self.one, self.two = h.account("one"), h.account("two")
        words = {"one": self.one.pw_name, "two": self.two.pw_name, "top": h.top}
        self.words = words
        self.ports = {"smtp": h.postfix.port, "submission": free_port()}
        h.postfix.append("main.cf", MAIN.format(**words) + main_cf)
        h.postfix.set(default_transport="discard:")
        h.postfix.append("master.cf", SUBMISSION.format(port=self.ports["submission"]) + master_cf.format(**words))
        write(h.path("postfix", "virtual"), VIRTUAL.format(**words))
        write(h.path("postfix", "aliases"), f"postmaster {self.one.pw_name}\n")
        must(["/usr/sbin/postmap", "-c", h.postfix.config, "hash:" + h.path("postfix", "virtual")])
        os.mkdir(h.path("boxes"))
        os.chown(h.path("boxes"), self.one.pw_uid, self.one.pw_gid)
        h.start()

    def settings(self):
        """main.cf and master.cf as Postfix reads them: what is set, every service, every -o."""
        return [self.house.postfix.postconf(option) for option in ("-n", "-M", "-P")]

    def files(self):
        return [read(os.path.join(self.house.postfix.config, n)) for n in ("main.cf", "master.cf")]

    def probe(self, stage):
        """Send every probe; returns {probe: (answers, where the mail went and what became of it)}."""
        answers = {}
        for number, (client, port, recipient) in enumerate(PROBES):
            mark = f"{stage}-{number}"
            rcpt, last, _ = self.send(port, recipient, PLAIN_MESSAGE.format(mark=mark), client)
            answers[PROBES[number]] = (mark, rcpt, last[:3])
        check(f"{self.name}, {stage}: the queue runs empty", self.house.postfix.wait_empty(60), self.house.postfix.log())
        mail = self.mail()
        return {p: (rcpt, last, self.fate(mark), sorted(path for path, text in mail.items() if f"<{mark}@".encode() in text))
                for p, (mark, rcpt, last) in answers.items()}

    def send(self, port, recipient, message, client=OUTSIDE):
        rcpt, last, lines = smtp.send(self.ports[port], recipient.format(**self.words), message.encode(), source=client)
        return rcpt[0], last, lines

    def mail(self):
        boxes = {os.path.join("boxes", n): read(self.house.path("boxes", n)) for n in os.listdir(self.house.path("boxes"))}
        return dict(self.house.all_mail(), **boxes)

    def fate(self, mark):
        """Postfix's own words about each recipient of a message, without what differs from run to run."""
        log = self.house.postfix.log_lines
        ids = [l.split(": ")[1] for l in log(f"message-id=<{mark}@example.org>")]
        lines = [l for i in ids for l in log(f"]: {i}: to=")]
        # delays, and what the command of `boxes` printed
        return sorted(re.sub(r"delays?=[^ ]* |(?<=boxes service )\(.*", "", l.split(": ", 2)[2]) for l in lines)


def same(host, sentence, got, want):
    """One line for each probe, so that a failing one is named."""
    for probe in PROBES:
        client = "an inside" if probe[0] == INSIDE else "an outside"
        to = probe[2].format(one="ACCOUNT")
        equal(f"{host.name}: {to} from {client} client by {probe[1]} is {sentence}", got[probe], want[probe])


def probes_say_something(host, probes):
    """The table itself is worth something: all kinds of ends are in it."""
    seen = " ".join(f"{rcpt} {' '.join(fate)} {' '.join(paths)}" for rcpt, _, fate, paths in probes.values())
    local = "/Mailbox" if host.name == "home_mailbox" else "boxes/"
    for part in ("250 2.1.5", "550 5.1.1", "454 4.7.1", "554 5.7.1", "status=sent (outside.example)", local):
        contains(f"{host.name}: the probes see {part}", seen, part)


def dry_run(host):
    before, settings = host.files(), host.settings()
    r = host.house.admin("setup", "-n")
    equal(f"{host.name}: setup -n works", (r.returncode, r.stderr), (0, b""))
    contains(f"{host.name}: setup -n shows the service", r.stdout, b"vlocal")
    contains(f"{host.name}: setup -n shows the maps", r.stdout, b"virtual_alias_maps")
    equal(f"{host.name}: setup -n changes nothing", (host.files(), host.settings()), (before, settings))
    check(f"{host.name}: setup -n makes no folder", not os.path.exists(host.house.map_folder))


def only_words_added(host, before, after):
    """Every value that stood in main.cf still stands in it, whole; every service is as it was."""
    old, new = (dict(l.partition(" = ")[::2] for l in text[0].splitlines()) for text in (before, after))
    for name, value in old.items():
        check(f"{host.name}: setup keeps {name}", value in new.get(name, ""), f"{value}\nis not in\n{new.get(name)}")
    gone = set(before[1].splitlines()) - set(after[1].splitlines())
    equal(f"{host.name}: setup keeps every service", gone, set())
    added = [l.split()[0] for l in after[1].splitlines() if l not in before[1].splitlines() and not l.startswith(" ")]
    equal(f"{host.name}: setup adds one service", added, ["vlocal"])
    extra = set(new) - set(old)
    allowed = {"virtual_alias_domains", "vlocal_destination_recipient_limit", "vlocal_destination_concurrency_limit"}
    check(f"{host.name}: setup sets nothing else", extra <= allowed, extra - allowed)


def samples_agree(host):
    """samples/main.cf and samples/master.cf, as Postfix reads them, are what setup does."""
    h = host.house
    os.makedirs(h.path("samples"), exist_ok=True)
    for name in ("main.cf", "master.cf"):
        write(h.path("samples", name), h.sample(name))
    sample = lambda option: must(["/usr/sbin/postconf", "-c", h.path("samples"), option]).splitlines()
    services = [l for l in h.postfix.postconf("-P").splitlines() if l.startswith("vlocal/")]
    equal(f"{host.name}: samples/master.cf has the service that setup adds", services, sample("-P"))
    for name, words in (l.split(" = ", 1) for l in sample("-n") if not l.startswith("config_directory")):
        contains(f"{host.name}: samples/main.cf has the words of setup for {name}", h.postfix.value(name), words)


def our_mail_works(host):
    """A domain and a user by command, mail to it, an unknown user refused, without restarting Postfix."""
    h = host.house
    owner = h.account("dom")
    h.must_admin("domain", "add", "kvt.dk", "--account", owner.pw_name)
    h.must_admin("user", "add", "abc@kvt.dk", "--random")
    rcpt, last, _ = host.send("smtp", "abc@kvt.dk", PLAIN_MESSAGE.format(mark="ours"))
    h.postfix.wait_empty()
    check(f"{host.name}: mail to the new user is taken", rcpt.startswith("250") and last.startswith("250"), rcpt + last)
    contains(f"{host.name}: it stands in the mailbox", h.mailbox("kvt.dk", "abc"), b"\nSubject: ours\n")
    rcpt, _, _ = host.send("smtp", "nosuch@kvt.dk", "x\n")
    check(f"{host.name}: an unknown user is refused at RCPT", rcpt.startswith("550 5.1.1"), rcpt)


def round_trip(host):
    h = host.house
    settings = host.settings()
    before = host.probe("before")
    probes_say_something(host, before)
    dry_run(host)
    out = h.must_admin("setup", "--yes")
    note(out)
    time.sleep(0.5)  # setup reloads Postfix; a process that is still the old one may take one more client
    after_setup = host.settings()
    only_words_added(host, settings, after_setup)
    same(host, "as before setup", drop_stage(host.probe("after")), drop_stage(before))
    samples_agree(host)
    r = h.admin("setup", "--yes")
    equal(f"{host.name}: setup once more works", r.returncode, 0)
    equal(f"{host.name}: and changes nothing", host.settings(), after_setup)
    our_mail_works(host)
    undo(host, settings, before)


def undo(host, settings, before):
    h = host.house
    h.must_admin("setup", "--undo", "--yes")
    time.sleep(0.5)
    equal(f"{host.name}: after undo main.cf and master.cf are as before", host.settings(), settings)
    same(host, "as before, after undo", drop_stage(host.probe("undone")), drop_stage(before))
    rcpt, _, _ = host.send("smtp", "abc@kvt.dk", "x\n")
    check(f"{host.name}: after undo kvt.dk is nobody's", rcpt.startswith("454"), rcpt)
    r = h.admin("setup", "--undo", "--yes")
    equal(f"{host.name}: undo once more works", r.returncode, 0)
    equal(f"{host.name}: and changes nothing", host.settings(), settings)


def undo_after_edits(host):
    """The administrator changed the lines since: undo takes our words and leaves theirs."""
    h = host.house
    h.must_admin("setup", "--yes")
    own = "inline:{{hand@two.example={one}}}".format(**host.words)
    h.postfix.set(virtual_alias_maps=own + ", " + h.postfix.value("virtual_alias_maps"),
                  transport_maps=h.postfix.value("transport_maps") + ", inline:{later.example=discard:}")
    h.must_admin("setup", "--undo", "--yes")
    squeeze = lambda name: re.sub(r"[\s,]+", " ", h.postfix.value(name)).strip()
    equal(f"{host.name}: undo keeps a word added since in front", squeeze("virtual_alias_maps"),
          f"{own} hash:{h.path('postfix', 'virtual')}")
    equal(f"{host.name}: undo keeps a word added since behind", squeeze("transport_maps"),
          "inline:{relayed.example=discard:} inline:{later.example=discard:}")
    check(f"{host.name}: undo leaves none of ours", "vlocal" not in "".join(host.settings()), host.settings())


def drop_stage(probes):
    return {p: (rcpt, last, fate, paths) for p, (rcpt, last, fate, paths) in probes.items()}


def refuses_without_yes(host):
    before = host.settings()
    r = host.house.admin("setup")
    check(f"{host.name}: setup without a terminal and without --yes is refused", r.returncode != 0 and r.stderr, r)
    equal(f"{host.name}: and changes nothing", host.settings(), before)


def main():
    for name, main_cf, master_cf in HOSTS:
        host = Host(name, main_cf, master_cf)
        refuses_without_yes(host)
        round_trip(host)
        undo_after_edits(host)
        host.house.postfix.stop()
    done()


main()
