#!/usr/bin/python3
"""Real Postfix, an outside client, more than 20,000 addresses in and below every kind of domain: the answer to RCPT and the mailbox
in which the mail ends are what a small model in Python (t/lib/expected.py) says, which shares nothing with the programs.

The random addresses come from a seed, which is printed; PV_SEED repeats a run.
"""
import os
import random
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import smtp  # noqa: E402
from expected import Domain, World, take_apart  # noqa: E402
from house import House, messages  # noqa: E402
from scratch import write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

AT_LEAST = 21000   # addresses asked about
SENT = 320         # accepted ones that mail is sent to
TOGETHER = 5       # recipients of one message
WINDOW = 100       # RCPT commands on the way at once

U64, L63 = "u" * 64, "l" * 63
LONG = f"{'m' * 63}.{'n' * 63}.{'o' * 61}.dk"  # with a user of 52 letters the 246 bytes that a file's name has room for
IDN = "xn--blbr-roah.dk"


def spool(domain, *users):
    return {u: f"spool/{domain}/{u}" for u in users}


# Pattern aliases as an account writes them, and the same for the model.
SALES = ("/^sales-([a-z0-9]+)$/: sales", r"sales-([a-z0-9]+)", "sales")
TEAM = ("/^team-(x|y)-[0-9]{1,3}$/: team", r"team-(x|y)-[0-9]{1,3}", "team")
TO = ("/^to-([a-z]+)-(now|later)$/: ${1}", r"to-([a-z]+)-(now|later)", r"\1")
GONE = ("/^gone-.+$/: nosuch", r"gone-[a-z0-9._-]+", "nosuch")
OFF = ("/^off-[a-z]+$/: off", r"off-[a-z]+", "off")


# Aliases whose names are no user's.
RICH = {"o'c": "abc", "bl\u00e5b\u00e6r": "abc", "abc+vip": "abc", "news+x": "abc", "a$=c{}": "abc"}


def aliases(domain, **names):
    """name → (targets, mailboxes), all of users of the domain."""
    return {name: (targets, tuple(f"spool/{domain}/{t}" for t in targets.split(", "))) for name, targets in names.items()}


def all_domains(homes, host):
    """Every kind of domain: [(Domain, account)]; an alias has no account. homes: account → where the mail of a user of its home lies;
    host: the same for the host's postmaster, and his name."""
    first = spool("kvt.dk", "abc", "kvt", "sales", "sales-7", "team", "ss", "a--b", "x_y", "0", "u.v", "a-", "_", U64)
    name, box = host
    return [
        # sub-domains and patterns, and the same account's second and third one
        (Domain("kvt.dk", first | {"athome": homes["a"]}, off=["off"], sub_domains=True, patterns=[SALES, TEAM, TO, GONE, OFF],
                aliases=aliases("kvt.dk", info="abc", list="abc, kvt", kvt="kvt", **RICH), expired=["old", "abc+old", "x'y"]), "a"),
        (Domain("plain.dk", spool("plain.dk", "abc", "kvt", "sales", "postmaster"), off=["off"]), "a"),
        (Domain("second.dk", spool("second.dk", "abc", "only2")), "a"),
        # domains inside another, and below one that is not there
        (Domain("shop.kvt.dk", spool("shop.kvt.dk", "me", "sales"), sub_domains=True), "b"),
        (Domain("inner.kvt.dk", spool("inner.kvt.dk", "abc", "inner")), "b"),
        (Domain("deep.x.kvt.dk", spool("deep.x.kvt.dk", "abc", "deep")), "a"),
        (Domain("in.plain.dk", spool("in.plain.dk", "abc", "in"), sub_domains=True), "b"),
        # names that look alike
        (Domain("xkvt.dk", spool("xkvt.dk", "abc", "other"), sub_domains=True), "b"),
        (Domain("kvt.dk.com", spool("kvt.dk.com", "abc", "com")), "b"),
        # other names, with what lies inside them
        (Domain("kvt.org", alias_of="kvt.dk"), None),
        (Domain("plain.org", alias_of="plain.dk"), None),
        (Domain("al.kvt.dk", alias_of="shop.kvt.dk"), None),
        (Domain("in.kvt.org", spool("in.kvt.org", "abc", "inorg")), "b"),
        # a fallback, without and with sub-domains and patterns
        (Domain("catch.dk", spool("catch.dk", "all", "real", "abc"), fallback="all", off=["off"], full_names=True,
                aliases=aliases("catch.dk", info="abc", list="abc, real", **RICH), expired=["old", "abc+old", "x'y"]), "b"),
        (Domain("catch.org", alias_of="catch.dk"), None),
        (Domain("wild.dk", spool("wild.dk", "all", "real", "sales"), fallback="every", sub_domains=True, patterns=[SALES, GONE],
                off=["off"], aliases=aliases("wild.dk", every="all, real")), "b"),
        # other fallbacks, full names, responders, a domain that takes no mail
        (Domain("delete.dk", spool("delete.dk", "abc"), fallback="delete", sub_domains=True), "a"),
        (Domain("same.dk", spool("same.dk", "abc"), fallback="@kvt.dk"), "a"),
        (Domain("command.dk", spool("command.dk", "abc"), fallback="|/bin/true %u"), "a"),
        (Domain("unknown.dk", spool("unknown.dk", "abc"), settings="unknown_to = postmaster\n"), "a"),
        (Domain("names.dk", spool("names.dk", "abc", "kvt"), off=["off"], sub_domains=True, full_names=True, responders=["auto"],
                aliases=aliases("names.dk", kvtname="abc")), "a"),
        (Domain("closed.dk", spool("closed.dk", "abc"), fallback="abc", sub_domains=True, receive=False, responders=["auto"],
                aliases=aliases("closed.dk", info="abc", **RICH)), "b"),
        # patterns alone
        (Domain("pat.dk", spool("pat.dk", "abc", "sales", "team"), patterns=[SALES, TEAM]), "a"),
        # root gave the host's addresses away
        (Domain("own.dk", spool("own.dk", "postmaster", "abuse", "me"), own=["postmaster", "abuse"], sub_domains=True), "b"),
        # names at their limits
        (Domain(f"{L63}.dk", spool(f"{L63}.dk", "abc", U64), sub_domains=True), "a"),
        (Domain(LONG, spool(LONG, "abc", "w" * 52), sub_domains=True), "b"),
        (Domain("my-1.2-x.dk", spool("my-1.2-x.dk", "abc", "b--c"), sub_domains=True), "b"),
        (Domain("4.to", spool("4.to", "abc", "1"), sub_domains=True), "a"),
        (Domain(IDN, spool(IDN, "abc", "a--b", "xn"), sub_domains=True), "a"),
        # Postfix's own kind, without and with a catch-all and sub-domains
        (Domain("std.dk", lines={"info": (name, box), "two": ("abc@second.dk, real@catch.dk", ("spool/second.dk/abc", "spool/catch.dk/real")),
                                 "chain": ("abc+x@kvt.org", ("spool/kvt.dk/abc",)), "abc": ("abc@second.dk", ("spool/second.dk/abc",))}), "a"),
        (Domain("std2.dk", lines={"info": (name, box), "": ("only2@second.dk", ("spool/second.dk/only2",))}, sub_domains=True), "b"),
        (Domain("std.org", alias_of="std.dk"), None),
    ]


# Forms of an address, with a user, its domain: odd ones, and what must not be taken for a user.
FORMS = [
    "{u}@{d}", "{U}@{D}", "{u}+tag@{d}", "{u}+@{d}", "{u}++@{d}", "{u}+a+b@{d}", "+{u}@{d}", "+@{d}", "{u}+a/b@{d}", "{u}+../x@{d}", "{u}+a..b@{d}",
    "{u}+.@{d}", "{u}+'${{x}}`@{d}", "{u}+=x=y@{d}", "{u}+%@{d}", "{u}-tag@{d}", "{u}.tag@{d}", "x{u}@{d}", "{u}x@{d}", "{u}{u}@{d}",
    '"{u}"@{d}', '"{u}+ y"@{d}', '"{u}+"@{d}', '"{u} "@{d}', '" {u}"@{d}', '"{u}\\"@{d}', '"\\{u}"@{d}', '"{u},x"@{d}', '"{u}+ x"@{d}', '""@{d}', '"+"@{d}',
    '"{u}@{d}"@{d}', '"{u}@evil.com"@{d}', '"{u}\t"@{d}', '"{u}\x01"@{d}', '"{u}\x7f"@{d}', '"{u}|x"@{d}', '"|/bin/sh"@{d}', '"/etc/passwd"@{d}', '":include:/x"@{d}',
    ".{u}@{d}", "{u}.@{d}", "a..{u}@{d}", "{u}..@{d}", "{u}$c@{d}", "o'{u}@{d}", "{u}?@{d}", "{u}*@{d}", "*@{d}", "/{u}@{d}", "../{u}@{d}", "~{u}@{d}",
    "{u}%x@{d}", "{u}%{d}@{d}", "%@{d}", "x!{u}@{d}", "{d}!{u}@{d}", "!@{d}", "{u}@x@{d}", "{u}@{d}@{d}", "@evil.com:{u}@{d}", "@{d}:{u}@{d}",
    "@a.dk,@b.dk:{u}@{d}", "{u}@{d}.", "{u}@{d}..", "{u}@.{d}", "{u}@{d}.evil.com", "{u}@evil.com.{d}", "{u}@x{d}", "{u}@-{d}", "{u}@{d}x", "{u}@{d}-", "{u}@{dash}",
    "{u}@{d} ", "{u} @{d}", "{u}@ {d}", "({u})@{d}", "{u}@{d}:25", "{u}@[{d}]", "{u}", "@{d}", "{u}\u00e9@{d}", "\u00e9{u}@{d}", "{u}+\u00e9@{d}", "{u}@\u00e9.{d}",
    "{kelvin}@{d}", "{u}@{dkelvin}", "{u}\u200b@{d}", "{u}=x@{d}", "{u}#@{d}", "owner-{u}@{d}", "{u}-request@{d}", "{u}--{d}@{d}",
    "sales-77@{d}", "Sales-7A@{d}", "sales-@{d}", "sales-7@{d}", "sales-77+x@{d}", "sales-7.7@{d}", "xsales-7@{d}", '"sales-7 7"@{d}', '"sales-77"@{d}',
    "team-x-7@{d}", "team-y-777@{d}", "team-z-7@{d}", "team-x-7777@{d}", "to-abc-now@{d}", "to-nosuch-later@{d}", "to-postmaster-now@{d}", "gone-1@{d}", "gone-a.b@{d}",
    "off@{d}", "Off+x@{d}", "info+t@{d}", "list@{d}", "LIST+a@{d}", "o'c@{d}", "O'C+x@{d}", '"o\'c"@{d}', "o'c'@{d}", "bl\u00e5b\u00e6r@{d}",
    "BL\u00c5B\u00c6R+x@{d}", "bl\u00e5baer@{d}", "abc+vip@{d}", "ABC+ViP@{d}", "abc+vip+x@{d}", "news+x@{d}", "news+y@{d}", "news@{d}", "a$=c{{}}@{d}",
    "old@{d}", "old+t@{d}", "abc+old@{d}", "x'y@{d}", "abcname@{d}", "ABCNAME+x@{d}", "kvtname@{d}", "offname@{d}", "auto@{d}", "Auto+t@{d}", "every@{d}",
    "off-x@{d}", "sales-\u00e9@{d}", "info@{d}", "two@{d}", "two+x@{d}", "chain@{d}", "INFO@{D}",
    "postmaster@{d}", "POSTMASTER+x@{d}", "abuse@{d}", "webmaster@{d}", "hostmaster@{d}", "root@{d}", "mailer-daemon@{d}", "double-bounce@{d}", "nosuch@{d}",
    "@@{d}", "anything@{d}", "{long}@{d}", "0@{d}", "_@{d}", "-{u}@{d}", '"-{u}"@{d}', "{u}+x--{d}@{d}", "{u}+--{d}@{d}", "{u}+x--second.dk@{d}", "{u}+x--catch.dk@{d}", "x--{d}@{d}", "{u}--second.dk@{d}",
    '"{u}+\\" x"@{d}', '"{u}+ --{d}"@{d}', "{u}(x)@{d}", "{u}+_@{d}", "{u}+{u}@{d}", "{u}+{long}@{d}", "{u}+{long}{long}@{d}",
    "{u}+\u00df@{d}", "{u}+\u212a@{d}", "{u}+\u00c9@{d}", "{u}+\u0130@{d}", "{u}+\U00010400@{d}", '"{u}+\u00df x"@{d}',
]
BELOW = ["{d}", "s.{d}", "y.z.{d}", "a.b.c.d.{d}", "x-1.{d}", "-x.{d}", "x-.{d}", "_x.{d}", "s..{d}", ".{d}", "xn--bcher-kva.{d}", "1.{d}", "{l}.{d}", "*.{d}"]


def forms_of(form, user, domain):
    return form.format(u=user, U=user.upper(), d=domain, D=domain.upper(), dash=domain.replace(".", "-"), long="n" * 300,
                       kelvin=user.replace("k", "\u212a").replace("ss", "\u00df"), dkelvin=domain.replace("k", "\u212a"))


def systematic(world):
    """Every form in every domain and at every name below, for a user of it."""
    for name, d in world.domains.items():
        real = world.domains[d.alias_of or name]
        users = sorted((real.lines or real.users) or {"abc": 0})
        for form in FORMS:
            yield forms_of(form, "abc" if "abc" in users else users[0], name)
        for user in users + ["off", "abc"]:
            for at in BELOW:
                where = at.format(d=name, l=L63)
                yield f"{user}@{where}"
                yield f"{user}+t@{where}"
        for at in BELOW[1:4]:
            for form in FORMS:
                yield forms_of(form, "abc" if "abc" in users else users[0], at.format(d=name))


class Near:
    """Addresses near to real ones, from a seed."""

    LETTERS = "abcdefkstuvxyz0123456789._-+'$=/?#"

    def __init__(self, world, seed):
        self.r, self.world = random.Random(seed), world
        self.names = [n for d in world.domains.values() for n in (d.lines or d.users) if n] + list(world.host)
        self.names += list(world.local) + ["off", "sales-7", "sales-a", "team-x-7", "nosuch"]
        self.places = list(world.domains) + [*world.local_domains, *world.relay_domains, *world.mailbox_domains]

    def changed(self, text):
        """One letter more, less, twice, another or in the other case."""
        at = self.r.randrange(len(text) + 1)
        letter = self.r.choice(self.LETTERS)
        return self.r.choice([text[:at] + letter + text[at:], text[:at] + text[at + 1:], text[:at] + text[at:at + 1] + text[at:],
                              text[:at] + letter + text[at + 1:], text[:at] + text[at:].upper(), text[:at].upper() + text[at:]])

    def local(self, place):
        d = self.world.domains.get(place)
        d = d and self.world.domains[d.alias_of or place]
        own = sorted(n for n in (d.lines or d.users) if n) if d else []
        text = self.r.choice(own) if own and self.r.random() < 0.6 else self.r.choice(self.names)
        for _ in range(self.r.choice([0, 0, 0, 1, 2])):
            text = self.changed(text)
        if self.r.random() < 0.3:
            text += "+" + "".join(self.r.choice(self.LETTERS) for _ in range(self.r.randrange(5)))
        if self.r.random() < 0.05:
            text += self.r.choice(["%", "!", "@"]) + self.r.choice(self.names)
        if self.r.random() < 0.08 or "@" in text or not text:
            text = '"' + self.r.choice(["", "", " ", "\\ ", "\t", "\x02"]) + text + '"'
        return text

    def domain(self):
        place = self.r.choice(self.places)
        text = place
        for _ in range(self.r.choice([0, 0, 0, 0, 1, 2, 3, 4])):
            text = self.r.choice(["a", "sub", "x-y", "0", "xn--a", "in", "shop", "kvt", "dk", "b" * 63]) + "." + text
        if self.r.random() < 0.15:
            text = self.changed(text)
        if self.r.random() < 0.03:
            text += self.r.choice([".", ".evil.com", ".dk"])
        return place, text

    def addresses(self):
        while True:
            place, domain = self.domain()
            local = self.local(place)
            if local:
                yield f"{local}@{domain}"


def words_of(d):
    """Its line in `domains`."""
    words = [f"alias_of={d.alias_of}"] if d.alias_of else []
    words += [f"own={','.join(d.own)}"] if d.own else []
    words += ["sub_domains=yes"] if d.sub_domains else []
    return words + (["postfix=yes"] if d.lines is not None else [])


def build():
    """The house with all domains made by hand, as an editor would; the model of it."""
    h = House()
    a, b, host = h.account("a"), h.account("b"), h.account("host")
    accounts = {"a": a, "b": b}
    box = (f"home/{host.pw_name}/Mailbox",)
    table = all_domains({"a": f"home/{a.pw_name}/Mail/mailbox"}, (host.pw_name, box))
    for d, account in table:
        if account:
            make_domain(h, d, accounts[account])
    registry = "".join(f"{d.name} {' '.join(words_of(d))}\n" for d, _ in table if words_of(d))
    write(h.path("etc", "domains"), registry)
    write(h.path("etc", "host-addresses"), f"postmaster postmaster\nabuse postmaster, abc@second.dk\nwebmaster {host.pw_name}\n")
    write(h.path("postfix", "aliases"), f"postmaster {host.pw_name}\n")
    world = World([d for d, _ in table], {"postmaster": box, "abuse": box + ("spool/second.dk/abc",), "webmaster": box},
                  local={host.pw_name: box, "postmaster": box}, local_domains=["mail.example.net", "host.kvt.dk"],
                  relay_domains=["relay.kvt.dk"], mailbox_domains={"boxes.kvt.dk": ["me"]})
    settings(h)
    return h, world


def make_domain(h, d, account):
    def put(text, *path):
        path = os.path.join(h.etc, d.name, *path)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        os.chown(os.path.dirname(path), account.pw_uid, account.pw_gid)
        write(path, text, 0o600, account)
    users = {u: account.pw_dir if box[0].startswith("home/") else "." for u, box in d.users.items()}
    if d.lines is not None:
        put("".join(f"{local or '@'}  {text}\n" for local, text in d.texts.items()), "virtual")
        return
    h.domain(d.name, account, users | {u: "." for u in d.off})
    fallback = f"fallback = {d.fallback}\n" if d.fallback else ""
    if d.settings or fallback:
        put(d.settings + fallback, "domain.conf")
    for user in d.off:
        put("receive = no\n", "users", user)
    text = "".join(p + "\n" for p in d.texts) + "".join(f"{name}: {targets}\n" for name, (targets, _) in d.aliases.items())
    text += "".join(f"#: expires=2001-01-01\n{name}: {next(iter(users))}\n" for name in d.expired)
    if text:
        put("# by hand\n" + text, "aliases")
    for name in d.responders:
        folder = os.path.join(h.spool, d.name, ".files")
        os.makedirs(folder, 0o700, exist_ok=True)
        os.chown(folder, account.pw_uid, account.pw_gid)
        write(os.path.join(folder, name + ".auto"), "Subject: x\n\nx\n", 0o600, account)


def settings(h):
    h.postfix.set(mydestination="$myhostname, localhost, host.kvt.dk", relay_domains="relay.kvt.dk", relay_transport="discard:",
                  virtual_mailbox_domains="boxes.kvt.dk", virtual_mailbox_maps="inline:{me@boxes.kvt.dk=x}", virtual_transport="discard:",
                  home_mailbox="Mailbox", smtpd_recipient_limit="1000000", smtpd_error_sleep_time="0", smtpd_hard_error_limit="1000000",
                  smtpd_soft_error_limit="1000000", smtpd_timeout="300s", smtpd_history_flush_threshold="1000000")
    h.must_admin("setup", "--yes")
    h.maps()


def ask(port, wires):
    """The answers to RCPT, in one session, many commands on the way at once."""
    d = smtp.Dialogue(port, timeout=120)
    d.command("MAIL FROM:<s@example.org> SMTPUTF8")
    answers = []
    for at in range(0, len(wires), WINDOW):
        part = wires[at:at + WINDOW]
        d.socket.sendall(b"".join(b"RCPT TO:<" + w + b">\r\n" for w in part))
        answers += [d._reply() for _ in part]
    d.command("RSET")
    d.close()
    return answers


def compare_answers(h, world, wires):
    """Ask about all. Returns the accepted ones that are stored here."""
    begun = time.monotonic()
    answers = ask(h.postfix.port, wires)
    note(f"answered: {len(wires)} addresses in {time.monotonic() - begun:.1f} s")
    wrong, counts, stored = [], {}, []
    for wire, got in zip(wires, answers):
        want = world.answer(wire)
        counts[want.code] = counts.get(want.code, 0) + 1
        if not world.agrees(want, got):
            wrong.append(f"{wire!r}: got {got[:60]!r}, expected {want.code}")
        elif want.boxes:
            stored.append(wire)
    note(f"expected: {counts}")
    equal("no answer is another than the model's", len(answers), len(wires))
    check(f"{len(wires)} addresses get the answer that the model gives", not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:400]))
    check("each kind of answer was met often", min(counts.get(c, 0) for c in ("250", "550", "454", "4 or 5")) > 300, counts)
    return stored


def groups(world, wires, chosen):
    """Messages: lists of recipients, none of them another's in other quotes or letters: Postfix takes those for one."""
    wires = list(wires)
    chosen.shuffle(wires)
    while wires:
        group = {take_apart(w): w for w in wires[:TOGETHER]}
        wires = wires[TOGETHER:]
        yield list(group.values())


def sample(world, wires, chosen):
    """Addresses of every domain and name below, odd ones before plain ones."""
    odd = [w for w in wires if not re.fullmatch(rb"[a-z0-9._-]+@[a-z0-9.-]+", w)]
    return set(chosen.sample(odd, min(len(odd), SENT // 2)) + chosen.sample(wires, min(len(wires), SENT // 2)))


def compare_mailboxes(h, world, stored, seed):
    """Send mail to a sample, and look where it lies."""
    chosen = random.Random(seed)
    sent = list(groups(world, sorted(sample(world, stored, chosen)), chosen))
    refused = []
    for number, recipients in enumerate(sent):
        rcpt, last, _ = h.postfix.send(recipients, f"Subject: {number}\nMessage-ID: <n{number}@example.org>\n\nx\n".encode(), mail_options="SMTPUTF8")
        if not last.startswith("250"):
            refused.append((recipients, rcpt, last))
    equal("every message is taken", refused, [])
    check("the queue runs empty", h.postfix.wait_empty(60), h.postfix.log()[-3000:])
    found = {}
    for path, content in h.all_mail().items():
        for m in messages(content):
            number = re.search(rb"^Message-ID: <n(\d+)@", m, re.M)
            found.setdefault(int(number[1]) if number else -1, []).append(path)
    wrong = []
    for number, recipients in enumerate(sent):
        want = sorted(b for r in recipients for b in world.answer(r).boxes)
        if sorted(found.get(number, [])) != want:
            log = [l for q in h.postfix.log_lines(f"message-id=<n{number}@") for l in h.postfix.log_lines(q.split(": ")[1] + ":", " to=<")]
            wrong.append(f"{recipients}:\n  got      {sorted(found.get(number, []))}\n  expected {want}\n  " + "\n  ".join(log))
    count = sum(map(len, sent))
    check(f"mail to {count} of them in {len(sent)} messages ends in the mailboxes that the model gives, once", count > SENT * 0.8 and not wrong,
          f"{len(wrong)} wrong\n" + "\n".join(wrong[:15]))
    equal("no other mail came", found.get(-1, []), [])
    equal("nothing bounced, nothing was deferred", h.postfix.log_lines("status=bounced") + h.postfix.log_lines("status=deferred"), [])


def main():
    seed = int(os.environ.get("PV_SEED", time.time_ns() % 1000000))
    note(f"seed {seed}")
    h, world = build()
    h.start()
    wires = dict.fromkeys(a.encode() for a in systematic(world))
    near = Near(world, seed).addresses()
    while len(wires) < AT_LEAST:
        wires[next(near).encode()] = None
    note(f"{len(wires)} addresses")
    stored = compare_answers(h, world, [w for w in wires if b"\r" not in w and b"\n" not in w])
    compare_mailboxes(h, world, stored, seed)
    done()


main()
