"""answers.py: responders and vacations of a House, written by hand, and what came of them.

    put(h, account, "kvt.dk", "info.auto", "Subject: Price list\\n\\nSee below.\\n")
    put(h, account, "kvt.dk", "abc.vacation.db", "")          # turns the vacation on
    answers(h, "client.dk", "s")                              # the answers in a mailbox, as email.message
"""
import email
import os

from house import messages
from scratch import read, write


def folder(h, domain, account):
    """SPOOL/<domain>/.files, made where it is missing."""
    path = os.path.join(h.spool, domain, ".files")
    if not os.path.isdir(path):
        os.mkdir(path, 0o700)
        os.chown(path, account.pw_uid, account.pw_gid)
    return path


def put(h, account, domain, name, text, mode=0o600):
    """Make or (text None) remove a file there."""
    path = os.path.join(folder(h, domain, account), name)
    if text is None:
        if os.path.lexists(path):
            os.unlink(path)
        return path
    return write(path, text, mode, account)


def in_mailbox(h, domain, user):
    """All messages of a mailbox, as email.message."""
    return [email.message_from_bytes(m.partition(b"\n")[2]) for m in messages(h.mailbox(domain, user))]


def answers(h, domain, user):
    """Those of them that a machine of ours answered with."""
    return [m for m in in_mailbox(h, domain, user) if m["X-Loop"]]


def index(h, domain, name):
    """The lines of an index, as [first, often, address]."""
    text = read(os.path.join(h.spool, domain, ".files", name)).decode()
    return [l.split(" ", 2) for l in text.splitlines() if not l.startswith("#")]

