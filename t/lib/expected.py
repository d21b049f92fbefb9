"""expected.py: what a host with virtual domains should do with an address, in a few lines of Python.

It knows the files of /etc/virtual as an administrator does, and how Postfix takes an address apart; it calls no program.

    world = World([Domain("kvt.dk", users={"abc": "spool/kvt.dk/abc"}, sub_domains=True)], host={"postmaster": (BOX,)})
    world.answer(b"abc+x@a.kvt.dk") == Answer("250", ("spool/kvt.dk/abc",))
    world.answer(b"nosuch@kvt.dk") == Answer("550", ())
"""
import re
from collections import namedtuple

Answer = namedtuple("Answer", "code boxes")  # code: what the reply begins with, or may begin with

NOBODY = Answer("550", ())     # a domain of this host, and nobody of that name
FOREIGN = Answer("454", ())    # none of this host's, or an address that may lead on to another host
REFUSED = Answer("4 or 5", ())  # no address: Postfix says so with one of several codes
ANYTHING = Answer("2, 4 or 5", ())
ELSEWHERE = Answer("250", ())  # taken, for another host or for a transport of the test's

USER = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*)")
TAG = re.compile(r"[a-z0-9_+=#~-]*(?:\.[a-z0-9_+=#~-]+)*")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class Domain:
    """users: name → mailbox; off: names of those who get no mail; patterns: [(line of the file, the same in Python, its
    target)]; lines: of a standard domain, name → (targets in the file, mailboxes), "" stands for the catch-all; aliases: name →
    (targets in the file, mailboxes); expired: names of aliases that were; full_names: users answer to them; responders: names
    that are nothing else; receive: False: nobody gets mail. Where nothing is stored here, the mailboxes are ()."""

    def __init__(self, name, users=None, off=(), fallback=None, sub_domains=False, patterns=(), alias_of=None, own=(), lines=None,
                 aliases=None, expired=(), full_names=False, responders=(), settings="", receive=True):
        self.name, self.users, self.fallback = name, {u: (box,) for u, box in (users or {}).items() if u not in off}, fallback
        self.off, self.sub_domains, self.alias_of, self.own = off, sub_domains, alias_of, own
        self.aliases, self.expired, self.full_names, self.responders = aliases or {}, expired, full_names, responders
        self.receive = receive
        self.settings = settings + ("" if receive else "receive = no\n") + ("match_full_name = yes\n" if full_names else "")
        self.patterns = [(re.compile(p), target) for _, p, target in patterns]
        self.lines = None if lines is None else {local: boxes for local, (_, boxes) in lines.items()}
        self.texts = [text for text, *_ in patterns] if lines is None else {local: text for local, (text, _) in lines.items()}


def take_apart(wire):
    """(local part without quotes, domain) in lower case, of what stands between < and > in RCPT TO; None: no address. As Postfix does:
    a route in front, a comment and blanks do not count."""
    try:
        text = wire.decode()
    except UnicodeDecodeError:
        return None
    m = re.fullmatch(r'(?:@[A-Za-z0-9.-]+(?:,@[A-Za-z0-9.-]+)*:)?("(?:[^"\\]|\\.)*"|[^"\\]*?)@([^@"\\]*)', text, re.S)
    if not m:
        return None
    local, domain = m.groups()
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1], flags=re.S)
    else:
        local = re.sub(r"\([^()]*\)", "", local).strip(" ")
        if re.search(r"[\s()<>\[\],;:@]", local):
            return None
    domain = domain.strip(" ")
    domain = domain[:-1] if domain.endswith(".") else domain
    return local.casefold(), domain.casefold()


def good_domain(name):
    """A name that Postfix takes for a host's."""
    labels = name.split(".")
    return (len(name) <= 255 and not name.replace(".", "").isdigit()
            and all(1 <= len(l) <= 63 and re.fullmatch(r"[a-z0-9_\x80-\U0010ffff-]+", l) and l.strip("-") == l for l in labels))


class World:
    def __init__(self, domains, host, local=None, local_domains=(), relay_domains=(), mailbox_domains=None):
        """host: name → mailboxes of the addresses that every domain has; local: the same of the host's own people;
        mailbox_domains: name → its users."""
        self.domains = {d.name: d for d in domains}
        self.host, self.local = host, local or {}
        self.local_domains, self.relay_domains, self.mailbox_domains = local_domains, relay_domains, mailbox_domains or {}

    @staticmethod
    def agrees(answer, got):
        """Is this line what the answer says?"""
        return got.startswith(answer.code) if answer.code.isdigit() else got[:1].isdigit() and got[0] in answer.code

    def owner_of_name(self, name):
        """Who decides about mail for a domain name: (the nearest domain at or above it that is somebody's, how many labels
        below it the name is)."""
        labels = name.split(".")
        for n in range(len(labels)):
            above = ".".join(labels[n:])
            if above in self.domains or above in self.local_domains or above in self.relay_domains or above in self.mailbox_domains:
                return above, n
        return None, 0

    def exact(self, local, name):
        """The mailboxes of an address that stands in the files as it is, or None."""
        d = self.domains[self.domains[name].alias_of or name]
        if local in self.host and local not in d.own:
            return self.host[local]
        if d.lines is not None:
            return d.lines.get(local) if local else None
        if not d.receive:
            return None
        if local in d.aliases:
            return d.aliases[local][1]
        if local in d.users:
            return d.users[local]
        base, plus, _ = (local or "").partition("+")
        tag_again = plus and (base in d.users or base in d.aliases)  # user+tag that has expired is the user's
        if local in d.off or (local in d.expired and USER.fullmatch(base) and not tag_again):
            return () if self.catches_all(d) else None  # taken to be refused: the fallback must not get it
        if d.full_names and local.endswith("name") and local[:-4] in (*d.users, *d.off):
            return d.users.get(local[:-4], () if self.catches_all(d) else None)
        return () if local in d.responders else None

    @staticmethod
    def catches_all(d):
        return d.receive and bool(d.fallback or "unknown_to" in d.settings)

    def by_pattern(self, local, name):
        d = self.domains[self.domains[name].alias_of or name]
        for pattern, target in d.patterns:
            m = pattern.fullmatch(local)
            if m:
                return self.exact(m.expand(target), name)
        return None

    def catch_all(self, name):
        d = self.domains[self.domains[name].alias_of or name]
        if d.lines is not None:
            return d.lines.get("")
        return self.exact(d.fallback, name) or () if self.catches_all(d) else None

    def inside(self, local, name):
        """An address at the domain itself: the whole one, a pattern, without its tag, the catch-all."""
        base, plus, _ = local.partition("+")
        for boxes in (self.exact(local, name), self.by_pattern(local, name), self.exact(base, name) if plus and base else None):
            if boxes is not None:
                return boxes
        d = self.domains[self.domains[name].alias_of or name]
        return () if local in d.expired and self.catches_all(d) else self.catch_all(name)

    def below(self, local, name):
        """An address at a sub-domain of the domain: its users, with or without a tag, and no letters in that which somebody could take for more."""
        base, _, tag = local.partition("+")
        return self.exact(base, name) if USER.fullmatch(base) and TAG.fullmatch(tag) else None

    def is_sub_domain(self, name, above, depth):
        d = self.domains.get(above)
        d = d and self.domains[d.alias_of or above]
        return bool(d) and d.sub_domains and all(LABEL.fullmatch(l) for l in name.split(".")[:depth])

    def answer(self, wire):
        parts = take_apart(wire)
        if not parts or not good_domain(parts[1]) or parts[0].startswith("-"):
            return REFUSED
        local, name = parts
        if name in self.local_domains and not local:
            return ANYTHING  # Postfix's own way to write the empty address
        if name in self.local_domains and re.search("[@%!]", local):
            return REFUSED
        if re.search("[@%!]", local):
            return FOREIGN
        above, depth = self.owner_of_name(name)
        if above in self.relay_domains:
            return ELSEWHERE
        if depth == 0 and above in self.local_domains:
            base = local.partition("+")[0]
            return Answer("250", self.local[base]) if base in self.local else NOBODY
        if depth == 0 and above in self.mailbox_domains:
            return ELSEWHERE if local.partition("+")[0] in self.mailbox_domains[above] else NOBODY
        if depth == 0 and above:
            boxes = self.inside(local, name)
        elif self.is_sub_domain(name, above, depth):
            boxes = self.below(local, above)
        else:
            return FOREIGN
        return Answer("250", boxes) if boxes is not None else NOBODY
