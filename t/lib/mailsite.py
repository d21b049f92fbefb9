"""mailsite.py: what tests of actions on a real Postfix share: domains of several accounts, files written by hand, who has how much mail.

    s = Site({"a.dk": ["abc", "def"], "client.dk": ["s"]}); s.settings("a.dk", "users/abc", "quota = 1500\\n")
    log = s.send("abc@a.dk"); s.counts("abc@a.dk"); bounces(s.mail("client.dk", "s")); s.forget()
"""
import os

from answers import in_mailbox
from house import House
from scratch import write
from tap import check

TEXT = b"Subject: actions\nMessage-ID: <a1@client.dk>\n\nhello\n"


class Site:
    """domains: name → its users; each domain has an account of its own. registry: the file `domains`."""

    def __init__(self, domains, registry=""):
        h = self.h = House("default_transport = error:no outside\n")
        self.accounts = {d: h.account(d[0]) for d in domains}
        for d, users in domains.items():
            h.domain(d, self.accounts[d], {u: "." for u in users})
        write(h.path("etc", "domains"), registry)
        self.work = h.path("work")
        os.mkdir(self.work)
        os.chmod(self.work, 0o777)
        h.use_samples()
        h.maps()
        h.start()
        h.postfix.let_accounts_send()

    def settings(self, domain, name, text, maps=False):
        owner, path = self.accounts[domain], os.path.join(self.h.etc, domain, name)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        write(path, text, 0o600, owner)
        if maps:
            self.h.maps()

    def aliases(self, domain, text):
        self.settings(domain, "aliases", text, maps=True)

    def script(self, name, text):
        return write(self.h.path("bin", name), "#!/bin/sh\n" + text, 0o755)

    def send(self, recipient, text=TEXT, sender="s@client.dk", settled=True):
        """Send, wait until all is quiet; returns the log lines that came of it."""
        before = len(self.h.postfix.log())
        self.h.postfix.send(recipient, text, sender=sender)
        if settled:
            check(f"the mail to {recipient} settles", self.h.postfix.wait_empty(60), self.h.postfix.log()[before:])
        return self.h.postfix.log()[before:]

    def mail(self, domain, user):
        return in_mailbox(self.h, domain, user) if os.path.exists(os.path.join(self.h.spool, domain, user)) else []

    def counts(self, *addresses):
        return [len(self.mail(*reversed(a.split("@")))) for a in addresses]

    def forget(self):
        """Empty all mailboxes."""
        for d in self.accounts:
            folder = os.path.join(self.h.spool, d)
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    os.unlink(path)
        for name in os.listdir(self.work):
            os.unlink(os.path.join(self.work, name))


def bounces(mails):
    return [m for m in mails if m.get_content_type() == "multipart/report"]
