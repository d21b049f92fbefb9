#!/usr/bin/python3
"""What changes virtual_regexp, killed at every system call: sub-domains switched on, and pattern aliases that were
edited. The old text or the new one, never half of one; the next command finishes; no litter.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from killing import Stage  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

HASH = "$6$abc$XLyx6DsRIdZbOoC8pN6YwDZVv8bSqYFVEcGYLCUlAVTCJcFHSTmVPd5jGpKDdPhGbVUJqgTqh46cTSDvmyT0u1"
BEFORE, AFTER = "/^sales-([a-z0-9]+)$/: sales\n", "/^sales-([a-z]+)$/: sales\n/^info-[0-9]+$/: abc\n"
SET = ["domain", "set", "kvt.dk", "sub_domains=yes"]
# What may stay: locks, and which text Postfix has read.
RUN_FILES = re.compile(r".*\.lock|reload.*|[^.].*")
MAP_FILES = {"virtual", "virtual_domains", "virtual_regexp", "virtual.lmdb", "virtual_domains.lmdb", "virtual_senders", "virtual_senders.lmdb"}


def furnish(h):
    """Two domains of an account: old.dk has sub-domains, kvt.dk a pattern."""
    a = h.account("k")
    h.must_admin("domain", "add", "old.dk", "--account", a.pw_name, "--sub-domains")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    for address in ("abc@old.dk", "abc@kvt.dk", "sales@kvt.dk"):
        h.must_admin("user", "add", address, "--hash", HASH)
    write(os.path.join(h.etc, "kvt.dk", "aliases"), BEFORE, 0o600, a)
    h.maps()
    return a


class Host(Stage):
    def build(self):
        self.account = furnish(self.h)
        self.texts = self.odd = None
        os.unlink(os.path.join(self.h.path("run"), "reload"))  # or the first cases wait for the time of a reload

    @property
    def regexp(self):
        return os.path.join(self.h.map_folder, "virtual_regexp")

    def watch(self, argv, then):
        """For killed_everywhere's `later`: look at the disk as the kill left it, then say what runs next."""
        self.texts, self.odd = set(), []
        old, new = (s["etc/maps/virtual_regexp"][2] for s in self.both_ends(argv))

        def later(turn):
            text = read(self.regexp)
            self.texts.add(text)
            if text not in (old, new):
                self.odd.append(f"virtual_regexp is neither: {text!r}")
            return then(turn)
        return later

    def litter(self):
        """What lies about in maps/, run/ and state/pending."""
        left = [n for n in os.listdir(self.h.map_folder) if n not in MAP_FILES]
        left += [n for n in os.listdir(self.h.path("run")) if not RUN_FILES.fullmatch(n)]
        return left + os.listdir(os.path.join(self.h.path("state"), "pending"))


def kills(s):
    total = 0
    for sentence, argv, then in (
            ("sub-domains switched on", s.command(SET), s.later),
            ("edited patterns, one domain", s.maps("kvt.dk"), lambda turn: s.maps() if turn % 2 else s.maps("kvt.dk"))):
        if sentence.startswith("edited"):
            s.renew()
            write(os.path.join(s.h.etc, "kvt.dk", "aliases"), AFTER, 0o600, s.account)
            s.save()
        count, wrong, ends = s.killed_everywhere(argv, "root", (), s.watch(argv, then), sentence)
        total += count
        check(f"{sentence}, killed at {count} calls: the next command leaves it undone or done, whole", not wrong, "\n".join(wrong[:5]))
        equal(f"{sentence}: virtual_regexp is the old or the new one at any time", s.odd, [])
        check(f"{sentence}: both were met", len(s.texts) == 2 and ends["new"] > 0, (ends, s.texts))
        equal(f"{sentence}: nothing lies about", s.litter(), [])
    check("enough kills", total > 45, total)


def main():
    s = Host()
    kills(s)
    equal("what was killed left no process", run(["/usr/bin/pgrep", "-f", s.h.etc]).stdout, b"")
    done()


main()
