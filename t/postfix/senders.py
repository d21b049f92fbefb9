#!/usr/bin/python3
"""Mail of a domain that root gave a service of its own leaves by it; all other mail of the host leaves as before."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import read  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

INSIDE = "127.0.0.2"
SETTING = "sender_dependent_default_transport_maps"
# discard(8) logs the next host as the reason: so the way can be seen without another host.
SERVICES = "".join(f"{name} unix - - n - - discard -o syslog_name=postfix-{name}\n" for name in ("kvtout", "second", "hand", "usual"))
MAIN_CF = (f"default_transport = usual:[host.usual.example]\n{SETTING} = inline:{{@hand.example=hand:}}\n")


class Host:
    def __init__(self):
        self.house = House(MAIN_CF)
        self.house.postfix.append("master.cf", SERVICES)
        self.count = 0

    def way(self, sender, to="someone@out.example"):
        """Send a message out. Returns the service and the next host that it left by."""
        self.count += 1
        mark = f"m{self.count}"
        self.house.postfix.send(to, f"Message-ID: <{mark}@example.org>\n\nx\n".encode(), sender=sender, source=INSIDE)
        log = self.house.postfix.wait_log(f"message-id=<{mark}@example.org>")
        queue_id = log[0].split(": ")[1]
        line = (self.house.postfix.wait_log(f" {queue_id}: to=", "status=") or ["nothing was logged"])[0]
        service = next((s for s in ("kvtout", "second", "hand", "usual") if f"postfix-{s}/" in line), line)
        return f"{service} {line.rpartition('(')[2].rstrip(')')}"


def ways(host, what, rows):
    for sender, want in rows:
        equal(f"{what}: mail from <{sender}> leaves by {want.split()[0]}", host.way(sender), want)


USUAL, OURS = "usual [host.usual.example]", "kvtout [192.0.2.1]:2525"


def main():
    host = Host()
    h = host.house
    files = lambda: [read(f"{h.postfix.config}/{n}") for n in ("main.cf", "master.cf")]
    before = files()
    h.must_admin("setup", "--yes")
    equal("where no domain has a service of its own, main.cf says of senders what it said", h.postfix.value(SETTING), "inline:{@hand.example=hand:}")
    h.start()
    a = h.account("a")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    h.must_admin("user", "add", "abc@kvt.dk", "--random")
    h.must_admin("domain", "alias", "kvt.org", "kvt.dk")
    h.must_admin("domain", "add", "other.dk", "--account", a.pw_name)
    r = h.admin("domain", "set", "kvt.dk", "sender_transport=kvtout:[192.0.2.1]:2525")
    check("domain set works and says that setup is next", r.returncode == 0 and b"postfix-virtual setup" in r.stderr, r)
    ways(host, "before setup", [("abc@kvt.dk", USUAL), ("x@hand.example", "hand out.example")])
    out = h.must_admin("setup", "--yes")
    contains("setup shows the word", out, f"\n+{SETTING} = inline:{{@hand.example=hand:}}, lmdb:{h.map_folder}/virtual_senders\n")
    equal("and nothing is left to do", h.must_admin("setup", "--yes"), "nothing to do: everything is set up\n")
    ways(host, "after setup", [
        ("abc@kvt.dk", OURS), ("ABC@KVT.DK", OURS), ("abc+tag@kvt.dk", OURS), ("nosuch@kvt.dk", OURS), ("abc@kvt.org", OURS),
        ("abc@sub.kvt.dk", USUAL), ("abc@xkvt.dk", USUAL), ("abc@other.dk", USUAL), ("kvt.dk@else.example", USUAL), ("", USUAL),
        ("x@hand.example", "hand out.example")])
    h.postfix.send("abc@kvt.dk", b"Subject: within\n\nx\n", sender="abc@kvt.dk", source=INSIDE)
    check("mail within the domain stays here", h.postfix.wait_empty() and b"\nSubject: within\n" in h.mailbox("kvt.dk", "abc"), h.postfix.log())
    h.must_admin("domain", "set", "kvt.dk", "sender_transport=second")
    ways(host, "another service, without a setup", [("abc@kvt.dk", "second out.example"), ("abc@kvt.org", "second out.example")])
    h.must_admin("domain", "set", "kvt.dk", "sender_transport=")
    ways(host, "none any more", [("abc@kvt.dk", USUAL), ("abc@kvt.org", USUAL)])
    h.must_admin("setup", "--yes")
    equal("setup takes out the word that nobody needs", h.postfix.value(SETTING), "inline:{@hand.example=hand:}")
    h.must_admin("domain", "set", "other.dk", "sender_transport=second:")
    h.must_admin("setup", "--yes")
    contains("and puts it in again", h.postfix.value(SETTING), "virtual_senders")
    h.must_admin("domain", "delete", "other.dk", "--yes")
    equal("a domain that is deleted leaves the table", read(f"{h.map_folder}/virtual_senders").count(b"\n@"), 0)
    h.must_admin("setup", "--undo", "--yes")
    equal("undo leaves main.cf and master.cf byte for byte as before", files(), before)
    done()


main()
