#!/usr/bin/env python3
"""A sender that was killed leaves an end of file behind half a message: that is no message."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402

UID = 60302
top = scratch.folder("orphan.")
program = os.path.join(scratch.programs(top), "virtual-deliver")
for part in ("etc", "etc/example.org", "spool", "spool/example.org", "out"):
    os.mkdir(os.path.join(top, part), 0o755)
    if part.endswith("example.org") or part == "out":
        os.chown(os.path.join(top, part), UID, UID)
        os.chmod(os.path.join(top, part), 0o700)
scratch.write(f"{top}/etc/virtual.conf", f"spool_directory = {top}/spool\nmail_directory =\nlog_socket = {top}/log\n")
scratch.write(f"{top}/etc/example.org/passwd", f"abc:*:{UID}:{UID}:abc:.:\n")
os.chown(f"{top}/etc/example.org/passwd", UID, UID)
mailbox = f"{top}/spool/example.org/abc"
status = f"{top}/out/status"


def orphan(environment):
    """Start the program when its parent is gone already; give it half a message. Returns its status and output."""
    for path in (mailbox, status):
        if os.path.exists(path):
            os.unlink(path)
    # The shell waits until it has been handed to process 1; then the program takes its place.
    inner = (f'while [ "$(cut -d" " -f4 /proc/$$/stat)" != 1 ]; do sleep 0.02; done; '
             f'exec env {environment} {program} -c {top}/etc abc@example.org > {status} 2>&1')
    read_end, write_end = os.pipe()
    os.write(write_end, b"Subject: x\n\nhalf a message\n")
    first = os.fork()
    if first == 0:
        if os.fork() == 0:
            os.dup2(read_end, 0)
            os.close(read_end)
            os.close(write_end)
            os.setgroups([])
            os.setresgid(UID, UID, UID)
            os.setresuid(UID, UID, UID)
            os.execve("/bin/sh", ["/bin/sh", "-c", inner], scratch.CLEAN_ENV)
        os._exit(0)
    os.waitpid(first, 0)
    os.close(read_end)
    time.sleep(0.3)
    os.close(write_end)
    scratch.wait_for(lambda: scratch.read(status) or scratch.read(mailbox), 5)
    time.sleep(0.2)
    return scratch.read(status).decode()


said = orphan("MAIL_CONFIG=/etc/postfix")
check("under Postfix an orphan's end of file is no end of a message", said.startswith("4."), said)
equal("and nothing of it is stored", scratch.read(mailbox), b"")
said = orphan("X=1")
equal("started by hand, process 1 may be the sender", said, "")
check("and the message is stored", b"half a message" in scratch.read(mailbox), scratch.read(mailbox))
done()
