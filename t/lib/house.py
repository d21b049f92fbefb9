"""house.py: postfix-virtual on a Postfix of its own: settings, spool, maps, log and programs in one folder.

    h = House()
    a = h.account("a")
    h.domain("kvt.dk", a, {"abc": "", "kvt": a.pw_dir})   # files written by hand, as in 2002
    h.use_samples()                                       # samples/main.cf and master.cf
    h.maps()                                              # make-postfix-maps
    h.start()
    h.postfix.send("abc@kvt.dk", MESSAGE); h.mailbox("kvt.dk", "abc")
"""
import os
import re

import scratch
from logs import LogSocket
from postfix import Postfix
from scratch import TOP, read, run, write

# What map_directory holds.
MAP_TABLES = ("virtual", "virtual_domains", "virtual_refused", "virtual_senders")
MAP_FILES = sorted([*MAP_TABLES, *(t + ".lmdb" for t in MAP_TABLES), "virtual_regexp", "virtual_refused_regexp"])
HASH = "$6$abc$XLyx6DsRIdZbOoC8pN6YwDZVv8bSqYFVEcGYLCUlAVTCJcFHSTmVPd5jGpKDdPhGbVUJqgTqh46cTSDvmyT0u1"  # of a password that nobody asks for
MESSAGE = b"Subject: test\nMessage-ID: <1@example.org>\n\nhello\n"


def said(text):
    """What postfix-virtual writes to stderr where it has that to say."""
    return f"postfix-virtual: {text}\n" if text else ""


class House:
    def __init__(self, main_cf="", prefix="pv.", collect_log=True):
        scratch.need_root()
        self.top = scratch.folder(prefix)
        self.bin = scratch.programs(self.top)
        self.etc, self.spool = self.path("etc"), self.path("spool")
        self.map_folder = self.path("etc", "maps")
        for name in ("etc", "spool", "home", "run", "state"):
            os.mkdir(self.path(name), 0o755)
        self.postfix = Postfix(self.top, main_cf)
        self.log = LogSocket(self.path("log.socket")) if collect_log else None
        self.settings = {
            "spool_directory": self.spool,
            "map_directory": self.map_folder,
            "dovecot_group": "",  # most hosts have no Dovecot; files for it would slow every run down
            "postfix_config_directory": self.postfix.config,
            "mail_directory": "",
            "state_directory": self.path("state"),
            "run_directory": self.path("run"),
            "delivery_program": os.path.join(self.bin, "virtual-deliver"),
            "log_socket": self.path("log.socket"),
            "myhostname": "mail.example.net",
        }
        self.write_settings()

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def write_settings(self, **more):
        """All at once: a program that begins meanwhile must not find half of them, and take the host's own folders."""
        self.settings.update(more)
        path = os.path.join(self.etc, "virtual.conf")
        write(path + ".new", "".join(f"{k} = {v}\n" for k, v in self.settings.items()))
        os.replace(path + ".new", path)

    def account(self, word="a", name=None):
        return scratch.account(self.path("home"), word, name)

    # --- files by hand ---

    def domain(self, name, account, users, fallback=None, hashes=None):
        """Make a domain by hand. users: name → home field of passwd; hashes: name → hash of his password."""
        folder, spool = os.path.join(self.etc, name), os.path.join(self.spool, name)
        for path in (folder, spool):
            os.mkdir(path, 0o700)
            os.chown(path, account.pw_uid, account.pw_gid)
        lines = [f"{u}:{(hashes or {}).get(u, '*')}:{account.pw_uid}:{account.pw_gid}:{u}name:{home}:\n"
                 for u, home in sorted(users.items())]
        write(os.path.join(folder, "passwd"), "".join(lines), 0o600, account)
        if fallback:
            write(os.path.join(folder, "domain.conf"), f"fallback = {fallback}\n", 0o600, account)

    def forward(self, account, user, domain, text=None, mode=0o600):
        """Write ~account/.forward+user--domain; text: instead of our command. Returns its path."""
        path = os.path.join(account.pw_dir, f".forward+{user}--{domain}")
        return write(path, text or f'"|{self.deliver} {user}@{domain}"\n', mode, account)

    @property
    def deliver(self):
        """The command line of virtual-deliver here."""
        return f"{self.bin}/virtual-deliver -c {self.etc}"

    def sample(self, name):
        """samples/NAME as text, with the folders of this house."""
        with open(os.path.join(TOP, "samples", name), encoding="utf-8") as f:
            text = f.read().replace("/etc/virtual/maps", self.map_folder)
        text = text.replace("mailbox_command=/usr/local/bin/virtual-deliver", f"{{ mailbox_command={self.deliver} }}")
        return text.replace("/usr/local/bin/virtual-deliver", self.deliver)

    def use_samples(self):
        self.postfix.append("main.cf", self.sample("main.cf"))
        self.postfix.append("master.cf", self.sample("master.cf"))

    # --- programs ---

    def maps(self, *args):
        """make-postfix-maps; raises where it complains."""
        r = run([f"{self.bin}/make-postfix-maps", "-c", self.etc, *args])
        if r.returncode != 0 or r.stderr:
            raise RuntimeError(f"make-postfix-maps: exit {r.returncode}\n{(r.stdout + r.stderr).decode()}")

    def admin(self, *args, data=None):
        """postfix-virtual; returns CompletedProcess."""
        return run([f"{self.bin}/postfix-virtual", "-c", self.etc, *args], data=data)

    def must_admin(self, *args, data=None):
        r = self.admin(*args, data=data)
        if r.returncode != 0:
            raise RuntimeError(f"postfix-virtual {' '.join(args)}: exit {r.returncode}\n{(r.stdout + r.stderr).decode()}")
        return r.stdout.decode()

    def hand_over(self, account, recipient, message, sender="s@example.org", queue_id="4ABCDE12345", **more):
        """Run virtual-deliver as local(8) would, without Postfix: as the account, with the four lines and a Received
        of this host's on top. Returns CompletedProcess."""
        user, _, domain = recipient.partition("@")
        top = (f"From {sender or 'MAILER-DAEMON'}  Fri Nov 20 10:00:00 2026\nReturn-Path: <{sender}>\n"
               f"X-Original-To: {recipient}\nDelivered-To: {account.pw_name}+{user}--{domain}@virtual.invalid\n"
               "Received: from client.example.org (localhost [127.0.0.1])\n"
               f"\tby mail.example.net (Postfix) with ESMTP id {queue_id}\n"
               f"\tfor <{recipient}>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)\n")
        env = {"HOME": account.pw_dir, "EXTENSION": f"{user}--{domain}", "LOGNAME": account.pw_name, "SENDER": sender}
        return run([f"{self.bin}/virtual-deliver", "-c", self.etc, recipient], data=top.encode() + message, env=env,
                   user=account.pw_uid, group=account.pw_gid, extra_groups=[], **more)

    def start(self):
        self.postfix.start()

    # --- what came of it ---

    def mailbox(self, domain, user):
        """The bytes of a mailbox in the spool."""
        return read(os.path.join(self.spool, domain, user))

    def all_mail(self):
        """path → bytes of every mailbox: in the spool and in the homes."""
        found = {}
        for top in (self.spool, self.path("home")):
            for folder, folders, names in os.walk(top):
                folders[:] = [f for f in folders if not f.startswith(".")]
                for n in names:
                    if not n.startswith(".") and not n.endswith(".lock"):
                        path = os.path.join(folder, n)
                        found[os.path.relpath(path, self.top)] = read(path)
        return found


def messages(mbox):
    """An mbox cut into messages, each with its From_ line and without the empty line that ends it."""
    parts = re.split(rb"(?m)^(?=From )", mbox)
    if parts[0]:
        raise ValueError(f"not an mbox: {mbox[:60]!r}")
    bad = [p for p in parts[1:] if not p.endswith(b"\n\n")]
    if bad:
        raise ValueError(f"a message without its empty line: {bad[0][-60:]!r}")
    return [p[:-1] for p in parts[1:]]


def top_lines(message):
    """The lines above the first Received, as text."""
    return message.decode(errors="surrogateescape").partition("\nReceived:")[0].split("\n")


def undated(mbox):
    """An mbox without what differs between two deliveries of one message: dates, queue ids."""
    mbox = re.sub(rb"(?m)^(From \S+) .*", rb"\1 DATE", mbox)
    mbox = re.sub(rb"id [0-9A-F]{8,}", b"id QUEUEID", mbox)
    return re.sub(rb"; \w{3}, .*", b"; DATE", mbox)
